"""Authorizers that need to know nothing, and what each authorizer tells of the rules that it goes by.

Upstream: apiserver `pkg/authorization/authorizerfactory/builtin.go`, `pkg/authorization/union/union.go` (rule resolvers).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from msgspec import Struct

from cluster.api.authorization import Attributes, Decision, Verdict
from cluster.api.user import UserInfo
from rbac.authz.references import node_name
from rbac.authz.union import aggregated
from rbac.rules import Rule

_ALLOW: Final = Verdict(Decision.ALLOW)
_FORBIDDEN: Final = Verdict(Decision.NO_OPINION, "Everything is forbidden.")
_EVERYTHING: Final[tuple[Rule, ...]] = (
    {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]},
    {"verbs": ["*"], "nonResourceURLs": ["*"]},
)


class AlwaysAllowAuthorizer:
    """Allows whatever is asked."""

    name: Final = "AlwaysAllow"

    def authorize(self, attributes: Attributes) -> Verdict:  # noqa: ARG002
        return _ALLOW


class AlwaysDenyAuthorizer:
    """Allows nothing; whoever is asked next may."""

    name: Final = "AlwaysDeny"

    def authorize(self, attributes: Attributes) -> Verdict:  # noqa: ARG002
        return _FORBIDDEN


class ListedRules(Struct, frozen=True):
    """What a user may do, as far as it can be listed; `error` says what could not be."""

    rules: Sequence[Rule] = ()
    incomplete: bool = False
    error: str = ""


RuleLister = Callable[[UserInfo, str], ListedRules]
"""(user, namespace) to what one authorizer tells."""


def no_rules(user: UserInfo, namespace: str) -> ListedRules:  # noqa: ARG001
    return ListedRules()


def all_rules(user: UserInfo, namespace: str) -> ListedRules:  # noqa: ARG001
    return ListedRules(_EVERYTHING)


def node_rules(user: UserInfo, namespace: str) -> ListedRules:  # noqa: ARG001
    """What nodes may do depends on what runs on them."""
    if node_name(user) is None:
        return ListedRules()
    return ListedRules(incomplete=True, error="node authorizer does not support user rule resolution")


def webhook_rules(user: UserInfo, namespace: str) -> ListedRules:  # noqa: ARG001
    return ListedRules(incomplete=True, error="webhook authorizer does not support user rule resolution")


def united(listers: Sequence[RuleLister], user: UserInfo, namespace: str) -> ListedRules:
    """What all of them tell."""
    found = [lister(user, namespace) for lister in listers]
    rules = [rule for each in found for rule in each.rules]
    return ListedRules(rules, any(each.incomplete for each in found), aggregated([each.error for each in found if each.error]))
