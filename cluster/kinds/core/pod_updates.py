"""Updates of pods: the few fields of a spec that may change, and the subresources through which others do.

Upstream: `pkg/registry/core/pod/strategy.go` and `pkg/apis/core/validation/validation.go`.
"""

from __future__ import annotations

import copy
from typing import Any, Final

from cluster.api import field
from cluster.api.field import FieldError, child, index
from cluster.api.names import Object
from cluster.api.validation import inclusive_range_error
from cluster.kinds.core import pod_validation
from cluster.kinds.core.pod_difference import difference
from cluster.kinds.core.pod_gates import gated_spec
from cluster.kinds.core.pod_rules import MAX_INT32, members
from cluster.kinds.core.pod_validation_scheduling import tolerations

_UPDATABLE: Final = ",".join(
    (
        "`spec.containers[*].image`",
        "`spec.initContainers[*].image`",
        "`spec.activeDeadlineSeconds`",
        "`spec.tolerations` (only additions to existing tolerations)",
        "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)",
    )
)


def validate_update(pod: Object, old: Object) -> list[FieldError]:
    """A change of a pod's main resource."""
    spec, before = pod.get("spec") or {}, old.get("spec") or {}
    errors = pod_validation.metadata_and_spec(pod)
    for name in ("containers", "initContainers"):
        own, stop = _images(members(spec.get(name)), members(before.get(name)), child("spec", name))
        errors += own
        if stop:
            return errors
    own, stop = _deadline(spec.get("activeDeadlineSeconds"), before.get("activeDeadlineSeconds"))
    errors += own
    if stop:
        return errors
    errors += _added_tolerations(members(spec.get("tolerations")), members(before.get("tolerations")))
    errors += _deleted_gates(members(spec.get("schedulingGates")), members(before.get("schedulingGates")))
    if same(spec, before):
        return errors
    munged = _munge(spec, before)
    if before.get("schedulingGates"):
        errors += gated_spec(munged, before)
    if not same(munged, before):
        detail = f"pod updates may not change fields other than {_UPDATABLE}\n{difference(before, munged)}"
        errors.append(field.forbidden("spec", detail))
    return errors


def same(one: Any, other: Any) -> bool:
    """Equal, where a missing field and an empty one are the same.  Upstream: `apiequality.Semantic.DeepEqual`."""
    return bool(_pruned(one) == _pruned(other))


def _pruned(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _pruned(each) for name, each in value.items() if each is not None and each != []}
    if isinstance(value, list):
        return [_pruned(each) for each in value]
    return value


def _images(new: list[Object], old: list[Object], path: str) -> tuple[list[FieldError], bool]:
    if len(new) != len(old):
        return [field.forbidden(path, "pod updates may not add or remove containers")], True
    errors: list[FieldError] = []
    for position, container in enumerate(new):
        image, where = container.get("image") or "", child(index(path, position), "image")
        if not image:
            errors.append(field.required(where))
        if image.strip() != image:
            errors.append(field.invalid(where, image, "must not have leading or trailing whitespace"))
    return errors, False


def _deadline(new: int | None, old: int | None) -> tuple[list[FieldError], bool]:
    """It may be set, and shortened."""
    path = "spec.activeDeadlineSeconds"
    if new is None:
        detail = "must not update from a positive integer to nil value"
        return ([] if old is None else [field.invalid(path, None, detail)]), False
    if not 0 <= new <= MAX_INT32:
        return [field.invalid(path, new, inclusive_range_error(0, MAX_INT32))], True
    if old is not None and old < new:
        return [field.invalid(path, new, "must be less than or equal to previous value")], True
    return [], False


def _added_tolerations(new: list[Object], old: list[Object]) -> list[FieldError]:
    kept = [{name: value for name, value in each.items() if name != "tolerationSeconds"} for each in new]
    for toleration in old:
        if {name: value for name, value in toleration.items() if name != "tolerationSeconds"} not in kept:
            return [field.forbidden("spec.tolerations", "existing toleration can not be modified except its tolerationSeconds")]
    return tolerations(new, "spec.tolerations")


def _deleted_gates(new: list[Object], old: list[Object]) -> list[FieldError]:
    known = {gate.get("name") for gate in old}
    return [
        field.forbidden(
            child(index("spec.schedulingGates", position), "name"),
            f"only deletion is allowed, but found new scheduling gate '{gate.get('name')}'",
        )
        for position, gate in enumerate(new)
        if gate.get("name") not in known
    ]


def _munge(spec: Object, before: Object) -> Object:
    """The new spec with the old values of all that may change."""
    munged = copy.deepcopy(spec)
    for name in ("containers", "initContainers"):
        for container, previous in zip(munged.get(name) or (), before.get(name) or (), strict=True):
            container["image"] = previous.get("image")
    for name in ("activeDeadlineSeconds", "schedulingGates", "tolerations"):
        munged.pop(name, None)
        if before.get(name) is not None:
            munged[name] = before[name]
    period = before.get("terminationGracePeriodSeconds")
    if period is not None and period < 0 and munged.get("terminationGracePeriodSeconds") == 1:
        munged["terminationGracePeriodSeconds"] = period
    return munged


def prepare_status(pod: Object, old: Object) -> None:
    """An update of `status` changes neither spec, nor owners, nor the deletion; what kubelets leave out is kept."""
    pod["spec"] = old.get("spec") or {}
    metadata, previous = pod.setdefault("metadata", {}), old.get("metadata") or {}
    for name in ("ownerReferences", "deletionTimestamp"):
        metadata.pop(name, None)
        if previous.get(name) is not None:
            metadata[name] = previous[name]
    status, before = pod.setdefault("status", {}), old.get("status") or {}
    for name in ("qosClass", "observedGeneration"):
        if not status.get(name) and before.get(name):
            status[name] = before[name]
    _keep_observed_generations(status, before)


def _keep_observed_generations(status: Object, before: Object) -> None:
    remembered: dict[Any, list[int]] = {}
    for condition in before.get("conditions") or ():
        remembered.setdefault(condition.get("type"), []).append(condition.get("observedGeneration") or 0)
    for condition in status.get("conditions") or ():
        generations = remembered.get(condition.get("type"))
        generation = generations.pop(0) if generations else 0
        if not condition.get("observedGeneration") and generation:
            condition["observedGeneration"] = generation
