"""Replica sets.  Upstream: `pkg/registry/apps/replicaset/strategy.go`, `pkg/apis/apps/validation`."""

from __future__ import annotations

from typing import Any, Final

from cluster.api.field import FieldError
from cluster.api.names import Object
from cluster.kinds.apps import workload_validation as rules
from cluster.kinds.apps.workload_defaults import default_field, keep_spec, status_number, workload_spec
from cluster.kinds.apps.workload_printing import container_cells, selector_cell
from cluster.kinds.core.pod_resources import decoded
from cluster.kinds.core.pod_rules import non_negative
from cluster.kinds.model import Strategy, SubresourceStrategy
from cluster.kinds.printing import age

_COUNTS: Final = ("replicas", "fullyLabeledReplicas", "readyReplicas", "availableReplicas", "observedGeneration", "terminatingReplicas")


def _default(replica_set: Object) -> None:
    default_field(workload_spec(replica_set), "replicas", 1)


def _prepare_for_create(replica_set: Object) -> None:
    replica_set["status"] = {"replicas": 0}


def _validate(replica_set: Object) -> list[FieldError]:
    spec = replica_set.get("spec") or {}
    errors = non_negative(spec.get("replicas"), "spec.replicas") + non_negative(spec.get("minReadySeconds"), "spec.minReadySeconds")
    return errors + rules.template_and_selector(spec, "empty selector is invalid for deployment", "ReplicaSet")


def _validate_update(replica_set: Object, old: Object) -> list[FieldError]:
    return _validate(replica_set) + rules.immutable_selector(replica_set.get("spec") or {}, old.get("spec") or {})


def _validate_status(replica_set: Object, old: Object) -> list[FieldError]:  # the old one doesn't matter
    status = replica_set.get("status") or {}
    counts = rules.status_counts(status, _COUNTS)
    return counts + rules.at_most_replicas(status, ("fullyLabeledReplicas", "readyReplicas", "availableReplicas"))


def _cells(replica_set: Object) -> list[Any]:
    """Name, desired, current, ready, age; containers, images, selector."""
    metadata, spec, status = replica_set.get("metadata") or {}, replica_set.get("spec") or {}, replica_set.get("status") or {}
    return [
        metadata.get("name", ""),
        spec.get("replicas") or 0,
        status.get("replicas") or 0,
        status.get("readyReplicas") or 0,
        age(metadata.get("creationTimestamp")),
        *container_cells(spec.get("template")),
        selector_cell(spec.get("selector")),
    ]


STRATEGY: Final = Strategy(
    default=decoded(_default),
    prepare_for_create=_prepare_for_create,
    validate=_validate,
    validate_update=_validate_update,
    warnings=rules.named_template_warnings,
    subresources={"status": SubresourceStrategy(keep_spec, _validate_status)},
    selectable_fields={"status.replicas": status_number("replicas")},
    cells=_cells,
)
