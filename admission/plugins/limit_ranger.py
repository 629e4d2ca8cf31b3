"""LimitRanger: containers get the namespace's default resources, and nothing asks for less or more than its limit ranges allow.

Upstream: `plugin/pkg/admission/limitranger`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from admission.attributes import Attributes, Operation
from admission.denial import forbidden
from admission.plugins.limit_ranger_rules import claim_problems, pod_problems
from admission.presence import Presence
from cluster.api.names import GroupResource, Object
from cluster.api.protocols import Reader
from rbac.authz.union import aggregated

ANNOTATION: Final = "kubernetes.io/limit-ranger"
LIMIT_RANGES: Final = GroupResource("", "limitranges")
_POD: Final = ("", "Pod")
_CLAIM: Final = ("", "PersistentVolumeClaim")


class LimitRanger:
    name = "LimitRanger"

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._limiting = Presence(reader, LIMIT_RANGES)

    def handles(self, operation: Operation) -> bool:
        return operation in (Operation.CREATE, Operation.UPDATE)

    def admit(self, attributes: Attributes) -> None:
        """Sets what the containers of a pod leave out."""
        pod = attributes.object
        if pod is None or attributes.namespace not in self._limiting:
            return
        if (attributes.kind.group, attributes.kind.kind) == _POD and _concerns(attributes):
            for limits in self._reader.list(LIMIT_RANGES, attributes.namespace):
                _set_defaults(pod, limits)

    def validate(self, attributes: Attributes) -> None:
        """Forbidden with everything by which the object breaks the first limit range that it breaks."""
        obj = attributes.object
        if obj is None or attributes.namespace not in self._limiting or not _concerns(attributes):
            return
        find = pod_problems if attributes.kind.kind == "Pod" else claim_problems
        for limits in self._reader.list(LIMIT_RANGES, attributes.namespace):
            problems = find(obj, _items(limits))
            if problems:
                raise forbidden(attributes, aggregated(problems))


def _concerns(attributes: Attributes) -> bool:
    """New pods and resized ones, and claims; nothing that is being deleted.  All else of a pod's resources never changes."""
    kind = attributes.kind.group, attributes.kind.kind
    if kind == _POD:
        if attributes.subresource != ("resize" if attributes.operation is Operation.UPDATE else ""):
            return False
    elif kind != _CLAIM or attributes.subresource:
        return False
    old = attributes.old_object
    return old is None or not old["metadata"].get("deletionTimestamp")


def _items(limits: Object) -> list[Object]:
    return (limits.get("spec") or {}).get("limits") or []


def _set_defaults(pod: Object, limits: Object) -> None:
    defaults: dict[str, dict[str, str]] = {"requests": {}, "limits": {}}
    for item in _items(limits):
        if item.get("type") == "Container":
            defaults["requests"] |= item.get("defaultRequest") or {}
            defaults["limits"] |= item.get("default") or {}
    spec = pod.get("spec") or {}
    notes: list[str] = []
    for title, name in (("container", "containers"), ("init container", "initContainers")):
        for container in spec.get(name) or ():
            notes += _complete(container, defaults, title)
    if notes:
        annotations = pod["metadata"]["annotations"] = pod["metadata"].get("annotations") or {}
        annotations[ANNOTATION] = f"LimitRanger plugin set: {'; '.join(notes)}"


def _complete(container: Object, defaults: dict[str, dict[str, str]], title: str) -> Iterable[str]:
    """Sets what the container leaves out, and says so."""
    for which, amounts in defaults.items():
        given = (container.get("resources") or {}).get(which) or {}
        missing = {name: amount for name, amount in amounts.items() if name not in given}
        if missing:
            container["resources"] = {**(container.get("resources") or {}), which: {**given, **missing}}
            yield f"{', '.join(sorted(missing))} {which.removesuffix('s')} for {title} {container.get('name') or ''}"
