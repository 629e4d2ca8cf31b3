"""ExtendedResourceToleration: a pod that asks for an extended resource tolerates the nodes that are kept for such pods.

Upstream: `plugin/pkg/admission/extendedresourcetoleration`.
"""

from __future__ import annotations

from typing import Any, Final

from admission.attributes import Attributes, Operation
from admission.pods import pod_of
from cluster.api.names import Object
from cluster.api.resource_names import is_extended

_UNIQUE: Final = ("key", "effect", "operator", "value")
"""The fields by which upstream tells tolerations apart."""


class ExtendedResourceToleration:
    name = "ExtendedResourceToleration"

    def handles(self, operation: Operation) -> bool:
        return operation in (Operation.CREATE, Operation.UPDATE)

    def admit(self, attributes: Attributes) -> None:
        """Adds a toleration for each extended resource that a container requests, sorted by name; one that is there is kept clean."""
        pod = pod_of(attributes)
        if pod is None:
            return
        spec = pod.get("spec") or {}
        for resource in sorted(_extended(spec)):
            wanted = {"key": resource, "operator": "Exists", "effect": "NoSchedule"}
            given = spec.get("tolerations") or []
            kept = [wanted if _same(each, wanted) else each for each in given]
            spec["tolerations"] = kept if any(each is wanted for each in kept) else [*given, wanted]


def _extended(spec: Object) -> set[str]:
    containers: list[dict[str, Any]] = [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]
    requests = [(each.get("resources") or {}).get("requests") or {} for each in containers]
    return {name for each in requests for name in each if is_extended(name)}


def _same(toleration: Object, other: Object) -> bool:
    return all((toleration.get(name) or "") == (other.get(name) or "") for name in _UNIQUE)
