"""Deployments.  Upstream: `pkg/registry/apps/deployment/strategy.go`, `pkg/apis/apps/validation`."""

from __future__ import annotations

from typing import Any, Final

from cluster.api import field
from cluster.api.field import FieldError
from cluster.api.names import Object
from cluster.kinds.apps import workload_validation as rules
from cluster.kinds.apps.workload_defaults import default_field, default_word, empty_status, status_strategy, workload_spec
from cluster.kinds.apps.workload_printing import container_cells, selector_string
from cluster.kinds.core.pod_resources import decoded
from cluster.kinds.core.pod_rules import non_negative
from cluster.kinds.model import Strategy
from cluster.kinds.printing import age

_COUNTS: Final = (
    *("observedGeneration", "replicas", "updatedReplicas", "readyReplicas", "availableReplicas", "unavailableReplicas"),
    *("terminatingReplicas", "collisionCount"),
)


def _default(deployment: Object) -> None:
    spec = workload_spec(deployment)
    default_field(spec, "replicas", 1)
    default_field(spec, "strategy", {})
    strategy = spec["strategy"]
    default_word(strategy, "type", "RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        default_field(strategy, "rollingUpdate", {})
        default_field(strategy["rollingUpdate"], "maxUnavailable", "25%")
        default_field(strategy["rollingUpdate"], "maxSurge", "25%")
    default_field(spec, "revisionHistoryLimit", 10)
    default_field(spec, "progressDeadlineSeconds", 600)


def _prepare_for_update(deployment: Object, old: Object) -> None:
    """Annotations count as a change of generation: they are copied to replica sets."""
    metadata, before = deployment.setdefault("metadata", {}), old.get("metadata") or {}
    if (metadata.get("annotations") or {}) != (before.get("annotations") or {}):
        metadata["generation"] = (before.get("generation") or 0) + 1


def _validate(deployment: Object) -> list[FieldError]:
    spec = deployment.get("spec") or {}
    errors = non_negative(spec.get("replicas"), "spec.replicas")
    errors += rules.template_and_selector(spec, "empty selector is invalid for deployment", "ReplicaSet")
    errors += _strategy(spec.get("strategy") or {})
    for name in ("minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds"):
        errors += non_negative(spec.get(name), f"spec.{name}")
    deadline = spec.get("progressDeadlineSeconds")
    if deadline is not None and deadline <= (spec.get("minReadySeconds") or 0):
        errors.append(field.invalid("spec.progressDeadlineSeconds", deadline, "must be greater than minReadySeconds"))
    return errors


def _strategy(strategy: Object) -> list[FieldError]:
    kind, rolling, path = strategy.get("type"), strategy.get("rollingUpdate"), "spec.strategy"
    if kind == "Recreate":
        if rolling is None:
            return []
        return [field.forbidden(f"{path}.rollingUpdate", "may not be specified when strategy `type` is 'Recreate'")]
    if kind != "RollingUpdate":
        shown = None if rolling is None else {"MaxUnavailable": rolling.get("maxUnavailable"), "MaxSurge": rolling.get("maxSurge")}
        return [field.not_supported(path, {"Type": kind, "RollingUpdate": shown}, ("Recreate", "RollingUpdate"))]
    path = f"{path}.rollingUpdate"
    unavailable, surge = (rolling or {}).get("maxUnavailable"), (rolling or {}).get("maxSurge")
    errors = rules.int_or_percent(unavailable, f"{path}.maxUnavailable") + rules.int_or_percent(surge, f"{path}.maxSurge")
    if rules.scaled(unavailable) == 0 and rules.scaled(surge) == 0:
        errors.append(field.invalid(f"{path}.maxUnavailable", unavailable, "may not be 0 when `maxSurge` is 0"))
    return errors + rules.at_most_all(unavailable, f"{path}.maxUnavailable")


def _validate_update(deployment: Object, old: Object) -> list[FieldError]:
    return _validate(deployment) + rules.immutable_selector(deployment.get("spec") or {}, old.get("spec") or {})


def _validate_status(deployment: Object, old: Object) -> list[FieldError]:
    status, before = deployment.get("status") or {}, old.get("status") or {}
    errors = rules.status_counts(status, _COUNTS)
    errors += rules.at_most_replicas(status, ("updatedReplicas", "readyReplicas", "availableReplicas"))
    return errors + rules.collisions(status, before)


def _cells(deployment: Object) -> list[Any]:
    """Name, ready, up-to-date, available, age; containers, images, selector."""
    metadata, spec, status = deployment.get("metadata") or {}, deployment.get("spec") or {}, deployment.get("status") or {}
    return [
        metadata.get("name", ""),
        f"{status.get('readyReplicas') or 0}/{spec.get('replicas') or 0}",
        status.get("updatedReplicas") or 0,
        status.get("availableReplicas") or 0,
        age(metadata.get("creationTimestamp")),
        *container_cells(spec.get("template")),
        selector_string(spec.get("selector")),
    ]


STRATEGY: Final = Strategy(
    default=decoded(_default),
    prepare_for_create=empty_status,
    prepare_for_update=_prepare_for_update,
    validate=_validate,
    validate_update=_validate_update,
    warnings=rules.named_template_warnings,
    subresources={"status": status_strategy(_validate_status)},
    cells=_cells,
)
