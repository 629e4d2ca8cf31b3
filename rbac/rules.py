"""Policy rules: whether one allows a request, and whether some cover others.  Everything here is pure.

Upstream: `pkg/apis/rbac/v1/evaluation_helpers.go`, component-helpers `auth/rbac/validation/policy_comparator.go`,
`pkg/registry/rbac/validation/policy_compact.go`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from cluster.api.authorization import Attributes
from cluster.api.field import quoted_list
from cluster.api.names import Object

ALL: Final = "*"
Rule = Mapping[str, Any]
"""A PolicyRule as JSON: verbs, apiGroups, resources, resourceNames, nonResourceURLs, each a list of strings or absent."""


class CompiledRule:
    """A rule prepared for matching: sets for what is compared, None where anything matches."""

    __slots__ = ("groups", "names", "resources", "source", "suffixes", "url_prefixes", "urls", "verbs")

    def __init__(self, rule: Rule) -> None:
        self.source = rule
        self.verbs = _set_or_any(rule.get("verbs"))
        self.groups = _set_or_any(rule.get("apiGroups"))
        self.resources = _set_or_any(rule.get("resources"))
        self.suffixes = any(each.startswith("*/") for each in rule.get("resources") or ())
        self.names = frozenset(rule.get("resourceNames") or ()) or None
        urls = rule.get("nonResourceURLs") or ()
        self.urls = frozenset(urls)
        self.url_prefixes = tuple(url.rstrip("*") for url in urls if url.endswith("*"))

    def allows(self, attributes: Attributes) -> bool:
        """True when this rule alone permits the request."""
        if self.verbs is not None and attributes.verb not in self.verbs:
            return False
        if not attributes.is_resource:
            return attributes.path in self.urls or attributes.path.startswith(self.url_prefixes)
        if self.groups is not None and attributes.api_group not in self.groups:
            return False
        if self.names is not None and attributes.name not in self.names:
            return False
        if self.resources is None:
            return True
        subresource = attributes.subresource
        if not subresource:
            return attributes.resource in self.resources
        return f"{attributes.resource}/{subresource}" in self.resources or (self.suffixes and f"*/{subresource}" in self.resources)


def _set_or_any(values: Sequence[str] | None) -> frozenset[str] | None:
    return None if values and ALL in values else frozenset(values or ())


def compile_rules(rules: Iterable[Rule] | None) -> tuple[CompiledRule, ...]:
    return tuple(map(CompiledRule, rules or ()))


def rule_allows(attributes: Attributes, rule: Rule) -> bool:
    """One rule against one request; compile the rule first where it is asked often."""
    return CompiledRule(rule).allows(attributes)


def break_down(rule: Rule) -> list[Object]:
    """The rule as atoms: one group, resource, verb and at most one name each; or one URL and one verb each."""
    names: list[list[str]] = [[name] for name in rule.get("resourceNames") or ()] or [[]]
    atoms: list[Object] = []
    for group in rule.get("apiGroups") or ():
        for resource in rule.get("resources") or ():
            for verb in rule.get("verbs") or ():
                for name in names:
                    atom: Object = {"apiGroups": [group], "resources": [resource], "verbs": [verb]}
                    if name:
                        atom["resourceNames"] = name
                    atoms.append(atom)
    urls = rule.get("nonResourceURLs") or ()
    atoms += [{"nonResourceURLs": [url], "verbs": [verb]} for url in urls for verb in rule.get("verbs") or ()]
    return atoms


def uncovered(owner: Iterable[Rule], wanted: Iterable[Rule]) -> list[Object]:
    """The atoms of `wanted` that no single rule of `owner` permits; empty when `owner` covers it all."""
    owned = compile_rules(owner)
    return [atom for rule in wanted for atom in break_down(rule) if not any(_covers(each, atom) for each in owned)]


def _covers(owner: CompiledRule, atom: Object) -> bool:
    if owner.verbs is not None and atom["verbs"][0] not in owner.verbs:
        return False
    if "nonResourceURLs" in atom:
        url = atom["nonResourceURLs"][0]
        return url in owner.urls or url.startswith(owner.url_prefixes)
    if owner.groups is not None and atom["apiGroups"][0] not in owner.groups:
        return False
    if owner.names is not None and ("resourceNames" not in atom or atom["resourceNames"][0] not in owner.names):
        return False
    resource: str = atom["resources"][0]
    if owner.resources is None or resource in owner.resources:
        return True
    _, slash, subresource = resource.partition("/")
    return bool(slash) and f"*/{subresource}" in owner.resources


def compact(rules: Iterable[Rule]) -> list[Object]:
    """Atoms that differ in their verb only, put together; everything else as it is."""
    merged: dict[tuple[str, str, str | None], Object] = {}
    rest: list[Object] = []
    for rule in rules:
        groups, resources, names = rule.get("apiGroups") or [], rule.get("resources") or [], rule.get("resourceNames") or []
        if rule.get("nonResourceURLs") or len(groups) != 1 or len(resources) != 1 or len(names) > 1:
            rest.append(dict(rule))
            continue
        key = (groups[0], resources[0], names[0] if names else None)
        if key in merged:
            merged[key]["verbs"] = [*merged[key]["verbs"], *(rule.get("verbs") or ())]
        else:
            merged[key] = dict(rule)
    return rest + list(merged.values())


_SHOWN: Final = (
    ("APIGroups", "apiGroups"),
    ("Resources", "resources"),
    ("NonResourceURLs", "nonResourceURLs"),
    ("ResourceNames", "resourceNames"),
    ("Verbs", "verbs"),
)


def compact_string(rule: Rule) -> str:
    """`{APIGroups:[""], Resources:["pods"], Verbs:["get"]}`, as escalation messages show a rule."""
    return "{" + ", ".join(f"{shown}:{quoted_list(rule[name])}" for shown, name in _SHOWN if rule.get(name)) + "}"
