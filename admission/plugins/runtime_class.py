"""RuntimeClass: a pod gets the overhead, node selector and tolerations of its runtime class, and no other overhead.

Upstream: `plugin/pkg/admission/runtimeclass`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from admission.attributes import Attributes, Operation
from admission.denial import forbidden
from admission.pods import PODS, pod_of
from admission.tolerations import merged
from cluster.api import quantity
from cluster.api.field import quoted
from cluster.api.names import GroupResource, Object
from cluster.api.protocols import Reader

_RUNTIME_CLASSES: Final = GroupResource("node.k8s.io", "runtimeclasses")
_DIFFERS: Final = "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead"
_UNDEFINED: Final = "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead"


class RuntimeClass:
    name = "RuntimeClass"
    resources: Final = frozenset({PODS})

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def handles(self, operation: Operation) -> bool:
        return operation is Operation.CREATE

    def admit(self, attributes: Attributes) -> None:
        pod = pod_of(attributes)
        if pod is None:
            return
        spec: Object = pod.setdefault("spec", {})
        runtime = self._class(attributes, spec)
        if runtime is not None:
            _set_overhead(attributes, spec, runtime)
            _set_scheduling(attributes, spec, runtime)

    def validate(self, attributes: Attributes) -> None:
        pod = pod_of(attributes)
        if pod is None:
            return
        spec: Object = pod.get("spec") or {}
        runtime = self._class(attributes, spec)
        defined = runtime.get("overhead") if runtime is not None else None
        overhead = spec.get("overhead")
        if defined is None:
            if overhead is not None:
                raise forbidden(attributes, _UNDEFINED)
        elif not _same_amounts(defined.get("podFixed") or {}, overhead or {}):
            raise forbidden(attributes, _DIFFERS)

    def _class(self, attributes: Attributes, spec: Object) -> Object | None:
        name = spec.get("runtimeClassName")
        if name is None:
            return None
        found = self._reader.get(_RUNTIME_CLASSES, "", name)
        if found is None:
            raise forbidden(attributes, f"pod rejected: RuntimeClass {quoted(name)} not found")
        return found


def _set_overhead(attributes: Attributes, spec: Object, runtime: Object) -> None:
    defined = runtime.get("overhead")
    if defined is None:
        return
    fixed = defined.get("podFixed") or {}
    if spec.get("overhead") and not _same_amounts(fixed, spec["overhead"]):
        raise forbidden(attributes, _DIFFERS)
    if fixed:
        spec["overhead"] = dict(fixed)


def _set_scheduling(attributes: Attributes, spec: Object, runtime: Object) -> None:
    scheduling = runtime.get("scheduling")
    if scheduling is None:
        return
    selector = dict(spec.get("nodeSelector") or {})
    for key, value in (scheduling.get("nodeSelector") or {}).items():
        if selector.get(key, value) != value:
            why = f"runtimeClass.scheduling.nodeSelector[{key}] = {value}; pod.spec.nodeSelector[{key}] = {selector[key]}"
            raise forbidden(attributes, f"conflict: {why}")
        selector[key] = value
    if selector:
        spec["nodeSelector"] = selector
    tolerations = merged(spec.get("tolerations") or (), scheduling.get("tolerations") or ())
    if tolerations:
        spec["tolerations"] = [dict(each) for each in tolerations]


def _same_amounts(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    return one.keys() == other.keys() and all(quantity.compare(one[name], other[name]) == 0 for name in one)
