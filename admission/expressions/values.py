"""What expressions look at of a write, each part made once, however many expressions there are.

Upstream: apiserver `pkg/admission/plugin/cel` (activation.go; condition.go: CreateAdmissionRequest, CreateNamespaceObject),
`pkg/admission/plugin/authorizer/caching_authorizer.go`.
"""

from __future__ import annotations

from typing import Any, Final

from admission.attributes import Attributes
from admission.expressions.evaluation import Values
from admission.matching.rules import Target
from admission.matching.selectors import Namespaces
from admission.requests import request_of
from admission.versions import Versions
from cluster.api.authorization import Attributes as Question
from cluster.api.authorization import Authorizer, Verdict
from cluster.api.names import GroupVersionKind, Object
from cluster.cel.libraries.authz import AuthorizerValue, ResourceCheck
from cluster.schema.admission_variables import (
    AUTHORIZER,
    NAMESPACE,
    OBJECT,
    OLD_OBJECT,
    REQUEST,
    REQUEST_RESOURCE,
)

_NAMESPACE_KIND: Final = GroupVersionKind("", "v1", "Namespace")
_SHOWN: Final = frozenset(
    {
        *("name", "generateName", "namespace", "uid", "resourceVersion", "generation", "deletionTimestamp"),
        *("deletionGracePeriodSeconds", "labels", "annotations", "finalizers"),
    }
)


class Written:
    """One write as expressions see it."""

    def __init__(self, attributes: Attributes, versions: Versions, namespaces: Namespaces, authorizer: Authorizer) -> None:
        self.deadline: Final = attributes.deadline
        self._attributes = attributes
        self._versions = versions
        self._namespaces = namespaces
        self._authorizer: Authorizer = _Remembering(authorizer)
        self._rights: dict[str, Any] | None = None
        self._conditions: dict[GroupVersionKind, Values] = {}
        self._requests: dict[Target, Object] = {}
        self._without_rights: dict[Target, Values] = {}
        self._all: dict[Target, Values] = {}

    def for_conditions(self, kind: GroupVersionKind) -> Values:
        """For match conditions: of the resource that is written, though in the version that is wanted, and of no namespace."""
        found = self._conditions.get(kind)
        if found is None:
            obj, old = self._versions.at(kind)
            request = self._request(Target(self._attributes.resource, kind))
            shown = {OBJECT: obj, OLD_OBJECT: old, REQUEST: request, NAMESPACE: None}
            found = self._conditions[kind] = Values(shown | self._rights_of_user())
        return found

    def without_rights(self, target: Target) -> Values:
        """All but the authorizer; NotFound for a namespace that is missing."""
        found = self._without_rights.get(target)
        if found is None:
            found = self._without_rights[target] = Values(self._shown(target))
        return found

    def all(self, target: Target) -> Values:
        """NotFound for a namespace that is missing."""
        found = self._all.get(target)
        if found is None:
            found = self._all[target] = Values(self._shown(target) | self._rights_of_user())
        return found

    def _shown(self, target: Target) -> dict[str, Any]:
        obj, old = self._versions.at(target.kind)
        return {OBJECT: obj, OLD_OBJECT: old, REQUEST: self._request(target), NAMESPACE: self._namespace()}

    def _request(self, target: Target) -> Object:
        found = self._requests.get(target)
        if found is None:
            found = self._requests[target] = request_of(self._attributes, target)
        return found

    def changed(self) -> None:
        """The object is another one from now on."""
        for made in (self._conditions, self._without_rights, self._all):
            made.clear()

    def _namespace(self) -> Object | None:
        """A namespace that is itself written is in none here."""
        attributes = self._attributes
        if not attributes.namespace or attributes.kind == _NAMESPACE_KIND:
            return None
        return _shown_namespace(self._namespaces.get(attributes.namespace))

    def _rights_of_user(self) -> dict[str, Any]:
        if self._rights is None:
            attributes = self._attributes
            own = AuthorizerValue(attributes.user, self._authorizer)
            group, _, resource = attributes.resource
            asked = ResourceCheck(own, group, resource, attributes.subresource, attributes.namespace, attributes.name)
            self._rights = {AUTHORIZER: own, REQUEST_RESOURCE: asked}
        return self._rights


def _shown_namespace(found: Object) -> Object:
    metadata = found["metadata"]
    kept = {name: value for name, value in metadata.items() if name in _SHOWN}
    kept["creationTimestamp"] = metadata.get("creationTimestamp")
    return {"metadata": kept, "spec": found.get("spec") or {}, "status": found.get("status") or {}}


class _Remembering:
    """Asks the authorizer each question once."""

    def __init__(self, authorizer: Authorizer) -> None:
        self._authorizer = authorizer
        self._known: dict[Question, Verdict] = {}

    def authorize(self, attributes: Question) -> Verdict:
        found = self._known.get(attributes)
        if found is None:
            found = self._known[attributes] = self._authorizer.authorize(attributes)
        return found
