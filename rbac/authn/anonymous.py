"""Who may come without credentials."""

from __future__ import annotations

from msgspec import Struct


class Anonymous(Struct, frozen=True):
    """Whether a request without credentials may be anonymous, and (if any are named) at which paths only."""

    enabled: bool
    paths: frozenset[str] = frozenset()

    def allows(self, path: str) -> bool:
        return self.enabled and (not self.paths or path in self.paths)
