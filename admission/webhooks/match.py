"""What a write must be like to concern a webhook: rules, and selectors of its namespace and object.

Upstream: apiserver `pkg/admission/plugin/webhook/predicates` (rules, namespace, object).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from admission.attributes import Attributes, Operation
from cluster.api.errors import NotFound
from cluster.api.names import GroupResource, GroupVersionKind, GroupVersionResource, Object
from cluster.api.protocols import Reader
from cluster.api.selectors import LabelSelector

NAMESPACES: Final = GroupResource("", "namespaces")
_NAMESPACES_V1: Final = GroupVersionResource("", "v1", "namespaces")
_GROUP: Final = "admissionregistration.k8s.io"
_EXEMPT: Final = frozenset(
    {
        "MutatingAdmissionPolicy",
        "MutatingAdmissionPolicyBinding",
        "MutatingWebhookConfiguration",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
        "ValidatingWebhookConfiguration",
    }
)
_ALL: Final = "*"


def is_exempt(kind: GroupVersionKind) -> bool:
    """Whether nobody is asked about such objects: what configures admission could otherwise make itself undeletable."""
    return kind.group == _GROUP and kind.kind in _EXEMPT


@dataclass(frozen=True, slots=True)
class Rule:
    """Operations on resources; `*` stands for any."""

    operations: frozenset[str]
    groups: frozenset[str]
    versions: frozenset[str]
    resources: tuple[tuple[str, str], ...]
    """(resource, subresource)"""
    scope: str

    @classmethod
    def of(cls, rule: Object) -> Rule:
        resources = tuple((resource, subresource) for resource, _, subresource in (each.partition("/") for each in rule["resources"]))
        return cls(
            frozenset(rule.get("operations") or ()),
            frozenset(rule.get("apiGroups") or ()),
            frozenset(rule.get("apiVersions") or ()),
            resources,
            rule.get("scope") or _ALL,
        )

    def matches(self, operation: Operation, resource: GroupVersionResource, subresource: str, namespaced: bool) -> bool:
        """`namespaced`: whether the write is in a namespace, as a namespace itself counts to be, too."""
        return (
            self._in_scope(resource, namespaced)
            and _one_of(self.operations, operation.value)
            and _one_of(self.groups, resource.group)
            and _one_of(self.versions, resource.version)
            and any(name in (_ALL, resource.resource) and sub in (_ALL, subresource) for name, sub in self.resources)
        )

    def _in_scope(self, resource: GroupVersionResource, namespaced: bool) -> bool:
        if self.scope == _ALL:
            return True
        inside = namespaced and resource != _NAMESPACES_V1
        return inside if self.scope == "Namespaced" else self.scope == "Cluster" and not inside


def _one_of(allowed: frozenset[str], value: str) -> bool:
    return value in allowed or _ALL in allowed


def in_selected_namespace(selector: LabelSelector, attributes: Attributes, obj: Object | None, reader: Reader) -> bool:
    """Whether the write's namespace has the labels; what is in none, and is none, always does.  NotFound for a namespace that is missing.

    `obj` is the object as it is now: a namespace that is written is judged by the labels that it would have.
    """
    is_namespace = attributes.resource.resource == "namespaces"
    if selector.empty or not (attributes.namespace or is_namespace):
        return True
    written = (Operation.CREATE, Operation.UPDATE)
    if is_namespace and not attributes.subresource and attributes.operation in written:
        return selector.matches(_labels(obj))
    found = reader.get(NAMESPACES, "", attributes.namespace)
    if found is None:
        raise NotFound.of(NAMESPACES, attributes.namespace)
    return selector.matches(_labels(found))


def is_selected_object(selector: LabelSelector, *objects: Object | None) -> bool:
    """Whether one of the objects, of which there may be none, has the labels."""
    return selector.empty or any(obj is not None and "metadata" in obj and selector.matches(_labels(obj)) for obj in objects)


def _labels(obj: Object | None) -> Mapping[str, str]:
    return ((obj or {}).get("metadata") or {}).get("labels") or {}
