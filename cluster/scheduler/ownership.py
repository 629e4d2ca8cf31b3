"""The selector of what a pod belongs to: its services and its controller.  Upstream: `framework/plugins/helper/spread.go`."""

from __future__ import annotations

from cluster.api.names import Object
from cluster.client.informer import Informer
from cluster.client.labels import is_empty
from cluster.scheduler.framework import Listers


def default_selector(pod: Object, listers: Listers) -> Object | None:
    """Labels that its services select by, with the selector of its controller; None where there is neither."""
    metadata = pod["metadata"]
    namespace, labels = metadata.get("namespace", ""), metadata.get("labels") or {}
    wanted: dict[str, str] = {}
    for service in listers.services.list(namespace) if listers.services is not None else ():
        selector = (service.get("spec") or {}).get("selector")
        if selector and selector.items() <= labels.items():
            wanted |= selector
    expressions: list[Object] = []
    owner = next((each for each in metadata.get("ownerReferences") or () if each.get("controller")), None)
    found = _controller_selector(owner, namespace, listers) if owner is not None else None
    if found is not None:
        wanted |= found.get("matchLabels") or {}
        expressions = found.get("matchExpressions") or []
    made: Object = {"matchLabels": wanted, "matchExpressions": expressions}
    return None if is_empty(made) else made


def _controller_selector(owner: Object, namespace: str, listers: Listers) -> Object | None:
    kinds: dict[tuple[str, str], Informer | None] = {
        ("apps/v1", "ReplicaSet"): listers.replica_sets,
        ("apps/v1", "StatefulSet"): listers.stateful_sets,
        ("v1", "ReplicationController"): listers.replication_controllers,
    }
    informer = kinds.get((owner.get("apiVersion", ""), owner.get("kind", "")))
    found = informer.get(namespace, owner["name"]) if informer is not None else None
    if found is None:
        return None
    selector: Object = (found.get("spec") or {}).get("selector") or {}
    return {"matchLabels": selector} if owner["kind"] == "ReplicationController" else selector
