"""What is counted of webhooks; whoever assembles a server hands in who counts.

Upstream: apiserver `pkg/admission/metrics/metrics.go`.
"""

from __future__ import annotations

from typing import Final, Protocol

CALLING_ERROR: Final = "calling_webhook_error"
SERVER_ERROR: Final = "apiserver_internal_error"
NO_ERROR: Final = "no_error"
"""Why a webhook rejects: it could not be called, something failed here, or it said no itself."""


class Counting(Protocol):
    """`kind` is `admit` or `validating`, or where upstream has it so `validate`; seconds are those that something took."""

    def webhook_called(self, name: str, kind: str, operation: str, seconds: float, rejected: bool, code: int) -> None:
        """`code`: 200, that of the rejection or failure, or 0 for a failure of the server's own."""
        ...

    def webhook_rejected(self, name: str, kind: str, operation: str, error: str, code: int) -> None: ...

    def webhook_failed_open(self, name: str, kind: str) -> None: ...

    def conditions_judged(self, name: str, kind: str, operation: str, seconds: float, errors: int) -> None:
        """Match conditions were evaluated, so many of them in vain."""
        ...

    def conditions_excluded(self, name: str, kind: str, operation: str) -> None:
        """A webhook was not asked because of its match conditions."""
        ...


class Uncounted:
    """Counts nothing."""

    def webhook_called(self, name: str, kind: str, operation: str, seconds: float, rejected: bool, code: int) -> None: ...

    def webhook_rejected(self, name: str, kind: str, operation: str, error: str, code: int) -> None: ...

    def webhook_failed_open(self, name: str, kind: str) -> None: ...

    def conditions_judged(self, name: str, kind: str, operation: str, seconds: float, errors: int) -> None: ...

    def conditions_excluded(self, name: str, kind: str, operation: str) -> None: ...


UNCOUNTED: Final[Counting] = Uncounted()
