"""Rules of operations on resources, and the version of a resource that they mean.

Upstream: apiserver `pkg/admission/plugin/webhook/predicates/rules`, `pkg/admission/plugin/policy/matching/matching.go`,
`pkg/admission/plugin/webhook/generic/webhook.go`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from msgspec import Struct

from admission.attributes import Attributes, Operation
from admission.objects import Objects
from cluster.api.names import GroupVersionKind, GroupVersionResource, Object

_NAMESPACES_V1: Final = GroupVersionResource("", "v1", "namespaces")
_ALL: Final = "*"


class Asked(NamedTuple):
    """What rules look at of a write, but for the object's name."""

    operation: Operation
    resource: GroupVersionResource
    kind: GroupVersionKind
    subresource: str
    namespaced: bool
    """Whether the write is in a namespace, as a namespace itself counts to be, too."""


class Target(NamedTuple):
    """What a write is judged as: the resource that is written, or another version of it, and the kind that is written there."""

    resource: GroupVersionResource
    kind: GroupVersionKind


def asked_of(attributes: Attributes) -> Asked:
    return Asked(attributes.operation, attributes.resource, attributes.kind, attributes.subresource, bool(attributes.namespace))


class Rule(Struct, frozen=True):
    """Operations on resources; `*` stands for any."""

    operations: frozenset[str]
    groups: frozenset[str]
    versions: frozenset[str]
    resources: tuple[tuple[str, str], ...]
    """(resource, subresource)"""
    scope: str
    names: frozenset[str] = frozenset()
    """Of objects; none stands for any."""

    @classmethod
    def of(cls, rule: Object) -> Rule:
        parts = [each.partition("/") for each in rule.get("resources") or ()]
        return cls(
            frozenset(rule.get("operations") or ()),
            frozenset(rule.get("apiGroups") or ()),
            frozenset(rule.get("apiVersions") or ()),
            tuple((resource, subresource) for resource, _, subresource in parts),
            rule.get("scope") or _ALL,
            frozenset(rule.get("resourceNames") or ()),
        )

    def matches(self, asked: Asked, resource: GroupVersionResource) -> bool:
        """Whether it means such a write of the resource, whatever the object is called."""
        return (
            self._in_scope(resource, asked.namespaced)
            and _one_of(self.operations, asked.operation.value)
            and _one_of(self.groups, resource.group)
            and _one_of(self.versions, resource.version)
            and any(name in (_ALL, resource.resource) and sub in (_ALL, asked.subresource) for name, sub in self.resources)
        )

    def _in_scope(self, resource: GroupVersionResource, namespaced: bool) -> bool:
        if self.scope == _ALL:
            return True
        inside = namespaced and resource != _NAMESPACES_V1
        return inside if self.scope == "Namespaced" else self.scope == "Cluster" and not inside


class Found(NamedTuple):
    """What a rule that matches takes the write for, where its object has one of the names."""

    names: frozenset[str]
    target: Target


class Equivalents:
    """The other versions of what is written, looked up when they are first asked for."""

    def __init__(self, asked: Asked, objects: Objects) -> None:
        self._asked = asked
        self._objects = objects
        self._found: Sequence[Target] | None = None

    def __call__(self) -> Sequence[Target]:
        if self._found is None:
            own = self._asked.resource
            others = self._objects.equivalents(own, self._asked.subresource)
            self._found = [Target(resource, kind) for resource, kind in others if resource != own]
        return self._found


def find(rules: Iterable[Rule], asked: Asked, equivalents: Equivalents | None) -> tuple[Found, ...]:
    """All that rules may take a write for, the first whose names fit counts; up to one that needs no name.

    `equivalents`: where rules mean all versions of what they name.  The first rule decides then, not the first version.
    """
    rules = tuple(rules)
    found: list[Found] = []
    own = Target(asked.resource, asked.kind)
    for rule in rules:
        if rule.matches(asked, asked.resource):
            found.append(Found(rule.names, own))
            if not rule.names:
                return tuple(found)
    if equivalents is None:
        return tuple(found)
    for rule in rules:
        for other in equivalents():
            if rule.matches(asked, other.resource):
                found.append(Found(rule.names, other))
                if not rule.names:
                    return tuple(found)
    return tuple(found)


def _one_of(allowed: frozenset[str], value: str) -> bool:
    return value in allowed or _ALL in allowed
