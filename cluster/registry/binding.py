"""Binding: a pod is assigned to a node, once.  Upstream: `pkg/registry/core/pod/storage/storage.go` (BindingREST)."""

from __future__ import annotations

from typing import Final

from admission.attributes import Operation
from cluster.api.errors import BadRequest, Conflict, Invalid
from cluster.api.field import not_supported, required
from cluster.api.meta import now
from cluster.api.names import GroupKind, GroupResource, GroupVersionKind, Object
from cluster.kinds.model import Kind
from cluster.registry.guaranteed import change
from cluster.registry.metadata import check_uid, match_namespace, stale
from cluster.registry.registry import Call, Registry, attributes

BINDING: Final = GroupVersionKind("", "v1", "Binding")
_PODS: Final = GroupResource("", "pods")


def bind(registry: Registry, call: Call, kind: Kind, namespace: str, name: str, binding: Object) -> None:
    """Sets the pod's node; Conflict where it has one, is being deleted or is gated.  `kind` is what is posted to: pods, or bindings."""
    match_namespace(binding, namespace)
    subresource = "binding" if kind.resource.group_resource == _PODS else ""
    asked = attributes(call, Operation.CREATE, kind, namespace, name, binding, None, subresource, BINDING)
    registry.mutate(call, asked, kind)
    metadata = binding["metadata"]
    if metadata.get("name") != name:
        raise BadRequest("name in URL does not match name in Binding object")
    target = binding.get("target") or {}
    _validate(name, target)
    registry.validate(call, asked)
    pods = registry.catalog.by_group_resource(_PODS)
    assert pods is not None

    def assigned(pod: Object) -> Object:
        check_uid(_PODS, name, metadata.get("uid"), pod)
        version = metadata.get("resourceVersion")
        if version and version != pod["metadata"]["resourceVersion"]:
            raise stale(_PODS, name)
        return _assign(pod, target["name"], metadata)

    change(registry, pods, namespace, name, assigned, dry_run=call.dry_run)


def _validate(name: str, target: Object) -> None:
    errors = []
    if target.get("kind") not in (None, "", "Node"):
        errors.append(not_supported("target.kind", target["kind"], ["Node", "<empty>"]))
    if not target.get("name"):
        errors.append(required("target.name"))
    if errors:
        raise Invalid.of(GroupKind("", "Binding"), name, errors)


def _assign(pod: Object, node: str, metadata: Object) -> Object:
    name, spec = pod["metadata"]["name"], pod["spec"]
    why = ""
    if pod["metadata"].get("deletionTimestamp"):
        why = f"pod {name} is being deleted, cannot be assigned to a host"
    elif spec.get("nodeName"):
        why = f'pod {name} is already assigned to node "{spec["nodeName"]}"'
    elif spec.get("schedulingGates"):
        why = f"pod {name} has non-empty .spec.schedulingGates"
    if why:
        raise Conflict.of(GroupResource("", "pods/binding"), name, why)
    spec["nodeName"] = node
    status = pod.setdefault("status", {})
    status.pop("nominatedNodeName", None)
    for field in ("annotations", "labels"):
        if metadata.get(field):
            pod["metadata"][field] = {**(pod["metadata"].get(field) or {}), **metadata[field]}
    set_condition(status, {"type": "PodScheduled", "status": "True"})
    return pod


def set_condition(status: Object, condition: Object) -> None:
    """Sets a pod's condition; its transition time stays where the status does."""
    conditions = status.setdefault("conditions", [])
    before = next((each for each in conditions if each["type"] == condition["type"]), None)
    if before is not None and before.get("status") == condition["status"] and before.get("lastTransitionTime"):
        time = before["lastTransitionTime"]
    else:
        time = now()
    made = {"lastProbeTime": None, "lastTransitionTime": time, **condition}
    if before is None:
        conditions.append(made)
    else:
        conditions[conditions.index(before)] = made
