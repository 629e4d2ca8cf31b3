"""Several authorizers as one.  Upstream: apiserver `pkg/authorization/union/union.go`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from cluster.api.authorization import Attributes, Authorizer, Decision, Verdict
from cluster.api.user import MASTERS
from rbac.authz.observers import unobserved

_MASTER: Final = Verdict(Decision.ALLOW, "")
NO_OPINION: Final = Verdict(Decision.NO_OPINION, "")


class PrivilegedGroupAuthorizer:
    """Allows everything to members of system:masters, whatever roles there are."""

    name: Final = MASTERS

    def authorize(self, attributes: Attributes) -> Verdict:
        return _MASTER if MASTERS in attributes.user.groups else NO_OPINION


class UnionAuthorizer:
    """The first opinion wins; with none, NoOpinion and everyone's reasons, a line each, and errors."""

    def __init__(self, authorizers: Sequence[Authorizer], observers: Sequence[Callable[[Decision], None]] = ()) -> None:
        """`observers`, one for each authorizer or none at all, are told of its opinions."""
        self._authorizers = tuple(authorizers)
        self._observed = tuple(zip(authorizers, observers or [unobserved] * len(authorizers), strict=True))

    @property
    def members(self) -> tuple[Authorizer, ...]:
        """Whom it asks, in order; each one's `name` is what explanations call it."""
        return self._authorizers

    def authorize(self, attributes: Attributes) -> Verdict:
        reasons: list[str] = []
        errors: list[str] = []
        for authorizer, observe in self._observed:
            verdict = authorizer.authorize(attributes)
            if verdict.decision is not Decision.NO_OPINION:
                observe(verdict.decision)
                return verdict
            if verdict.reason:
                reasons.append(verdict.reason)
            if verdict.error:
                errors.append(verdict.error)
        return Verdict(Decision.NO_OPINION, "\n".join(reasons), aggregated(errors)) if reasons or errors else NO_OPINION


def aggregated(problems: Sequence[str]) -> str:
    """Several errors as one, as upstream joins them."""
    distinct = list(dict.fromkeys(problems))
    return distinct[0] if len(distinct) == 1 else f"[{', '.join(distinct)}]" if distinct else ""
