"""Nodes.  Upstream: `pkg/registry/core/node/strategy.go`, `ValidateNode` in `pkg/apis/core/validation/validation.go`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

from msgspec.structs import replace

from cluster.api import field, validation
from cluster.api.field import FieldError
from cluster.api.names import Object
from cluster.kinds.cells import age_of, name_of
from cluster.kinds.checks import flag_at, ip_family, judged, legacy_cidr, metadata_of, spec_of, status_of
from cluster.kinds.core.pod_resources import canonical_resource_list, decoded
from cluster.kinds.core.quantities import validate_quantity
from cluster.kinds.model import Strategy, SubresourceStrategy
from cluster.kinds.printing import NONE, UNKNOWN

ROLE_PREFIX: Final = "node-role.kubernetes.io/"
ROLE: Final = "kubernetes.io/role"
_INFO: Final = (
    "machineID",
    "systemUUID",
    "bootID",
    "kernelVersion",
    "osImage",
    "containerRuntimeVersion",
    "kubeletVersion",
    "kubeProxyVersion",
    "operatingSystem",
    "architecture",
)
"""Facts of a node that are shown even when they are empty."""

_EFFECTS: Final = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_CIDR_FIXED: Final = 'node updates may not change podCIDR except from "" to valid'
_PROVIDER_FIXED: Final = 'node updates may not change providerID except from "" to valid'
_FEATURE: Final = re.compile(r"[A-Z][a-zA-Z0-9]*(/[a-zA-Z0-9]+)*")


def _default(node: Object) -> None:
    """What a node can allocate is all that it has, unless it says otherwise; `podCIDRs` and `podCIDR` follow each other."""
    spec = node.setdefault("spec", {})
    if spec.get("podCIDR") and not spec.get("podCIDRs"):
        spec["podCIDRs"] = [spec["podCIDR"]]
    elif spec.get("podCIDRs"):
        spec["podCIDR"] = spec["podCIDRs"][0]
    status: Object = {"daemonEndpoints": {"kubeletEndpoint": {"Port": 0}}} | status_of(node)
    node["status"] = status
    status["nodeInfo"] = dict.fromkeys(_INFO, "") | (status.get("nodeInfo") or {})
    canonical_resource_list(status.get("capacity"))
    canonical_resource_list(status.get("allocatable"))
    if status.get("capacity") is not None and status.get("allocatable") is None:
        status["allocatable"] = dict(status["capacity"])


def _prepare_for_create(node: Object) -> None:
    spec_of(node).pop("configSource", None)
    status_of(node).pop("config", None)


def _prepare_for_update(node: Object, old: Object) -> None:
    node["status"] = status_of(old)
    if not spec_of(old).get("configSource"):
        spec_of(node).pop("configSource", None)


def _prepare_status(node: Object, old: Object) -> None:
    node["spec"] = spec_of(old)
    if not status_of(old).get("config"):
        status_of(node).pop("config", None)


def _shown_taint(taint: Object) -> Object:
    """A taint as upstream's message prints it: its internal type."""
    names = ("key", "value", "effect")
    return {name.capitalize(): taint.get(name) or "" for name in names} | {"TimeAdded": taint.get("timeAdded")}


