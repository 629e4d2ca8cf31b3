"""TaintNodesByCondition: a new node takes no pods until the node controller has seen that it is ready.

Upstream: `plugin/pkg/admission/nodetaint`.
"""

from __future__ import annotations

from typing import Final

from admission.attributes import Attributes, Operation
from cluster.api.names import GroupResource, Object

_KEY: Final = "node.kubernetes.io/not-ready"
_EFFECT: Final = "NoSchedule"


class TaintNodesByCondition:
    name = "TaintNodesByCondition"
    resources: Final = frozenset({GroupResource("", "nodes")})

    def handles(self, operation: Operation) -> bool:
        return operation is Operation.CREATE

    def admit(self, attributes: Attributes) -> None:
        """Adds the taint of a node that is not ready, unless it is there."""
        resource, node = attributes.resource, attributes.object
        if resource.resource != "nodes" or resource.group or attributes.subresource or node is None:
            return
        spec: Object = node.setdefault("spec", {})
        taints = spec.get("taints") or []
        if not any((each.get("key"), each.get("effect")) == (_KEY, _EFFECT) for each in taints):
            spec["taints"] = [*taints, {"key": _KEY, "effect": _EFFECT}]
