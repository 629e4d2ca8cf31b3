"""The subresources `resize` and `ephemeralcontainers` of a pod.

Upstream: `pkg/registry/core/pod/strategy.go`, `ValidatePodResize` and `ValidatePodEphemeralContainersUpdate`.
"""

from __future__ import annotations

import copy
from typing import Final

from cluster.api import field
from cluster.api.field import FieldError, child, index
from cluster.api.names import Object
from cluster.api.pod_resources import QOS_RESOURCES, quality_of_service
from cluster.kinds.core import pod_validation
from cluster.kinds.core.pod_containers import is_sidecar
from cluster.kinds.core.pod_difference import difference
from cluster.kinds.core.pod_rules import members
from cluster.kinds.core.pod_updates import same

_MIRROR: Final = "kubernetes.io/config.mirror"
_LISTS: Final = ("containers", "initContainers")
_METADATA: Final = ("deletionTimestamp", "deletionGracePeriodSeconds", "labels", "annotations", "finalizers", "ownerReferences")
_CPU_AND_MEMORY: Final = "only cpu and memory resources are mutable"


def prepare_ephemeral_containers(pod: Object, old: Object) -> None:
    """Nothing but the ephemeral containers may change."""
    containers = (pod.get("spec") or {}).get("ephemeralContainers")
    _restore(pod, old)
    pod["spec"].pop("ephemeralContainers", None)
    if containers:
        pod["spec"]["ephemeralContainers"] = containers


def validate_ephemeral_containers(pod: Object, old: Object) -> list[FieldError]:
    """They may be added, neither removed nor changed."""
    errors = pod_validation.metadata_and_spec(pod)
    if _MIRROR in ((old.get("metadata") or {}).get("annotations") or {}):
        return [field.forbidden("", "static pods do not support ephemeral containers")]
    path = "spec.ephemeralContainers"
    now = {each.get("name"): each for each in members((pod.get("spec") or {}).get("ephemeralContainers"))}
    for container in members((old.get("spec") or {}).get("ephemeralContainers")):
        name = container.get("name")
        if name not in now:
            errors.append(field.forbidden(path, f'existing ephemeral containers "{name}" may not be removed\n'))
        elif not same(container, now[name]):
            shown = difference(container, now[name])
            errors.append(field.forbidden(path, f'existing ephemeral containers "{name}" may not be changed\n{shown}'))
    return errors


def prepare_resize(pod: Object, old: Object) -> None:
    """Of the containers nothing but resources and resize policies is taken; containers that moved are left for validation to refuse."""
    spec, before = pod.get("spec") or {}, old.get("spec") or {}
    if any(len(members(spec.get(name))) != len(members(before.get(name))) for name in _LISTS):
        return
    resources = spec.get("resources")
    lists = {name: _resized(members(spec.get(name)), members(before.get(name))) for name in _LISTS}
    _restore(pod, old)
    for name, containers in lists.items():
        if containers:
            pod["spec"][name] = containers
    pod["spec"].pop("resources", None)
    if resources is not None:
        pod["spec"]["resources"] = resources


def _restore(pod: Object, old: Object) -> None:
    """Spec, status and most metadata as they were."""
    pod["spec"] = copy.deepcopy(old.get("spec") or {})
    pod["status"] = old.get("status") or {}
    metadata, before = pod.setdefault("metadata", {}), old.get("metadata") or {}
    for name in _METADATA:
        metadata.pop(name, None)
        if before.get(name) is not None:
            metadata[name] = before[name]


def _resized(new: list[Object], old: list[Object]) -> list[Object]:
    if any(container.get("name") != previous.get("name") for container, previous in zip(new, old, strict=True)):
        return new
    merged = []
    for container, previous in zip(new, old, strict=True):
        kept = {name: value for name, value in previous.items() if name not in ("resources", "resizePolicy")}
        merged.append(kept | {name: container[name] for name in ("resources", "resizePolicy") if container.get(name) is not None})
    return merged


def validate_resize(pod: Object, old: Object) -> list[FieldError]:
    """Requests and limits of CPU and memory may change, within the pod's QoS class."""
    spec, before = pod.get("spec") or {}, old.get("spec") or {}
    errors = pod_validation.metadata_and_spec(pod)
    if _MIRROR in ((old.get("metadata") or {}).get("annotations") or {}):
        return [field.forbidden("", "static pods cannot be resized")]
    if (before.get("os") or {}).get("name") == "windows":
        return [field.forbidden("", "windows pods cannot be resized")]
    qos = (old.get("status") or {}).get("qosClass") or quality_of_service(before)
    if qos != quality_of_service(spec):
        shown = (pod.get("status") or {}).get("qosClass") or ""
        errors.append(field.invalid("spec", shown, "Pod QOS Class may not change as a result of resizing"))
    if not _node_supports(old):
        errors.append(field.forbidden("spec", "Pod running on node without support for resize"))
    errors += _pod_level(spec.get("resources"), before.get("resources"))
    moved = _ordering(spec, before)
    if moved:
        return errors + moved
    for name in reversed(_LISTS):
        for position, (container, previous) in enumerate(zip(members(spec.get(name)), members(before.get(name)), strict=True)):
            errors += _removed(
                container.get("resources"), previous.get("resources"), child(index(child("spec", name), position), "resources")
            )
    errors += _others(spec, before)
    if not errors and not same(_masked(spec, before), before):
        errors.append(field.forbidden("spec", _CPU_AND_MEMORY))
    return errors


