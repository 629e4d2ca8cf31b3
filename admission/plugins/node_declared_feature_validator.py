"""NodeDeclaredFeatureValidator: a pod on a node changes only in ways that the node says it can follow.

Upstream: `plugin/pkg/admission/nodedeclaredfeatures`, and what a change needs: `staging/src/k8s.io/component-helpers/nodedeclaredfeatures`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from admission.attributes import Attributes, Operation
from admission.denial import forbidden
from admission.pods import PODS
from admission.written import is_of
from cluster.api import quantity
from cluster.api.field import quoted
from cluster.api.names import GroupResource, Object
from cluster.api.protocols import Reader

_NODES: Final = GroupResource("", "nodes")


class NodeDeclaredFeatureValidator:
    name = "NodeDeclaredFeatureValidator"

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def handles(self, operation: Operation) -> bool:
        return operation is Operation.UPDATE

    def validate(self, attributes: Attributes) -> None:
        """A generation that stays says that the spec does."""
        if not is_of(attributes, PODS) or attributes.subresource not in ("", "resize"):
            return
        pod, old = attributes.object, attributes.old_object
        if pod is None or old is None or pod["metadata"].get("generation") == old["metadata"].get("generation"):
            return
        node = (pod.get("spec") or {}).get("nodeName") or ""
        if node:
            self._check(attributes, node, required_features(old.get("spec") or {}, pod["spec"]))

    def _check(self, attributes: Attributes, node: str, required: list[str]) -> None:
        if not required:
            return
        found = self._reader.get(_NODES, "", node)
        if found is None:
            raise forbidden(attributes, f"node {quoted(node)} not found")
        declared = (found.get("status") or {}).get("declaredFeatures") or ()
        missing = ", ".join(each for each in required if each not in declared)
        if missing:
            raise forbidden(attributes, f"pod update requires features {missing} which are not available on node {quoted(node)}")


def required_features(old: Object, new: Object) -> list[str]:
    """The features that a node needs to follow the change of a pod's spec."""
    return [name for name, needs in _FEATURES if needs(old, new)]


def _resizes_pod(old: Object, new: Object) -> bool:
    return _resources(old) != _resources(new)


def _resizes_init_container(old: Object, new: Object) -> bool:
    """Sidecars do not count: they are resized as ordinary containers are."""
    pairs = zip(old.get("initContainers") or (), new.get("initContainers") or (), strict=False)
    return any(each.get("restartPolicy") != "Always" and _resources(each) != _resources(changed) for each, changed in pairs)


def _resources(holder: Object) -> tuple[object, object]:
    """The resources of a pod or container, in a form that compares by value."""
    resources = holder.get("resources") or {}
    amounts = {
        kind: {name: quantity.parse(amount) for name, amount in (resources.get(kind) or {}).items()} for kind in ("requests", "limits")
    }
    return amounts, resources.get("claims") or []


_FEATURES: Final[tuple[tuple[str, Callable[[Object, Object], bool]], ...]] = (
    ("InPlacePodLevelResourcesVerticalScaling", _resizes_pod),
    ("InPlacePodVerticalScalingInitContainers", _resizes_init_container),
)
"""By name, as messages list them.  Other features that nodes declare decide where a pod may go, not how it may change."""
