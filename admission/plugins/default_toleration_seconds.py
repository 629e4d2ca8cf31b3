"""DefaultTolerationSeconds: how long a pod stays on a node that is not ready or unreachable, unless it says so itself.

Upstream: `plugin/pkg/admission/defaulttolerationseconds`.
"""

from __future__ import annotations

from typing import Final

from admission.attributes import Attributes, Operation
from admission.pods import PODS
from cluster.api.names import Object


class DefaultTolerationSeconds:
    name = "DefaultTolerationSeconds"
    resources: Final = frozenset({PODS})

    def __init__(self, not_ready_seconds: int = 300, unreachable_seconds: int = 300) -> None:
        self._seconds = {"node.kubernetes.io/not-ready": not_ready_seconds, "node.kubernetes.io/unreachable": unreachable_seconds}

    def handles(self, operation: Operation) -> bool:
        return operation in (Operation.CREATE, Operation.UPDATE)

    def admit(self, attributes: Attributes) -> None:
        """Adds the tolerations that a pod lacks."""
        if attributes.resource.group_resource != PODS or attributes.subresource or attributes.object is None:
            return
        spec: Object = attributes.object.setdefault("spec", {})
        given = spec.get("tolerations") or []
        missing = [
            {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": seconds}
            for key, seconds in self._seconds.items()
            if not any(_tolerates(toleration, key) for toleration in given)
        ]
        if missing:
            spec["tolerations"] = [*given, *missing]


def _tolerates(toleration: Object, key: str) -> bool:
    return toleration.get("key", "") in ("", key) and toleration.get("effect", "") in ("", "NoExecute")
