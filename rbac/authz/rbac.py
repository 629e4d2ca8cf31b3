"""The RBAC authorizer and its rule resolver.  Upstream: `plugin/pkg/auth/authorizer/rbac`, `pkg/registry/rbac/validation/rule.go`."""

from __future__ import annotations

from math import inf
from typing import Final

from cluster.api.authorization import Attributes, Decision, Verdict
from cluster.api.errors import NotFound, StatusError
from cluster.api.field import quoted
from cluster.api.names import GroupResource, Object
from cluster.api.user import UserInfo
from rbac.authz.index import GROUP, RbacIndex, subject_keys
from rbac.authz.union import NO_OPINION, aggregated
from rbac.rules import Rule

_MOST_KNOWN: Final = 2048
"""Verdicts that are remembered at a time."""


class RbacAuthorizer:
    """Allows what a bound role allows; never denies."""

    name: Final = "RBAC"

    def __init__(self, index: RbacIndex) -> None:
        self._index = index
        self._known: tuple[int, float, dict[Attributes, Verdict]] = -1, 0.0, {}
        """The verdicts since the index last changed; how often it had, and until when they are good, as a binding ends then."""

    def authorize(self, attributes: Attributes) -> Verdict:
        """Allow with `RBAC: allowed by ...`; NoOpinion, with the roles that are missing, if any, as its reason."""
        index = self._index
        changes, until, known = self._known
        if changes != index.changes or len(known) >= _MOST_KNOWN or not (until == inf or index.is_before(until)):
            self._known = index.changes, index.next_end(), (known := {})
        verdict = known.get(attributes)
        if verdict is None:
            verdict = known[attributes] = self._verdict(attributes)
        return verdict

    def _verdict(self, attributes: Attributes) -> Verdict:
        keys = subject_keys(attributes.user)
        role = self._index.role
        problems: list[str] | None = None
        for binding in self._index.bindings(keys, attributes.namespace, attributes.until):
            rules = role(binding)
            if rules is None:
                problems = [*(problems or ()), binding.missing()]
                continue
            for rule in rules:
                if rule.allows(attributes):
                    return Verdict(Decision.ALLOW, f"RBAC: allowed by {binding.describe(keys)}")
        return Verdict(Decision.NO_OPINION, f"RBAC: {aggregated(problems)}") if problems else NO_OPINION


class RuleResolver:
    """What a user may do, as rules."""

    def __init__(self, index: RbacIndex) -> None:
        self._index = index

    def rules_for(self, user: UserInfo, namespace: str, until: float = 0.0) -> tuple[list[Rule], str]:
        """All rules that apply to a user in a namespace ("": cluster-wide ones only), and what could not be resolved.

        With `until`, in epoch seconds, only those that the user holds that long at least.
        """
        rules: list[Rule] = []
        problems: list[str] = []
        for binding in self._index.bindings(subject_keys(user), namespace, until):
            compiled = self._index.role(binding)
            if compiled is None:
                problems.append(binding.missing())
            else:
                rules += [rule.source for rule in compiled]
        return rules, aggregated(problems)

    def rules_of(self, role_reference: Object, namespace: str) -> list[Rule]:
        """The rules of a roleRef; NotFound where the role is missing."""
        kind, name = role_reference.get("kind", ""), role_reference.get("name", "")
        compiled = self._index.role_by_reference(kind, namespace, name)
        if compiled is not None:
            return [rule.source for rule in compiled]
        if kind not in ("Role", "ClusterRole"):
            raise StatusError(f"unsupported role reference kind: {quoted(kind)}")
        raise NotFound.of(GroupResource(GROUP, kind.lower()), name)
