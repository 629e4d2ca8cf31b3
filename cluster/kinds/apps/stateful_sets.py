"""Stateful sets.  Upstream: `pkg/registry/apps/statefulset/strategy.go`, `pkg/apis/apps/validation`."""

from __future__ import annotations

from typing import Any, Final

from cluster.api import field, selectors
from cluster.api.field import FieldError
from cluster.api.names import Object
from cluster.api.validation import name_is_dns_label
from cluster.kinds.apps import workload_validation as rules
from cluster.kinds.apps.workload_defaults import default_field, default_word, keep_spec, workload_spec
from cluster.kinds.apps.workload_printing import container_cells
from cluster.kinds.core import pod_validation
from cluster.kinds.core.pod_claim_templates import claim_spec
from cluster.kinds.core.pod_resources import canonical_resource_list, decoded
from cluster.kinds.core.pod_rules import dns_label, members, non_negative
from cluster.kinds.core.pod_updates import same
from cluster.kinds.model import Strategy, SubresourceStrategy
from cluster.kinds.printing import age

_COUNTS: Final = (
    "replicas",
    "readyReplicas",
    "currentReplicas",
    "updatedReplicas",
    "availableReplicas",
    "observedGeneration",
    "collisionCount",
)
_MUTABLE: Final = (
    *("replicas", "template", "updateStrategy", "minReadySeconds", "ordinals", "revisionHistoryLimit"),
    "persistentVolumeClaimRetentionPolicy",
)
_IMMUTABLE: Final = (
    "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', "
    "'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"
)
_RETENTION: Final = ("Retain", "Delete")


def _default(stateful_set: Object) -> None:
    spec = workload_spec(stateful_set)
    default_word(spec, "podManagementPolicy", "OrderedReady")
    default_field(spec, "updateStrategy", {})
    strategy = spec["updateStrategy"]
    if not strategy.get("type"):
        strategy["type"] = "RollingUpdate"
        default_field(strategy, "rollingUpdate", {})
    if strategy["type"] == "RollingUpdate" and strategy.get("rollingUpdate") is not None:
        default_field(strategy["rollingUpdate"], "partition", 0)
        strategy["rollingUpdate"].pop("maxUnavailable", None)
    default_field(spec, "persistentVolumeClaimRetentionPolicy", {})
    for name in ("whenDeleted", "whenScaled"):
        default_word(spec["persistentVolumeClaimRetentionPolicy"], name, "Retain")
    default_field(spec, "replicas", 1)
    default_field(spec, "revisionHistoryLimit", 10)
    default_field(spec, "serviceName", "")
    for claim in members(spec.get("volumeClaimTemplates")):
        _default_claim(claim)


def _default_claim(claim: Object) -> None:
    claim["kind"], claim["apiVersion"] = "PersistentVolumeClaim", "v1"
    for name in ("metadata", "spec"):
        default_field(claim, name, {})
    default_field(claim["spec"], "volumeMode", "Filesystem")
    default_field(claim["spec"], "resources", {})
    for name in ("limits", "requests"):
        canonical_resource_list(claim["spec"]["resources"].get(name))
    default_field(claim, "status", {})
    default_word(claim["status"], "phase", "Pending")


def _prepare_for_create(stateful_set: Object) -> None:
    stateful_set["status"] = {"replicas": 0, "availableReplicas": 0}


def _validate(stateful_set: Object) -> list[FieldError]:
    return _spec_errors(stateful_set.get("spec") or {}, new=True)


def _spec_errors(spec: Object, *, new: bool) -> list[FieldError]:
    """`new`: what never changes, the claims and the name of the service, must be valid."""
    policy, path = spec.get("podManagementPolicy"), "spec.podManagementPolicy"
    errors = [] if policy in ("OrderedReady", "Parallel") else [field.invalid(path, policy, "must be 'OrderedReady' or 'Parallel'")]
    errors += _strategy(spec.get("updateStrategy") or {})
    retention = spec.get("persistentVolumeClaimRetentionPolicy") or {}
    errors += [
        field.not_supported(f"spec.persistentVolumeClaimRetentionPolicy.{name}", retention.get(name, ""), _RETENTION)
        for name in ("whenDeleted", "whenScaled")
        if retention.get(name) not in _RETENTION
    ]
    for position, claim in enumerate(members(spec.get("volumeClaimTemplates")) if new else ()):
        errors += claim_spec(claim.get("spec") or {}, f"spec.volumeClaimTemplates[{position}].spec")
    errors += non_negative(spec.get("replicas"), "spec.replicas") + non_negative(spec.get("minReadySeconds"), "spec.minReadySeconds")
    errors += non_negative((spec.get("ordinals") or {}).get("start"), "spec.ordinals.start")
    if new and spec.get("serviceName"):
        errors += dns_label(spec["serviceName"], "spec.serviceName")
    errors += rules.label_selector(spec.get("selector"), "empty selector is invalid for statefulset")
    return errors + _template(spec)


