"""Whether mutating plugins are to run a second time, because a later one changed what an earlier one has seen.

Upstream: apiserver `pkg/admission/attributes.go` (reinvocationContext), `reinvocation.go`; both plugins have a `reinvocationcontext.go`.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import orjson
from msgspec import Struct, field

from cluster.api.names import Object


class Reinvocation(Struct):
    """Of one write.  A plugin sets `wanted` where something is to run again; the chain then runs once more, with `running` set."""

    wanted: bool = False
    running: bool = False
    values: dict[str, Any] = field(default_factory=dict)
    """What plugins remember between the two rounds, by the plugin's name."""


class Rounds(Struct):
    """What a plugin of webhooks or policies remembers of the first round for the second: which of them want to be asked again, and which
    must be, for something has changed.
    """

    seen: bytes | None = None
    """The object as the round left it."""
    willing: set[Hashable] = field(default_factory=set)
    due: set[Hashable] = field(default_factory=set)

    def changed(self) -> None:
        self.due |= self.willing
        self.willing = set()

    def leave(self, obj: Object | None) -> None:
        self.seen = _snapshot(obj) if self.willing else None

    def has_changed(self, obj: Object | None) -> bool:
        return bool(self.willing) and self.seen != _snapshot(obj)


def _snapshot(obj: Object | None) -> bytes:
    return orjson.dumps(obj, option=orjson.OPT_SORT_KEYS)
