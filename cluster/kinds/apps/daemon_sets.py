"""Daemon sets.  Upstream: `pkg/registry/apps/daemonset/strategy.go`, `pkg/apis/apps/validation`."""

from __future__ import annotations

from typing import Any, Final

from cluster.api import field, selectors, validation
from cluster.api.field import FieldError
from cluster.api.names import Object
from cluster.kinds.apps import workload_validation as rules
from cluster.kinds.apps.workload_defaults import default_field, default_word, keep_spec, workload_spec
from cluster.kinds.apps.workload_printing import container_cells, labels_cell, selector_cell
from cluster.kinds.core.pod_resources import decoded
from cluster.kinds.core.pod_rules import non_negative
from cluster.kinds.core.pod_updates import same
from cluster.kinds.model import Strategy, SubresourceStrategy
from cluster.kinds.printing import age

_GENERATION: Final = "deprecated.daemonset.template.generation"
_COUNTS: Final = (
    *("currentNumberScheduled", "numberMisscheduled", "desiredNumberScheduled", "numberReady"),
    *("observedGeneration", "updatedNumberScheduled", "numberAvailable", "numberUnavailable", "collisionCount"),
)
_ALWAYS_SHOWN: Final = ("currentNumberScheduled", "numberMisscheduled", "desiredNumberScheduled", "numberReady")


def _default(daemon_set: Object) -> None:
    spec = workload_spec(daemon_set)
    default_field(spec, "updateStrategy", {})
    strategy = spec["updateStrategy"]
    default_word(strategy, "type", "RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        default_field(strategy, "rollingUpdate", {})
        default_field(strategy["rollingUpdate"], "maxUnavailable", 1)
        default_field(strategy["rollingUpdate"], "maxSurge", 0)
    default_field(spec, "revisionHistoryLimit", 10)


def _prepare_for_create(daemon_set: Object) -> None:
    daemon_set["status"] = dict.fromkeys(_ALWAYS_SHOWN, 0)
    _set_generation(daemon_set, max(_template_generation(daemon_set), 1))


def _prepare_for_update(daemon_set: Object, old: Object) -> None:
    """The template's generation, which v1 keeps in an annotation, goes up with the template."""
    template, before = ((each.get("spec") or {}).get("template") for each in (daemon_set, old))
    _set_generation(daemon_set, _template_generation(old) + (not same(template, before)))


def _template_generation(daemon_set: Object) -> int:
    value = ((daemon_set.get("metadata") or {}).get("annotations") or {}).get(_GENERATION, "")
    return int(value) if value.isascii() and value.isdigit() else 0


def _set_generation(daemon_set: Object, generation: int) -> None:
    metadata = daemon_set.setdefault("metadata", {})
    metadata["annotations"] = {**(metadata.get("annotations") or {}), _GENERATION: str(generation)}


def _validate(daemon_set: Object) -> list[FieldError]:
    spec = daemon_set.get("spec") or {}
    selector, template = spec.get("selector"), spec.get("template") or {}
    errors = validation.validate_label_selector(selector, "spec.selector")
    labels = (template.get("metadata") or {}).get("labels")
    try:
        if not selectors.from_label_selector(selector).matches(labels or {}):
            shown = dict(sorted(labels.items())) if labels else None
            errors.append(field.invalid("spec.template.metadata.labels", shown, rules.NO_MATCH))
    except ValueError:
        pass  # validate_label_selector has reported it
    if selector is not None and not rules.shown_selector(selector):
        errors.append(field.invalid("spec.selector", {}, "empty selector is invalid for daemonset"))
    errors += rules.always_restarting_template(template, "DaemonSet")
    errors += non_negative(spec.get("minReadySeconds"), "spec.minReadySeconds")
    errors += _strategy(spec.get("updateStrategy") or {})
    return errors + non_negative(spec.get("revisionHistoryLimit"), "spec.revisionHistoryLimit")


def _strategy(strategy: Object) -> list[FieldError]:
    kind, rolling, path = strategy.get("type"), strategy.get("rollingUpdate"), "spec.updateStrategy"
    if kind == "OnDelete":
        return []
    if kind != "RollingUpdate":
        shown = None if rolling is None else {"MaxUnavailable": rolling.get("maxUnavailable"), "MaxSurge": rolling.get("maxSurge")}
        return [field.not_supported(path, {"Type": kind, "RollingUpdate": shown}, ("RollingUpdate", "OnDelete"))]
    path = f"{path}.rollingUpdate"
    unavailable, surge = (rolling or {}).get("maxUnavailable"), (rolling or {}).get("maxSurge")
    errors = rules.int_or_percent(unavailable, f"{path}.maxUnavailable") + rules.int_or_percent(surge, f"{path}.maxSurge")
    errors += rules.at_most_all(unavailable, f"{path}.maxUnavailable") + rules.at_most_all(surge, f"{path}.maxSurge")
    if rules.scaled(unavailable) and rules.scaled(surge):
        errors.append(field.invalid(f"{path}.maxSurge", surge, "may not be set when maxUnavailable is non-zero"))
    elif not rules.scaled(unavailable) and not rules.scaled(surge):
        errors.append(field.required(f"{path}.maxUnavailable", "cannot be 0 when maxSurge is 0"))
    return errors


def _validate_update(daemon_set: Object, old: Object) -> list[FieldError]:
    return rules.immutable_selector(daemon_set.get("spec") or {}, old.get("spec") or {}) + _validate(daemon_set)


def _validate_status(daemon_set: Object, old: Object) -> list[FieldError]:
    status, before = daemon_set.get("status") or {}, old.get("status") or {}
    return rules.status_counts(status, _COUNTS) + rules.collisions(status, before)


def _cells(daemon_set: Object) -> list[Any]:
    """Name, desired, current, ready, up-to-date, available, node selector, age; containers, images, selector."""
    metadata, spec, status = daemon_set.get("metadata") or {}, daemon_set.get("spec") or {}, daemon_set.get("status") or {}
    counts = ("desiredNumberScheduled", "currentNumberScheduled", "numberReady", "updatedNumberScheduled", "numberAvailable")
    template = spec.get("template") or {}
    return [
        metadata.get("name", ""),
        *(status.get(name) or 0 for name in counts),
        labels_cell((template.get("spec") or {}).get("nodeSelector")),
        age(metadata.get("creationTimestamp")),
        *container_cells(template),
        selector_cell(spec.get("selector")),
    ]


STRATEGY: Final = Strategy(
    default=decoded(_default),
    prepare_for_create=_prepare_for_create,
    prepare_for_update=_prepare_for_update,
    validate=_validate,
    validate_update=_validate_update,
    warnings=rules.template_warnings,
    subresources={"status": SubresourceStrategy(keep_spec, _validate_status)},
    cells=_cells,
)
