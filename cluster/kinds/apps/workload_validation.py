"""Rules that deployments, replica sets, daemon sets and stateful sets share.  Upstream: `pkg/apis/apps/validation`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from cluster.api import field, selectors, validation
from cluster.api.field import FieldError
from cluster.api.names import Object
from cluster.api.selectors import LabelSelector
from cluster.kinds.core import pod_validation, pod_warnings
from cluster.kinds.core.pod_rules import each, non_negative

ABOVE_REPLICAS: Final = "cannot be greater than status.replicas"
NO_MATCH: Final = "`selector` does not match template `labels`"


def template_and_selector(spec: Object, empty_selector: str, workload: str) -> list[FieldError]:
    """`spec.selector` and `spec.template`, which must agree; `empty_selector` is the message for a selector of everything."""
    selector = spec.get("selector")
    errors = label_selector(selector, empty_selector)
    try:
        parsed = selectors.from_label_selector(selector)
    except ValueError:
        return [*errors, field.invalid("spec.selector", shown_selector(selector), "invalid label selector")]
    template = spec.get("template") or {}
    return errors + matching_labels(parsed, template) + always_restarting_template(template, workload)


def matching_labels(selector: LabelSelector, template: Object) -> list[FieldError]:
    """The template's pods must be the selector's."""
    labels = (template.get("metadata") or {}).get("labels")
    if selector.empty or selector.matches(labels or {}):
        return []
    shown = dict(sorted(labels.items())) if labels else None
    return [field.invalid("spec.template.metadata.labels", shown, NO_MATCH)]


def label_selector(selector: Object | None, empty: str) -> list[FieldError]:
    if selector is None:
        return [field.required("spec.selector")]
    errors = validation.validate_label_selector(selector, "spec.selector")
    if not selector.get("matchLabels") and not selector.get("matchExpressions"):
        errors.append(field.invalid("spec.selector", shown_selector(selector), empty))
    return errors


def always_restarting_template(template: Object, workload: str) -> list[FieldError]:
    """A template whose pods must restart for ever; `workload` is the kind as a message names it."""
    errors = pod_validation.template(template, "spec.template")
    spec = template.get("spec") or {}
    policy = spec.get("restartPolicy")
    if policy != "Always":
        errors.append(field.not_supported("spec.template.spec.restartPolicy", policy or "", ("Always",)))
    if spec.get("activeDeadlineSeconds") is not None:
        detail = f"activeDeadlineSeconds in {workload} is not Supported"
        errors.append(field.forbidden("spec.template.spec.activeDeadlineSeconds", detail))
    return errors


def shown_selector(selector: Object | None) -> Any:
    """A selector as a message prints it: without empty fields, its labels by name."""
    if selector is None:
        return None
    shown: Object = {}
    if selector.get("matchLabels"):
        shown["matchLabels"] = dict(sorted(selector["matchLabels"].items()))
    if selector.get("matchExpressions"):
        shown["matchExpressions"] = selector["matchExpressions"]
    return shown


def immutable_selector(spec: Object, before: Object) -> list[FieldError]:
    new, old = shown_selector(spec.get("selector")), shown_selector(before.get("selector"))
    return [] if new == old else [field.invalid("spec.selector", new, "field is immutable")]


def status_counts(status: Object, names: Sequence[str]) -> list[FieldError]:
    """Numbers of a status, none of them negative."""
    errors: list[FieldError] = []
    for name in names:
        errors += non_negative(status.get(name), f"status.{name}")
    return errors


def collisions(status: Object, before: Object) -> list[FieldError]:
    """The count of collisions never goes down."""
    now, was = status.get("collisionCount"), before.get("collisionCount")
    if was is not None and (now is None or now < was):
        return [field.invalid("status.collisionCount", now or 0, "cannot be decremented")]
    return []


def at_most_replicas(
    status: Object, names: Sequence[str], *, above_ready: str = "cannot be greater than readyReplicas"
) -> list[FieldError]:
    """Counts of some of the replicas, none above the count of all."""
    replicas = status.get("replicas") or 0
    errors = [field.invalid(f"status.{name}", status[name], ABOVE_REPLICAS) for name in names if (status.get(name) or 0) > replicas]
    available, ready = status.get("availableReplicas") or 0, status.get("readyReplicas") or 0
    if available > ready:
        errors.append(field.invalid("status.availableReplicas", available, above_ready))
    return errors


def int_or_percent(value: Any, path: str) -> list[FieldError]:
    """A number that isn't negative, or a percentage."""
    if isinstance(value, str):
        return each(validation.is_valid_percent(value), path, value)
    return non_negative(value or 0, path)


def scaled(value: Any) -> int:
    """The number of a number or of a percentage; 0 where it is neither."""
    if isinstance(value, str):
        number = value.removesuffix("%")
        return int(number) if number.isascii() and number.isdigit() else 0
    return value or 0


def at_most_all(value: Any, path: str) -> list[FieldError]:
    if isinstance(value, str) and not validation.is_valid_percent(value) and scaled(value) > 100:
        return [field.invalid(path, value, "must not be greater than 100%")]
    return []


def template_warnings(workload: Object, old: Object | None) -> list[str]:
    """For a creation, and for a change of the template."""
    template = (workload.get("spec") or {}).get("template") or {}
    if old is not None and template == (old.get("spec") or {}).get("template"):
        return []
    return pod_warnings.template_warnings("spec.template", template)


def named_template_warnings(workload: Object, old: Object | None) -> list[str]:
    """The same, and one for a name that makes bad host names."""
    return (pod_warnings.name_warnings(workload, "Pod names and hostnames") if old is None else []) + template_warnings(workload, old)
