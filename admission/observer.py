"""Who is told what the chain does with a write, as it happens: the trace of an explanation, the coverage of a policy test.

A server serves without one, so that a request pays a look at None.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from msgspec import Struct

if TYPE_CHECKING:
    from admission.attributes import Attributes
    from cluster.api.errors import StatusError

MUTATING: Final = "mutating"
VALIDATING: Final = "validating"


class Judgement(Struct, frozen=True):
    """One part of a policy or webhook that was looked at: `part` is its path in the policy's spec, e.g. `validations[0]`.

    `outcome` is `true` or `false` of a condition or validation, `evaluated` of what comes to anything else (a variable, a message, an
    annotation), `matched` or `skipped` of constraints, `mutated` or `unchanged` of a mutation, `called` of a webhook, and `error` where it
    could not be told: `message` says why.
    """

    plugin: str
    policy: str
    binding: str
    part: str
    outcome: str
    message: str = ""


class Observer(Protocol):
    thorough: bool
    """Whether it is to be told of every plugin, and of what has no say of its own: policies whose rules do not match, constraints
    that do, variables."""

    def entered(self, phase: str, plugin: str, attributes: Attributes) -> None:
        """A plugin is about to see the write."""
        ...

    def left(self, phase: str, plugin: str, attributes: Attributes, error: StatusError | None) -> None:
        """It has; `error` where it denied."""
        ...

    def judged(self, judgement: Judgement) -> None:
        """A plugin has looked at a part of a policy."""
        ...
