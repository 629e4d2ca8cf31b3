"""Nobody grants what they do not hold, nor for longer than they hold it: checks on writing roles and bindings.

A role has no end, so only what its writer holds without one counts; a binding may carry one, and what lasts as long counts.
Upstream: `pkg/registry/rbac/{role,clusterrole,rolebinding,clusterrolebinding}/policybased/storage.go`, `escalation_check.go`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final, Protocol

from cluster.api.authorization import Attributes, Authorizer
from cluster.api.errors import Forbidden, NotFound
from cluster.api.expiry import expiry_of
from cluster.api.field import quoted, quoted_list
from cluster.api.names import GroupResource, Object
from cluster.api.user import MASTERS, UserInfo
from rbac.authz.index import GROUP
from rbac.rules import Rule, compact, compact_string, uncovered

_EVERYTHING: Final[tuple[Rule, ...]] = (
    {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]},
    {"verbs": ["*"], "nonResourceURLs": ["*"]},
)
_COLLECTED: Final = frozenset({"finalizers", "ownerReferences", "managedFields", "resourceVersion"})


class Resolver(Protocol):
    def rules_for(self, user: UserInfo, namespace: str, until: float = 0.0) -> tuple[list[Rule], str]: ...

    def rules_of(self, role_reference: Object, namespace: str) -> list[Rule]: ...


def check_role_write(
    user: UserInfo, resource: GroupResource, namespace: str, obj: Object, old: Object | None, authorizer: Authorizer, resolver: Resolver
) -> None:
    """Forbidden where a Role or ClusterRole would hold what its writer does not, unless the writer may `escalate`.

    `old` is None for a create.  Call it after the object is decoded and before it is validated; `namespace` is the URL's.
    """
    if MASTERS in user.groups or (old is not None and _only_collected(obj, old)):
        return
    name = obj["metadata"].get("name", "")
    # upstream asks with the name in the URL, which a create does not have
    asked = name if old is not None else ""
    if authorizer.authorize(
        Attributes(user, "escalate", namespace, resource.group, "*", resource.resource, name=asked, until=math.inf)
    ).allowed:
        return
    confirm_held(user, obj.get("rules") or (), resource, namespace, name, resolver, math.inf)
    if _aggregates(obj) or (old is not None and _aggregates(old)):
        held, _ = resolver.rules_for(user, namespace, math.inf)
        if uncovered(held, _EVERYTHING):
            raise Forbidden.of(resource, name, "must have cluster-admin privileges to use the aggregationRule")


def check_binding_write(
    user: UserInfo, resource: GroupResource, namespace: str, obj: Object, old: Object | None, authorizer: Authorizer, resolver: Resolver
) -> None:
    """Forbidden where a binding would grant a role that its writer neither holds nor may `bind`; NotFound where there is no such role."""
    if MASTERS in user.groups or (old is not None and _only_collected(obj, old)):
        return
    reference = obj.get("roleRef") or {}
    kinds = {"ClusterRole": "clusterroles", "Role": "roles"}
    role = GroupResource(reference.get("apiGroup", GROUP), kinds.get(reference.get("kind", ""), ""))
    if not role.resource:
        return  # such a binding grants nothing, and validation refuses it
    expires = expiry_of(obj)
    until = expires if expires is not None and math.isfinite(expires) else math.inf
    if authorizer.authorize(
        Attributes(user, "bind", namespace, role.group, "*", role.resource, name=reference.get("name", ""), until=until)
    ).allowed:
        return
    try:
        rules = resolver.rules_of(reference, namespace)
    except NotFound:
        raise NotFound.of(resource, reference.get("name", "")) from None  # upstream names the resource that is written
    confirm_held(user, rules, resource, namespace, obj["metadata"].get("name", ""), resolver, until)


def confirm_held(
    user: UserInfo, rules: Iterable[Rule], resource: GroupResource, namespace: str, name: str, resolver: Resolver, until: float
) -> None:
    """Forbidden where one of the rules is not held by the user in the namespace until then (epoch seconds)."""
    held, problem = resolver.rules_for(user, namespace, until)
    missing = uncovered(held, rules)
    if not missing:
        return
    shown = "\n".join(sorted({compact_string(rule) for rule in compact(missing)}))
    who = f"user {quoted(user.name)} (groups={quoted_list(user.groups)})"
    message = f"{who} is attempting to grant RBAC permissions not currently held:\n{shown}"
    if problem:
        message += f"; resolution errors: [{problem}]"
    raise Forbidden.of(resource, name, message)


def _aggregates(role: Object) -> bool:
    return bool((role.get("aggregationRule") or {}).get("clusterRoleSelectors"))


def _only_collected(obj: Object, old: Object) -> bool:
    """True when an update changes only what garbage collection needs."""

    def rest(each: Object) -> Object:
        metadata = {name: value for name, value in each["metadata"].items() if name not in _COLLECTED}
        return {**{name: value for name, value in each.items() if value not in (None, [], {})}, "metadata": metadata}

    return rest(obj) == rest(old)
