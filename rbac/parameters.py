"""Nobody has policies look at what they may not read themselves: the kind of a policy's parameters, the objects that a binding names.

Upstream: `pkg/registry/admissionregistration/{validating,mutating}admissionpolicy{,binding}/authz.go`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from cluster.api.authorization import Attributes, Authorizer
from cluster.api.field import FieldError, forbidden
from cluster.api.names import GroupVersionKind, Object, parse_api_version
from cluster.api.user import MASTERS, UserInfo

ResourceOf = Callable[[GroupVersionKind], str]
"""The resource of a kind; empty for one that is not served."""
PolicyOf = Callable[[str], Object | None]
"""A policy by its name."""
_ANY: Final = "*"
_EVERYTHING: Final = "permission for all groups, versions and resources"


def check_policy(user: UserInfo, policy: Object, old: Object | None, authorizer: Authorizer, resource_of: ResourceOf) -> list[FieldError]:
    """Of a policy that is valid otherwise; `old` is None for a create."""
    kind = _spec(policy).get("paramKind")
    if kind is None or kind == _spec(old).get("paramKind") or MASTERS in user.groups:
        return []
    group, version, resource, _ = _parameters(kind, resource_of)
    asked = Attributes(user, "get", _ANY, group, version, resource, name=_ANY)
    verdict = authorizer.authorize(asked)
    if verdict.allowed:
        return []
    named = f"kind={kind.get('kind') or ''}, apiVersion={kind.get('apiVersion') or ''}"
    why = f'user {_shown(user)} must have "get" permission on all objects of the referenced paramKind ({named})'
    return [forbidden("spec.paramKind", verdict.error or why)]


def check_binding(
    user: UserInfo, binding: Object, authorizer: Authorizer, resource_of: ResourceOf, policy_of: PolicyOf
) -> list[FieldError]:
    """Of a binding that is valid otherwise, each time that it is written: upstream never finds two references the same."""
    spec = _spec(binding)
    reference, name = spec.get("paramRef"), spec.get("policyName") or ""
    if reference is None or MASTERS in user.groups:
        return []
    policy = policy_of(name)
    kind = _spec(policy).get("paramKind")
    group, version, resource, problem = (_ANY, _ANY, _ANY, "") if kind is None else _parameters(kind, resource_of)
    verb = "get" if reference.get("name") else "list"
    asked = Attributes(user, verb, reference.get("namespace") or "", group, version, resource, name=reference.get("name") or "")
    verdict = authorizer.authorize(asked)
    if verdict.allowed:
        return []
    if verdict.error:
        why = f"failed to authorize request: {verdict.error}"
    elif policy is None or problem:
        what = f"get policy {name}" if policy is None else problem
        why = f'unable to {what} to determine minimum required permissions and user {_shown(user)} does not have "{verb}" {_EVERYTHING}'
    else:
        why = f'user {_shown(user)} does not have "{verb}" permission on the object referenced by paramRef'
    return [forbidden("spec.paramRef", why)]


def _spec(obj: Object | None) -> Object:
    return (obj or {}).get("spec") or {}


def _parameters(kind: Object, resource_of: ResourceOf) -> tuple[str, str, str, str]:
    """(group, version, resource) to have a right on, all of what can not be told, and what can not be done."""
    given, name = kind.get("apiVersion") or "", kind.get("kind") or ""
    shown = f"paramKind &{{{given} {name}}}"
    try:
        group, version = parse_api_version(given)
    except ValueError:
        return _ANY, _ANY, _ANY, f"parse {shown}"
    resource = resource_of(GroupVersionKind(group, version, name))
    return group, version, resource or _ANY, "" if resource else f"resolve {shown}"


def _shown(user: UserInfo) -> str:
    """As Go shows a user's structure."""
    extra = " ".join(f"{key}:[{' '.join(values)}]" for key, values in sorted(user.extra.items()))
    return f"&{{{user.name} {user.uid} [{' '.join(user.groups)}] map[{extra}]}}"
