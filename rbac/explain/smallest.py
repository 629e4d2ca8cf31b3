"""What would allow a question that was denied: the smallest grant, and the roles there are that would do if they were bound."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from math import prod
from typing import Final

from cluster.api.authorization import Attributes
from cluster.api.names import Object
from cluster.api.user import UserInfo, split_service_account
from rbac.authz.index import GROUP
from rbac.explain.dimensions import is_wildcard, resource_text
from rbac.explain.view import Rules, Sources, allowing, every_binding
from rbac.rules import Rule

_WILDCARD: Final = 1000
"""What `*` counts for where roles are compared by what they grant."""
_LONGEST_NAME: Final = 60
_PUBLIC: Final = ("admin", "edit", "view")
"""The ClusterRoles that every cluster has for its users; their names are no secret to anyone."""


def smallest_grant(question: Attributes, sources: Sources) -> Object | None:
    """A role of one rule and its binding, as objects to apply, and what there is to say of them; None for a question of nobody."""
    subject = _subject(question.user)
    if subject is None:
        return None
    rule, note = least_rule(question)
    namespace = question.namespace if question.is_resource else ""
    prefix = "" if namespace else "Cluster"
    name = _name(question, rule, sources)
    metadata: Object = {"name": name} | ({"namespace": namespace} if namespace else {})
    version = f"{GROUP}/v1"
    role: Object = {"apiVersion": version, "kind": f"{prefix}Role", "metadata": dict(metadata), "rules": [rule]}
    binding: Object = {
        "apiVersion": version,
        "kind": f"{prefix}RoleBinding",
        "metadata": dict(metadata),
        "roleRef": {"apiGroup": GROUP, "kind": f"{prefix}Role", "name": name},
        "subjects": [subject],
    }
    return {"objects": [role, binding]} | ({"note": note} if note else {})


def least_rule(question: Attributes) -> tuple[Object, str]:
    """The rule that allows this and nothing else, and a note where it is wider than the question."""
    if not question.is_resource:
        return {"nonResourceURLs": [question.path], "verbs": [question.verb]}, ""
    rule: Object = {"apiGroups": [question.api_group], "resources": [resource_text(question)], "verbs": [question.verb]}
    if question.name and question.verb == "create" and not question.subresource:
        return rule, "a create cannot be limited to a name: authorization does not see the new object's"
    if question.name and question.verb == "deletecollection":
        return rule, "a deletecollection cannot be limited to a name"
    if question.name:
        rule["resourceNames"] = [question.name]
    return rule, ""


def _subject(user: UserInfo) -> Object | None:
    account = split_service_account(user.name)
    if account is not None:
        return {"kind": "ServiceAccount", "namespace": account[0], "name": account[1]}
    if user.name:
        return {"apiGroup": GROUP, "kind": "User", "name": user.name}
    return {"apiGroup": GROUP, "kind": "Group", "name": user.groups[0]} if user.groups else None


def _name(question: Attributes, rule: Object, sources: Sources) -> str:
    """A name that says what is granted to whom, and that no role or binding in this place has yet."""
    user, namespace = question.user, question.namespace if question.is_resource else ""
    account = split_service_account(user.name)
    who = account[1] if account else user.name or user.groups[0]
    what = resource_text(question) if question.is_resource else question.path
    parts = [who, question.verb, what, question.name if "resourceNames" in rule else ""]
    slug = "-".join(filter(None, (re.sub(r"[^a-z0-9.]+", "-", part.lower()).strip("-.") for part in parts))) or "grant"
    name = slug[:_LONGEST_NAME].strip("-.")
    taken = sources.index.role_by_reference("Role" if namespace else "ClusterRole", namespace, name) is not None
    if taken or name != slug or any(binding.name == name for binding in every_binding(sources.index, namespace)):
        name = f"{name}-{hashlib.sha256(repr((parts, namespace)).encode()).hexdigest()[:8]}"
    return name


def roles_that_would_allow(question: Attributes, sources: Sources, only: str, limit: int) -> list[Object]:
    """Roles with a rule that allows it, the one that grants least first, the system's own last.

    With `only`, those that this namespace may know of.
    """
    found: list[tuple[tuple[bool, int], Object]] = []
    for kind, namespace, name, rules in _roles(question, sources, only):
        allows = allowing(rules, question)
        if allows is not None:
            shown: Object = {"kind": kind, "name": name, "rules": len(rules), "rule": allows.place}
            size = sum(_size(rule.source) for rule in rules)
            found.append(((name.startswith("system:"), size), shown | ({"namespace": namespace} if namespace else {})))
    found.sort(key=lambda each: (each[0], each[1]["kind"], each[1]["name"]))
    return [shown for _, shown in found[:limit]]


def _roles(question: Attributes, sources: Sources, only: str) -> Iterator[tuple[str, str, str, Rules]]:
    index, namespace = sources.index, question.namespace if question.is_resource else ""
    if namespace:
        for name, rules in index.roles(namespace):
            yield "Role", namespace, name, rules
    known = None if not only else {*_PUBLIC, *(each.role[1] for each in every_binding(index, only) if each.role_kind == "ClusterRole")}
    for name, rules in index.roles(""):
        if known is None or name in known:
            yield "ClusterRole", "", name, rules


def _size(rule: Rule) -> int:
    """How much a rule grants, in atoms of one verb on one resource (or name) each."""

    def count(field: str) -> int:
        return _WILDCARD if is_wildcard(rule.get(field)) else len(rule.get(field) or ())

    names = len(rule.get("resourceNames") or ())
    verbs = count("verbs")
    urls = sum(_WILDCARD if url.endswith("*") else 1 for url in rule.get("nonResourceURLs") or ())
    objects = prod((count("apiGroups"), count("resources"), names or _WILDCARD))
    return verbs * (urls if urls else objects)
