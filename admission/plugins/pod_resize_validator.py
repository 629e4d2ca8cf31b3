"""PodResizeValidator: a pod is not resized beyond what its node has, nor on a node that can not resize.

Upstream: `plugin/pkg/admission/podresize`.
"""

from __future__ import annotations

from typing import Final

from admission.attributes import Attributes, Operation
from admission.denial import forbidden
from admission.pods import PODS
from admission.written import is_of
from cluster.api import quantity
from cluster.api.errors import Forbidden
from cluster.api.field import quoted
from cluster.api.names import GroupResource, Object
from cluster.api.pod_resources import requests_of
from cluster.api.protocols import Reader
from cluster.api.quantity import ZERO

_NODES: Final = GroupResource("", "nodes")
_OS: Final = "kubernetes.io/os"


class PodResizeValidator:
    name = "PodResizeValidator"

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def handles(self, operation: Operation) -> bool:
        return operation is Operation.UPDATE

    def validate(self, attributes: Attributes) -> None:
        """A generation that stays says that the spec does; a pod on no node is for the scheduler to judge."""
        if attributes.subresource != "resize" or not is_of(attributes, PODS):
            return
        pod, old = attributes.object, attributes.old_object
        if pod is None or old is None or pod["metadata"].get("generation") == old["metadata"].get("generation"):
            return
        name = pod["spec"].get("nodeName") or ""
        if not name:
            return
        node = self._reader.get(_NODES, "", name)
        if node is None:
            raise forbidden(attributes, f"node {quoted(name)} not found")
        system = (node["metadata"].get("labels") or {}).get(_OS, "linux")
        if system != "linux":
            why = f"pod resize is only supported on linux nodes, node {quoted(name)} is {quoted(system)}"
            raise _refusal(attributes, why, "UnsupportedPlatform")
        why = lacking(pod["spec"], (node.get("status") or {}).get("allocatable") or {})
        if why:
            raise _refusal(attributes, f"node didn't have enough allocatable resources: {why}", "NodeCapacity")


def lacking(spec: Object, allocatable: Object) -> str:
    """What of CPU (in thousandths) and memory (in bytes) the pod asks for beyond what a node can ever give; empty: nothing."""
    requests = requests_of({"spec": spec})  # what it is to have, whatever it has now
    has = {name: quantity.parse(allocatable.get(name) or "0") for name in ("cpu", "memory")}
    cpu, memory = requests.get("cpu", ZERO), requests.get("memory", ZERO)
    found = []
    if cpu > has["cpu"]:
        found.append(f"cpu, requested: {cpu.milli_value()}, allocatable: {has['cpu'].milli_value()}")
    if memory > has["memory"]:
        found.append(f"memory, requested: {memory.value()}, allocatable: {has['memory'].value()}")
    return "; ".join(found)


def _refusal(attributes: Attributes, why: str, cause: str) -> Forbidden:
    error = forbidden(attributes, why)
    error.details = {**(error.details or {}), "causes": [{"reason": cause}]}
    return error
