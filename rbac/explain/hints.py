"""What is odd about a question itself: a resource that is not served, a verb that means nothing there, the wrong scope."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cluster.api.authorization import Attributes
from cluster.api.field import quoted
from cluster.api.names import GroupResource
from cluster.api.user import ANONYMOUS, AUTHENTICATED, UNAUTHENTICATED, UserInfo, service_account_groups, split_service_account
from cluster.kinds.catalog import Catalog
from cluster.kinds.model import Kind
from rbac.explain.dimensions import listed, resource_text
from rbac.rules import ALL

_MEANT: Final[Mapping[str, str]] = {
    "add": "create",
    "apply": "patch",
    "describe": "get",
    "edit": "patch",
    "new": "create",
    "post": "create",
    "put": "update",
    "read": "get",
    "remove": "delete",
    "replace": "update",
    "set": "patch",
    "view": "get",
    "write": "update",
}
"""What people and kubectl say, and the verb that authorization is asked for."""
_ON_PODS: Final[Mapping[str, str]] = {
    "attach": "create pods/attach",
    "cp": "create pods/exec",
    "exec": "create pods/exec",
    "log": "get pods/log",
    "logs": "get pods/log",
    "port-forward": "create pods/portforward",
    "portforward": "create pods/portforward",
    "scale": "patch deployments/scale",
}
_ABSTRACT: Final = frozenset({ALL, "approve", "attest", "bind", "escalate", "impersonate", "sign", "use"})
"""Verbs that RBAC knows and no URL has."""
_URL_VERBS: Final = frozenset({ALL, "delete", "get", "head", "options", "patch", "post", "put"})
_VIRTUAL: Final = frozenset({"groups", "uids", "users", "userextras"})
"""Resources that exist in authorization only (impersonation)."""


def hints(question: Attributes, catalog: Catalog) -> list[str]:
    """In plain words, the weightiest first; empty for a question well put."""
    found = _of_resource(question, catalog) if question.is_resource else _of_path(question)
    return found + _of_user(question.user)


def _of_path(question: Attributes) -> list[str]:
    found: list[str] = []
    if not question.path.startswith("/"):
        found.append(f"a path begins with a slash: {quoted('/' + question.path)}")
    if question.verb not in _URL_VERBS:
        found.append(f"the verb of a path is the HTTP method in lower case, which {quoted(question.verb)} is not")
    parts = question.path.strip("/").split("/")
    if parts[0] in ("api", "apis") and len(parts) > (2 if parts[0] == "api" else 3):
        found.append(f"{quoted(question.path)} is a resource's path: ask for the resource, rules for paths do not apply to it")
    return found


def _of_resource(question: Attributes, catalog: Catalog) -> list[str]:
    if ALL in (question.resource, question.api_group) or question.resource in _VIRTUAL:
        return []
    kind = catalog.by_group_resource(GroupResource(question.api_group, question.resource))
    if kind is None:
        return _unknown(question, catalog) + _of_verb(question, None)
    found = _of_verb(question, kind)
    if question.subresource and question.subresource != ALL and question.subresource not in kind.subresources:
        served = f"it has {listed(sorted(kind.subresources))}" if kind.subresources else "it has none"
        found.append(f"{quoted(question.resource)} has no subresource {quoted(question.subresource)}: {served}")
    if kind.namespaced and not question.namespace:
        found.append(f"{quoted(question.resource)} are namespaced: without a namespace this asks for all namespaces at once")
    if not kind.namespaced and question.namespace and question.resource != "namespaces":
        found.append(f"{quoted(question.resource)} are cluster-scoped: requests for them name no namespace, so RoleBindings never count")
    return found


def _unknown(question: Attributes, catalog: Catalog) -> list[str]:
    resource, group = question.resource, question.api_group
    if "/" in resource:
        head, _, sub = resource.partition("/")
        return [f"{quoted(resource)} is resource {quoted(head)} with subresource {quoted(sub)}: ask for them apart"]
    served = [kind for kind in catalog.all() if kind.resource.resource == resource]
    if served:
        where = listed(dict.fromkeys(kind.resource.group for kind in served))
        return [f"{quoted(resource)} are in API group {where}, not in {quoted(group)}"]
    lowered = resource.casefold()
    for kind in catalog.all():
        names = {kind.singular, *kind.short_names, kind.gvk.kind.casefold(), kind.resource.resource, f"{kind.singular}s"}
        if lowered in names:
            also = f" in API group {quoted(kind.resource.group)}" if kind.resource.group != group else ""
            return [f"no resource is named {quoted(resource)}: write {quoted(kind.resource.resource)}{also}"]
    if question.subresource:
        return [f"no resource {quoted(resource)} is served in API group {quoted(group)}"]
    subresources = {each for kind in catalog.all() for each in kind.subresources}
    if resource in subresources:
        owner = next(kind for kind in catalog.all() if resource in kind.subresources)
        return [f"{quoted(resource)} is a subresource: write, for example, {quoted(f'{owner.resource.resource}/{resource}')}"]
    return [f"no resource {quoted(resource)} is served in API group {quoted(group)}"]


def _of_verb(question: Attributes, kind: Kind | None) -> list[str]:
    verb = question.verb
    if verb in _ABSTRACT:
        return []
    if verb.casefold() in _ON_PODS and (kind is None or verb not in kind.verbs):
        return [f"{quoted(verb)} is no verb of authorization: it is {quoted(_ON_PODS[verb.casefold()])}"]
    if verb.casefold() in _MEANT:
        return [f"{quoted(verb)} is no verb of authorization: it asks for {quoted(_MEANT[verb.casefold()])}"]
    if verb != verb.lower():
        return [f"verbs are written in lower case: {quoted(verb.lower())}"]
    if kind is None:
        return []
    subresource = kind.subresources.get(question.subresource)
    verbs = subresource.verbs if subresource else kind.verbs if not question.subresource else ()
    if verbs and verb not in verbs:
        return [f"the API has no {quoted(verb)} for {quoted(resource_text(question))}: it has {listed(verbs)}"]
    return []


def _of_user(user: UserInfo) -> list[str]:
    """Groups that every request of this user has, and the question leaves out."""
    account = split_service_account(user.name)
    wanted = [*(service_account_groups(account[0]) if account else ())]
    if user.name and user.name != ANONYMOUS and UNAUTHENTICATED not in user.groups:
        wanted.append(AUTHENTICATED)
    missing = [group for group in wanted if group not in user.groups]
    return [f"the question leaves out {listed(missing)}, which every request of {quoted(user.name)} has as a group"] if missing else []