def validate_taints(taints: Iterable[Object], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    seen: set[tuple[str, str]] = set()
    for position, taint in enumerate(taints):
        place = field.index(path, position)
        key, value, effect = taint.get("key") or "", taint.get("value") or "", taint.get("effect") or ""
        errors += judged(validation.is_qualified_name, field.child(place, "key"), key)
        faults = validation.is_valid_label_value(value)
        if faults:
            errors.append(field.invalid(field.child(place, "value"), value, ";".join(faults)))
        if not effect:
            errors.append(field.required(field.child(place, "effect")))
        elif effect not in _EFFECTS:
            errors.append(field.not_supported(field.child(place, "effect"), effect, _EFFECTS))
        if (key, effect) in seen:
            errors.append(replace(field.duplicate(place, _shown_taint(taint)), detail="taints must be unique by key and effect pair"))
        seen.add((key, effect))
    return errors


def _validate_resources(node: Object) -> list[FieldError]:
    errors: list[FieldError] = []
    for name in ("capacity", "allocatable"):
        for resource, quantity in (status_of(node).get(name) or {}).items():
            errors += validate_quantity(f"status.{name}.{resource}", resource, quantity)
    return errors


def _validate_features(node: Object) -> list[FieldError]:
    """Declared features are sorted names in upper camel case, each once."""
    path = "status.declaredFeatures"
    features = status_of(node).get("declaredFeatures") or []
    errors: list[FieldError] = []
    for position, feature in enumerate(features):
        place = field.index(path, position)
        if not _FEATURE.fullmatch(feature):
            message = (
                f'invalid feature name "{feature}": must start with an UpperCamelCase segment, with subsequent segments separated by '
                "'/' (e.g., MyFeature or MyFeature/mySubFeature), and contain only alphanumeric characters and slashes"
            )
            errors.append(field.invalid(place, feature, message))
        if position and feature == features[position - 1]:
            errors.append(field.duplicate(place, feature))
        elif position and feature < features[position - 1]:
            errors.append(field.invalid(place, feature, "list must be sorted alphabetically"))
    return errors


def _validate(node: Object) -> list[FieldError]:
    spec = spec_of(node)
    errors = validate_taints(spec.get("taints") or (), "metadata.taints")
    errors += _validate_resources(node) + _validate_features(node)
    ranges = spec.get("podCIDRs") or []
    for position, each in enumerate(ranges):
        errors += legacy_cidr(field.index("spec.podCIDRs", position), each)
    if len(ranges) > 1 and (len(ranges) > 2 or len({ip_family(each) for each in ranges}) != len(ranges)):
        errors.append(field.invalid("spec.podCIDRs", ranges, "may specify no more than one CIDR for each IP family"))
    return errors


def _validate_change(node: Object, old: Object) -> list[FieldError]:
    errors = _validate_resources(node) + _validate_features(node)
    addresses = status_of(node).get("addresses") or []
    for position, each in enumerate(addresses):
        if each in addresses[:position]:
            errors.append(field.duplicate(field.index("status.addresses", position), each))
    spec, before = spec_of(node), spec_of(old)
    old_ranges = before.get("podCIDRs") or []
    if old_ranges and old_ranges != (spec.get("podCIDRs") or []):
        errors.append(field.forbidden("spec.podCIDRs", _CIDR_FIXED))
    if before.get("providerID") and before["providerID"] != spec.get("providerID"):
        errors.append(field.forbidden("spec.providerID", _PROVIDER_FIXED))
    errors += validate_taints(spec.get("taints") or (), "metadata.taints")
    if (spec.get("externalID") or "") != (before.get("externalID") or ""):
        errors.append(field.forbidden("spec.externalID", "may not be updated"))
    return errors


def _warnings(node: Object, old: Object | None) -> list[str]:
    found = ["spec.configSource: the feature is removed"] if spec_of(node).get("configSource") else []
    if spec_of(node).get("externalID"):
        found.append("spec.externalID: this field is deprecated, and is unused by Kubernetes")
    return found


def roles(node: Object) -> list[str]:
    """The node's roles, from its labels."""
    labels = metadata_of(node).get("labels") or {}
    named = {key.removeprefix(ROLE_PREFIX) for key in labels if key.startswith(ROLE_PREFIX)}
    return sorted((named | {labels.get(ROLE, "")}) - {""})


def _status(node: Object) -> str:
    shown = "Unknown"
    for condition in status_of(node).get("conditions") or ():
        if condition.get("type") == "Ready":
            shown = "Ready" if condition.get("status") == "True" else "NotReady"
    return f"{shown},SchedulingDisabled" if spec_of(node).get("unschedulable") else shown


def _address(node: Object, kind: str) -> str:
    for each in status_of(node).get("addresses") or ():
        if each.get("type") == kind:
            return str(each.get("address") or "")
    return NONE


def _cells(node: Object) -> list[Any]:
    info = status_of(node).get("nodeInfo") or {}
    kernel = info.get("kernelVersion") or UNKNOWN
    if info.get("architecture"):
        kernel += f" ({info['architecture']})"
    return [
        name_of(node),
        _status(node),
        ",".join(roles(node)) or NONE,
        age_of(node),
        info.get("kubeletVersion") or "",
        _address(node, "InternalIP"),
        _address(node, "ExternalIP"),
        info.get("osImage") or UNKNOWN,
        kernel,
        info.get("containerRuntimeVersion") or UNKNOWN,
    ]


STRATEGY: Final = Strategy(
    default=decoded(_default),
    prepare_for_create=_prepare_for_create,
    prepare_for_update=_prepare_for_update,
    validate=_validate,
    validate_update=lambda node, old: _validate(node) + _validate_change(node, old),
    warnings=_warnings,
    subresources={"status": SubresourceStrategy(_prepare_status, _validate_change)},
    selectable_fields={"spec.unschedulable": flag_at("spec", "unschedulable")},
    cells=_cells,
    has_generation=False,
)
