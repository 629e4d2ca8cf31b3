"""The objects that a policy is parameterized by, for one binding and one write.

Upstream: apiserver `pkg/admission/plugin/policy/generic` (policy_dispatcher.go: CollectParams; policy_source.go).
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from admission.objects import Objects
from cluster.api.names import GroupVersionKind, Object, parse_api_version
from cluster.api.protocols import Reader
from cluster.api.selectors import from_label_selector
from cluster.kinds.catalog import is_stored
from cluster.kinds.model import Kind


class Misconfigured(Exception):
    """A policy or binding that can not be applied; worded as upstream words it."""


class ParameterKind(Struct, frozen=True):
    """The paramKind of a policy."""

    api_version: str
    kind: str

    @classmethod
    def of(cls, spec: Object) -> ParameterKind | None:
        given = spec.get("paramKind")
        return None if given is None else cls(given.get("apiVersion") or "", given.get("kind") or "")

    def __str__(self) -> str:
        return f"&ParamKind{{APIVersion:{self.api_version},Kind:{self.kind},}}"

    def served(self, objects: Objects) -> Kind:
        """The kind as it is served; Misconfigured for one that is not."""
        group, version = parse_api_version(self.api_version)
        found = objects.kind(GroupVersionKind(group, version, self.kind))
        if found is None:
            raise Misconfigured(f"failed to find resource referenced by paramKind: '{group}/{version}, Kind={self.kind}'")
        return found


class Parameters:
    """Finds parameters."""

    def __init__(self, objects: Objects, reader: Reader) -> None:
        self._objects = objects
        self._reader = reader

    def check(self, kind: ParameterKind) -> None:
        """Misconfigured where the kind is not served."""
        kind.served(self._objects)

    def collect(self, kind: ParameterKind | None, reference: Object | None, namespace: str) -> Sequence[Object | None]:
        """In the version of the paramKind; [None] for a policy, or a binding, without parameters.

        `reference`: the binding's paramRef.  Misconfigured where they can not be found, or are none and must not be.
        """
        if kind is None or reference is None:
            return [None]
        served = kind.served(self._objects)
        where = _namespace(served, reference.get("namespace") or "", namespace)
        if not is_stored(served):
            raise Misconfigured(f"paramKind kind `{kind}` not yet synced to use for admission")
        found = self._find(served, where, reference)
        if not found and reference.get("parameterNotFoundAction") == "Deny":
            raise Misconfigured("no params found for policy binding with `Deny` parameterNotFoundAction")
        return [self._converted(each, served) for each in found]

    def _find(self, served: Kind, namespace: str, reference: Object) -> Sequence[Object]:
        name, selector = reference.get("name") or "", reference.get("selector")
        if name:
            if selector is not None:
                raise Misconfigured("paramRef.name and paramRef.selector are mutually exclusive")
            found = self._reader.get(served.storage, namespace, name)
            return [] if found is None else [found]
        if selector is None:
            raise Misconfigured("one of name or selector must be provided")
        try:
            wanted = from_label_selector(selector)
        except ValueError as error:
            raise Misconfigured(str(error)) from None
        return [each for each in self._reader.list(served.storage, namespace) if wanted.matches(each["metadata"].get("labels"))]

    def _converted(self, obj: Object, served: Kind) -> Object:
        group, version = parse_api_version(obj["apiVersion"])
        return self._objects.convert(obj, GroupVersionKind(group, version, obj["kind"]), served.gvk)


def _namespace(served: Kind, referenced: str, written: str) -> str:
    """Where parameters are: of a kind that has namespaces in the one that is referred to, or in that of the write."""
    if served.namespaced:
        if not (referenced or written):
            raise Misconfigured("cannot use namespaced paramRef in policy binding that matches cluster-scoped resources")
        return referenced or written
    if referenced:
        raise Misconfigured("paramRef.namespace must not be provided for a cluster-scoped `paramKind`")
    return ""
