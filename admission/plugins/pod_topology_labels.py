"""PodTopologyLabels: a pod carries its node's zone and region as labels, from when it is bound.

The labels go onto the Binding, from which the binding puts them onto the pod.  Upstream: `plugin/pkg/admission/podtopologylabels`.
"""

from __future__ import annotations

from typing import Final

from admission.attributes import Attributes, Operation
from admission.pods import PODS
from admission.written import is_of
from cluster.api.names import GroupResource, Object
from cluster.api.protocols import Reader

_NODES: Final = GroupResource("", "nodes")
_LABELS: Final = ("topology.kubernetes.io/zone", "topology.kubernetes.io/region")


class PodTopologyLabels:
    name = "PodTopologyLabels"
    resources: Final = frozenset({PODS})

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def handles(self, operation: Operation) -> bool:
        return operation is Operation.CREATE

    def admit(self, attributes: Attributes) -> None:
        """The node's labels win over those that are there; a node that does not exist gives none."""
        obj = attributes.object
        if not is_of(attributes, PODS) or obj is None:
            return
        node = _node_of(attributes.subresource, obj)
        if not node:
            return
        found = self._reader.get(_NODES, "", node)
        given = ((found or {}).get("metadata") or {}).get("labels") or {}
        labels = {name: given[name] for name in _LABELS if name in given}
        if labels:
            metadata = obj.setdefault("metadata", {})
            metadata["labels"] = (metadata.get("labels") or {}) | labels


def _node_of(subresource: str, obj: Object) -> str:
    """The node that a new pod says it is on, or that a binding assigns."""
    if not subresource:
        return (obj.get("spec") or {}).get("nodeName") or ""
    target = obj.get("target") or {} if subresource == "binding" else {}
    return target.get("name") or "" if target.get("kind") == "Node" else ""
