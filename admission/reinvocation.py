"""Whether mutating plugins are to run a second time, because a later one changed what an earlier one has seen.

Upstream: apiserver `pkg/admission/attributes.go` (reinvocationContext), `reinvocation.go`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Reinvocation:
    """Of one write.  A plugin sets `wanted` where something is to run again; the chain then runs once more, with `running` set."""

    wanted: bool = False
    running: bool = False
    values: dict[str, Any] = field(default_factory=dict)
    """What plugins remember between the two rounds, by the plugin's name."""
