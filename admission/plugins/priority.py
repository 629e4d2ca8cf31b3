"""Priority: a pod's priority is that of its class, and there is one global default class at most.

Upstream: `plugin/pkg/admission/priority`.
"""

from __future__ import annotations

from typing import Any, Final

from admission.attributes import Attributes, Operation
from admission.denial import forbidden
from cluster.api.names import GroupResource, Object
from cluster.api.protocols import Reader

PRIORITY_CLASSES: Final = GroupResource("scheduling.k8s.io", "priorityclasses")
_PODS: Final = GroupResource("", "pods")


class Priority:
    name = "Priority"
    resources: Final = frozenset({_PODS, PRIORITY_CLASSES})

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def handles(self, operation: Operation) -> bool:
        return operation in (Operation.CREATE, Operation.UPDATE)

    def admit(self, attributes: Attributes) -> None:
        """Resolves a new pod's priority and preemption policy; keeps them when an update leaves them out."""
        if attributes.resource.group_resource != _PODS or attributes.subresource or attributes.object is None:
            return
        spec: Object = attributes.object.setdefault("spec", {})
        if attributes.operation is Operation.UPDATE:
            old = (attributes.old_object or {}).get("spec") or {}
            for field in ("priority", "preemptionPolicy"):
                if spec.get(field) is None and old.get(field) is not None:
                    spec[field] = old[field]
            return
        name, priority, policy = self._establish(attributes, spec.get("priorityClassName") or "")
        if name:
            spec["priorityClassName"] = name
        if spec.get("priority") not in (None, priority):
            why = f"the integer value of priority ({spec['priority']}) must not be provided in pod spec; "
            raise forbidden(attributes, f"{why}priority admission controller computed {priority} from the given PriorityClass name")
        spec["priority"] = priority
        if policy is not None:
            if spec.get("preemptionPolicy") not in (None, policy):
                why = f"the string value of PreemptionPolicy ({spec['preemptionPolicy']}) must not be provided in pod spec; "
                raise forbidden(attributes, f"{why}priority admission controller computed {policy} from the given PriorityClass name")
            spec["preemptionPolicy"] = policy

    def validate(self, attributes: Attributes) -> None:
        """Refuses a second global default."""
        if attributes.resource.group_resource != PRIORITY_CLASSES or attributes.subresource or attributes.object is None:
            return
        default = self._default() if attributes.object.get("globalDefault") else None
        if default is None:
            return
        name = default["metadata"]["name"]
        if attributes.operation is Operation.CREATE or name != attributes.object["metadata"].get("name"):
            raise forbidden(attributes, f"PriorityClass {name} is already marked as default. Only one default can exist")

    def _establish(self, attributes: Attributes, name: str) -> tuple[str, int, str | None]:
        """(class name, priority, preemption policy) of the class asked for, of the default class, or of none."""
        found: Any = self._reader.get(PRIORITY_CLASSES, "", name) if name else self._default()
        if found is not None:
            return found["metadata"]["name"], found.get("value", 0), found.get("preemptionPolicy")
        if name:
            raise forbidden(attributes, f"no PriorityClass with name {name} was found")
        return "", 0, "PreemptLowerPriority"

    def _default(self) -> Object | None:
        """The global default class; of several, which only a race can make, the lowest."""
        defaults = [each for each in self._reader.list(PRIORITY_CLASSES) if each.get("globalDefault")]
        return min(defaults, key=lambda each: int(each.get("value", 0)), default=None)
