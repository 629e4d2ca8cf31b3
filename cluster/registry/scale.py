"""The Scale of a workload: its replicas seen alone.  Upstream: `pkg/registry/apps/deployment/storage/storage.go` (ScaleREST)."""

from __future__ import annotations

from typing import Final

from admission.attributes import Operation
from cluster.api.errors import BadRequest, Invalid, NotFound
from cluster.api.field import invalid
from cluster.api.names import GroupKind, GroupVersionKind, Object
from cluster.api.selectors import from_label_selector, from_set
from cluster.kinds.model import Kind
from cluster.registry import read, update
from cluster.registry.metadata import match_name
from cluster.registry.registry import Call, Registry, attributes
from cluster.storage.contract import Entry

SCALE: Final = GroupVersionKind("autoscaling", "v1", "Scale")
_NAME: Final = GroupKind("autoscaling", "Scale")


def scale_of(obj: Object) -> Object:
    """The Scale of a workload."""
    metadata = {key: obj["metadata"][key] for key in ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")}
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    shown: Object = {"replicas": status.get("replicas", 0)}
    selector = spec.get("selector")
    text = str(from_set(selector) if obj["kind"] == "ReplicationController" else from_label_selector(selector or {}))
    if text:
        shown["selector"] = text
    replicas = spec.get("replicas", 1)
    return {
        "kind": SCALE.kind,
        "apiVersion": str(SCALE.group_version),
        "metadata": metadata,
        "spec": {"replicas": replicas} if replicas else {},
        "status": shown,
    }


def get(registry: Registry, kind: Kind, namespace: str, name: str) -> Object:
    return scale_of(registry.codec(kind).load(read.get(registry, kind, namespace, name)))


def replace(registry: Registry, call: Call, kind: Kind, namespace: str, name: str, make: update.Make) -> Object:
    """Updates the workload by its Scale: `make` is given the Scale as it is."""
    target = update.Target(kind, namespace, name, "scale", SCALE, shown=scale_of)

    def scaled(existing: Object | None) -> Object:
        if existing is None:
            raise NotFound.of(kind.resource.group_resource, name)
        wanted, before = make(scale_of(existing)), scale_of(existing)
        registry.mutate(call, attributes(call, Operation.UPDATE, kind, namespace, name, wanted, before, "scale", SCALE), kind)
        match_name(wanted, name)
        metadata, replicas = wanted["metadata"], (wanted.get("spec") or {}).get("replicas", 0)
        if replicas < 0:
            raise Invalid.of(_NAME, name, [invalid("spec.replicas", replicas, "must be greater than or equal to 0")])
        if metadata.get("namespace", namespace) != namespace:
            raise BadRequest("the namespace of the provided object does not match the namespace sent on the request")
        existing["spec"]["replicas"] = replicas
        for key in ("resourceVersion", "uid"):
            existing["metadata"][key] = metadata.get(key) or ""
        return existing

    result, _ = update.update(registry, call, target, scaled)
    return scale_of(registry.codec(kind).load(result) if isinstance(result, Entry) else result)