def _template(spec: Object) -> list[FieldError]:
    selector, template = spec.get("selector"), spec.get("template") or {}
    pod = template.get("spec") or {}
    errors: list[FieldError] = []
    try:
        errors += rules.matching_labels(selectors.from_label_selector(selector), template)
    except ValueError:
        errors.append(field.invalid("spec.selector", rules.shown_selector(selector), ""))
    else:
        errors += pod_validation.template(_as_created(spec, template), "spec.template")
    if pod.get("restartPolicy") != "Always":
        errors.append(field.not_supported("spec.template.spec.restartPolicy", pod.get("restartPolicy") or "", ("Always",)))
    if pod.get("activeDeadlineSeconds") is not None:
        detail = "activeDeadlineSeconds in StatefulSet is not Supported"
        errors.append(field.forbidden("spec.template.spec.activeDeadlineSeconds", detail))
    return errors


def _as_created(spec: Object, template: Object) -> Object:
    """The template with what the controller puts in: claims for volumes, names of its own."""
    pod = {name: value for name, value in (template.get("spec") or {}).items() if name not in ("hostname", "subdomain")}
    names = [(claim.get("metadata") or {}).get("name", "") for claim in members(spec.get("volumeClaimTemplates"))]
    claimed = [{"name": name, "persistentVolumeClaim": {"claimName": name}} for name in dict.fromkeys(names)]
    pod["volumes"] = [*claimed, *(volume for volume in members(pod.get("volumes")) if volume.get("name") not in names)]
    return template | {"spec": pod}


def _strategy(strategy: Object) -> list[FieldError]:
    kind, rolling, path = strategy.get("type"), strategy.get("rollingUpdate"), "spec.updateStrategy"
    shown = None
    if rolling is not None:
        shown = {"Partition": rolling.get("partition") or 0, "MaxUnavailable": rolling.get("maxUnavailable")}
    if kind == "OnDelete":
        if rolling is None:
            return []
        return [field.invalid(f"{path}.rollingUpdate", shown, "only allowed for updateStrategy 'RollingUpdate'")]
    if kind != "RollingUpdate":
        return [field.invalid(path, {"Type": kind, "RollingUpdate": shown}, "must be 'RollingUpdate' or 'OnDelete'")]
    return non_negative((rolling or {}).get("partition"), f"{path}.rollingUpdate.partition")


def _validate_update(stateful_set: Object, old: Object) -> list[FieldError]:
    spec, before = stateful_set.get("spec") or {}, old.get("spec") or {}
    errors = _spec_errors(spec, new=False)
    kept, was = ({name: value for name, value in each.items() if name not in _MUTABLE} for each in (spec, before))
    return errors if same(kept, was) else [*errors, field.forbidden("spec", _IMMUTABLE)]


def _validate_status(stateful_set: Object, old: Object) -> list[FieldError]:
    status = stateful_set.get("status") or {}
    errors = rules.status_counts(status, _COUNTS)
    some = ("readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas")
    errors += rules.at_most_replicas(status, some, above_ready="cannot be greater than status.readyReplicas")
    return errors + rules.collisions(status, old.get("status") or {})


def _cells(stateful_set: Object) -> list[Any]:
    """Name, ready, age; containers, images."""
    metadata, spec, status = stateful_set.get("metadata") or {}, stateful_set.get("spec") or {}, stateful_set.get("status") or {}
    return [
        metadata.get("name", ""),
        f"{status.get('readyReplicas') or 0}/{spec.get('replicas') or 0}",
        age(metadata.get("creationTimestamp")),
        *container_cells(spec.get("template")),
    ]


STRATEGY: Final = Strategy(
    default=decoded(_default),
    prepare_for_create=_prepare_for_create,
    validate=_validate,
    validate_update=_validate_update,
    validate_name=name_is_dns_label,
    warnings=rules.template_warnings,
    subresources={"status": SubresourceStrategy(keep_spec, _validate_status)},
    cells=_cells,
)
