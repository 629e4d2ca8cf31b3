"""What is counted of admission; whoever assembles a server hands in who counts.

Upstream: apiserver `pkg/admission/metrics/metrics.go`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

ADMIT: Final = "admit"
VALIDATE: Final = "validate"
CALLING_ERROR: Final = "calling_webhook_error"
SERVER_ERROR: Final = "apiserver_internal_error"
NO_ERROR: Final = "no_error"
"""Why a webhook rejects: it could not be called, something failed here, or it said no itself."""

Passed = Callable[[int, bool], None]
"""(nanoseconds, whether it rejected the write)"""


class Counting(Protocol):
    """`kind` is `admit`, or `validate`, which webhooks call `validating`; seconds are those that something took."""

    def step(self, kind: str, operation: str) -> Passed | None:
        """Counts how long a whole phase takes; None where nobody does."""
        ...

    def controller(self, name: str, kind: str, operation: str) -> Passed | None:
        """Counts how long a plugin takes; None where nobody does."""
        ...

    def webhook_called(self, name: str, kind: str, operation: str, seconds: float, rejected: bool, code: int) -> None:
        """`code`: 200, that of the rejection or failure, or 0 for a failure of the server's own."""
        ...

    def webhook_rejected(self, name: str, kind: str, operation: str, error: str, code: int) -> None: ...

    def webhook_failed_open(self, name: str, kind: str) -> None: ...

    def conditions_judged(self, of: str, name: str, kind: str, operation: str, seconds: float, errors: int) -> None:
        """The match conditions of a `webhook` or `policy` do not hold, and so many of them could not be evaluated."""
        ...

    def conditions_excluded(self, name: str, kind: str, operation: str) -> None:
        """A webhook was not asked because of its match conditions."""
        ...

    def policy_checked(self, policy: str, binding: str, error: str, action: str, nanoseconds: int) -> None:
        """A validating policy found something wrong: an expression that is false or failed, and what that led to (`deny`, `allow`, ...)."""
        ...

    def policy_mutated(self, policy: str, binding: str, error: str, nanoseconds: int) -> None:
        """A mutation was made, or could not be: `no_error`, `compile_error`, ..."""
        ...


class Uncounted:
    """Counts nothing."""

    def step(self, kind: str, operation: str) -> None: ...

    def controller(self, name: str, kind: str, operation: str) -> None: ...

    def webhook_called(self, name: str, kind: str, operation: str, seconds: float, rejected: bool, code: int) -> None: ...

    def webhook_rejected(self, name: str, kind: str, operation: str, error: str, code: int) -> None: ...

    def webhook_failed_open(self, name: str, kind: str) -> None: ...

    def conditions_judged(self, of: str, name: str, kind: str, operation: str, seconds: float, errors: int) -> None: ...

    def conditions_excluded(self, name: str, kind: str, operation: str) -> None: ...

    def policy_checked(self, policy: str, binding: str, error: str, action: str, nanoseconds: int) -> None: ...

    def policy_mutated(self, policy: str, binding: str, error: str, nanoseconds: int) -> None: ...


UNCOUNTED: Final[Counting] = Uncounted()