def _node_supports(old: Object) -> bool:
    """A running container whose status shows its resources is on a node that can resize; with none running, nothing is known."""
    for status in members((old.get("status") or {}).get("containerStatuses")):
        if (status.get("state") or {}).get("running") is not None:
            return status.get("resources") is not None
    return True


def _ordering(spec: Object, before: Object) -> list[FieldError]:
    errors: list[FieldError] = []
    for name in _LISTS:
        new, old, path = members(spec.get(name)), members(before.get(name)), child("spec", name)
        if len(new) != len(old):
            errors.append(field.forbidden(path, f"{name} may not be added or removed on resize"))
            continue
        errors += [
            field.forbidden(child(index(path, position), "name"), f"{name} may not be renamed or reordered on resize")
            for position, container in enumerate(old)
            if new[position].get("name") != container.get("name")
        ]
    return errors


def _removed(new: Object | None, old: Object | None, path: str) -> list[FieldError]:
    return [
        field.forbidden(child(path, kind), f"resource {kind} cannot be removed")
        for kind in ("requests", "limits")
        if set((old or {}).get(kind) or ()) - set((new or {}).get(kind) or ())
    ]


def _pod_level(new: Object | None, old: Object | None) -> list[FieldError]:
    if not old and not new:
        return []
    if old is not None and new is None:
        return [field.forbidden("spec.resources", "pod-level resources cannot be removed")]
    errors = [
        field.forbidden(child("spec.resources", kind), f"pod-level resource {kind} cannot be removed")
        for kind in ("requests", "limits")
        if set((old or {}).get(kind) or ()) - set((new or {}).get(kind) or ())
    ]
    if not same(_mask_pod_level(new or {}, old), old):
        errors.append(field.forbidden("spec", "only cpu and memory resources are mutable at pod-level"))
    return errors


def _others(spec: Object, before: Object) -> list[FieldError]:
    """Resources other than CPU and memory stay as they are."""
    errors = [
        field.forbidden("spec", _CPU_AND_MEMORY)
        for container, previous in zip(members(spec.get("containers")), members(before.get("containers")), strict=True)
        if not same(_mask_container(container, previous), previous)
    ]
    for position, container in enumerate(members(spec.get("initContainers"))):
        previous, here = before["initContainers"][position], index("spec.initContainers", position)
        if not same(_mask_container(container, previous), previous):
            errors.append(field.forbidden(here, "only cpu and memory resources for init or sidecar containers are mutable"))
        restarts = any(each.get("restartPolicy") == "RestartContainer" for each in members(container.get("resizePolicy")))
        if restarts and not is_sidecar(container) and not same(container, previous):
            detail = "non-sidecar init containers with a resize policy of RestartContainer cannot be resized"
            errors.append(field.forbidden(here, detail))
    return errors


def _masked(spec: Object, before: Object) -> Object:
    """The new spec with the old CPU and memory."""
    masked = dict(spec)
    for name in _LISTS:
        pairs = zip(members(spec.get(name)), members(before.get(name)), strict=True)
        masked[name] = [_mask_container(container, previous) for container, previous in pairs]
    if spec.get("resources") is not None:
        masked["resources"] = _mask_pod_level(spec["resources"], before.get("resources"))
    return masked


def _mask_pod_level(new: Object, old: Object | None) -> Object | None:
    """None where nothing but new CPU and memory is there."""
    masked = _mask_resources(new, old or {})
    return masked if old is not None or masked else None


def _mask_container(container: Object, previous: Object) -> Object:
    return container | {"resources": _mask_resources(container.get("resources") or {}, previous.get("resources") or {})}


def _mask_resources(new: Object, old: Object) -> Object:
    masked = dict(new)
    for kind in ("requests", "limits"):
        before = old.get(kind) or {}
        kept = {name: value for name, value in (new.get(kind) or {}).items() if name not in QOS_RESOURCES}
        merged = kept | {name: before[name] for name in QOS_RESOURCES if name in before}
        masked.pop(kind, None)
        if merged:
            masked[kind] = merged
    return masked
