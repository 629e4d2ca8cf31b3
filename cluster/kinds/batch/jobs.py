"""Jobs.  Upstream: `pkg/registry/batch/job/strategy.go`, `pkg/apis/batch/validation`."""

from __future__ import annotations

from typing import Any, Final

from cluster.api import field, selectors, validation
from cluster.api.field import FieldError
from cluster.api.names import Object
from cluster.kinds.apps.workload_defaults import keep_spec, status_number
from cluster.kinds.apps.workload_printing import container_cells, selector_cell
from cluster.kinds.apps.workload_validation import NO_MATCH, shown_selector
from cluster.kinds.batch.job_spec import INDEXED, default_job_spec, default_job_template, job_spec
from cluster.kinds.batch.job_status import validate_status
from cluster.kinds.core import pod_warnings
from cluster.kinds.core.pod_resources import decoded
from cluster.kinds.core.pod_rules import IMMUTABLE
from cluster.kinds.core.pod_updates import same
from cluster.kinds.model import Strategy, SubresourceStrategy
from cluster.kinds.printing import age, human_duration, now, parse_timestamp

_NAME_LABELS: Final = ("job-name", "batch.kubernetes.io/job-name")
_UID_LABELS: Final = ("controller-uid", "batch.kubernetes.io/controller-uid")
_TEMPLATE_LABELS: Final = "spec.template.metadata.labels"
_MUTABLE_BEFORE_START: Final = ("nodeSelector", "tolerations", "schedulingGates")
_STATES: Final = (
    *(("Complete", "Complete"), ("Failed", "Failed"), ("", "Terminating"), ("Suspended", "Suspended")),
    *(("FailureTarget", "FailureTarget"), ("SuccessCriteriaMet", "SuccessCriteriaMet")),
)


def _default(job: Object) -> None:
    if job.get("spec") is None:
        job["spec"] = {}
    default_job_template(job["spec"])
    default_job_spec(job["spec"])
    labels = (job["spec"]["template"].get("metadata") or {}).get("labels")
    metadata = job.setdefault("metadata", {})
    if labels and not metadata.get("labels"):
        metadata["labels"] = dict(labels)


def _prepare_for_create(job: Object) -> None:
    """The selector is the job's own UID, unless it is manual; labels that came from the template follow the template's."""
    job["status"] = {}
    spec, metadata = job["spec"], job["metadata"]
    if spec.get("manualSelector"):
        return
    labels = spec["template"]["metadata"].setdefault("labels", {})
    if labels and metadata.get("labels") == labels:
        metadata["labels"] = labels
    for name in _NAME_LABELS:
        labels.setdefault(name, metadata.get("name", ""))
    for name in _UID_LABELS:
        labels.setdefault(name, metadata.get("uid", ""))
    spec["selector"] = spec.get("selector") or {}
    spec["selector"]["matchLabels"] = spec["selector"].get("matchLabels") or {}
    spec["selector"]["matchLabels"].setdefault(_UID_LABELS[1], metadata.get("uid", ""))


def _validate(job: Object) -> list[FieldError]:
    spec, name = job.get("spec") or {}, (job.get("metadata") or {}).get("name") or ""
    errors = _generated_selector(job) + job_spec(spec, "spec") + _selector(spec)
    completions = spec.get("completions") or 0
    if spec.get("completionMode") == INDEXED and completions > 0:
        host = f"{name}-{completions - 1}"
        if validation.is_dns1123_label(host):
            errors.append(field.invalid("metadata.name", name, f"will not able to create pod with invalid DNS label: {host}"))
    return errors


def _selector(spec: Object) -> list[FieldError]:
    selector = spec.get("selector")
    errors = [field.required("spec.selector")] if selector is None else validation.validate_label_selector(selector, "spec.selector")
    labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels")
    try:
        if not selectors.from_label_selector(selector).matches(labels or {}):
            errors.append(field.invalid(_TEMPLATE_LABELS, dict(sorted(labels.items())) if labels else None, NO_MATCH))
    except ValueError:
        pass  # validate_label_selector has reported it
    return errors


def _generated_selector(job: Object) -> list[FieldError]:
    """Labels that were to be generated must be as they would have been."""
    spec, metadata = job.get("spec") or {}, job.get("metadata") or {}
    if spec.get("manualSelector") or spec.get("selector") is None:
        return []
    uid, name = metadata.get("uid") or "", metadata.get("name") or ""
    labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels") or {}
    expected = {_UID_LABELS[0]: uid, _NAME_LABELS[0]: name, _UID_LABELS[1]: uid, _NAME_LABELS[1]: name}
    errors = [] if uid else [field.required("metadata.uid")]
    for label, value in expected.items():
        if label not in labels:
            errors.append(field.required(f"{_TEMPLATE_LABELS}[{label}]", f"must be '{value}'"))
        elif labels[label] != value:
            errors.append(field.invalid(f"{_TEMPLATE_LABELS}[{label}]", dict(sorted(labels.items())), f"must be '{value}'"))
    try:
        if not selectors.from_label_selector(spec["selector"]).matches(expected):
            errors.append(field.invalid("spec.selector", shown_selector(spec["selector"]), "`selector` not auto-generated"))
    except ValueError:
        pass  # the selector's own validation reports it
    return errors


def _validate_update(job: Object, old: Object) -> list[FieldError]:
    spec, before = job.get("spec") or {}, old.get("spec") or {}
    errors = _validate(job)
    errors += _completions_update(spec, before)
    errors += _unchanged(shown_selector(spec.get("selector")), shown_selector(before.get("selector")), "spec.selector")
    errors += _template_update(spec, before, old.get("status") or {})
    for name in ("completionMode", "podFailurePolicy", "backoffLimitPerIndex", "managedBy", "successPolicy"):
        errors += _unchanged(spec.get(name), before.get(name), f"spec.{name}")
    return errors


def _completions_update(spec: Object, before: Object) -> list[FieldError]:
    """An indexed job may be scaled, workers and completions together."""
    now, path = spec.get("completions"), "spec.completions"
    if spec.get("completionMode") != INDEXED:
        return _unchanged(now, before.get("completions"), path)
    if now in (None, before.get("completions"), spec.get("parallelism")):
        return []
    return [field.invalid(path, now, "can only be modified in tandem with spec.parallelism")]


def _unchanged(new: Any, old: Any, path: str) -> list[FieldError]:
    return [] if same(new, old) else [field.invalid(path, new, IMMUTABLE)]


def _template_update(spec: Object, before: Object, status: Object) -> list[FieldError]:
    """Where a suspended job's pods may go, and what they ask for, may change; nothing else, and nothing of a running one."""
    new, old = spec.get("template") or {}, before.get("template") or {}
    suspended = any(each.get("type") == "Suspended" and each.get("status") == "True" for each in status.get("conditions") or ())
    if before.get("suspend") and (status.get("startTime") is None or suspended) and not status.get("active"):
        new, old = _fixed(new), _fixed(old)
    return [] if same(new, old) else [field.invalid("spec.template", spec.get("template"), IMMUTABLE)]


def _fixed(template: Object) -> Object:
    """What of a template may never change."""
    spec = {name: value for name, value in (template.get("spec") or {}).items() if name not in _MUTABLE_BEFORE_START}
    affinity = {name: value for name, value in (spec.pop("affinity", None) or {}).items() if name != "nodeAffinity"}
    for name in ("containers", "initContainers"):
        spec[name] = [{key: value for key, value in each.items() if key != "resources"} for each in spec.get(name) or ()]
    return {"spec": spec | {"affinity": affinity}}


def _warnings(job: Object, old: Object | None) -> list[str]:
    template = (job.get("spec") or {}).get("template") or {}
    if old is not None:
        changed = template != (old.get("spec") or {}).get("template")
        return pod_warnings.template_warnings("spec.template", template) if changed else []
    return pod_warnings.name_warnings(job, "Pod names and hostnames") + pod_warnings.template_warnings("spec.template", template)


def _cells(job: Object) -> list[Any]:
    """Name, status, completions, duration, age; containers, images, selector."""
    metadata, spec, status = job.get("metadata") or {}, job.get("spec") or {}, job.get("status") or {}
    return [
        metadata.get("name", ""),
        _state(metadata, status),
        _completions(spec, status),
        _duration(status),
        age(metadata.get("creationTimestamp")),
        *container_cells(spec.get("template")),
        selector_cell(spec.get("selector")),
    ]


def _state(metadata: Object, status: Object) -> str:
    true = {each.get("type") for each in reversed(status.get("conditions") or ()) if each.get("status") == "True"}
    for condition, shown in _STATES:
        if condition in true or (not condition and metadata.get("deletionTimestamp")):
            return shown
    return "Running"


def _completions(spec: Object, status: Object) -> str:
    succeeded, parallelism = status.get("succeeded") or 0, spec.get("parallelism") or 0
    if spec.get("completions") is not None:
        return f"{succeeded}/{spec['completions']}"
    return f"{succeeded}/1 of {parallelism}" if parallelism > 1 else f"{succeeded}/1"


def _duration(status: Object) -> str:
    start, end = status.get("startTime"), status.get("completionTime")
    if not start:
        return ""
    return human_duration((parse_timestamp(end) if end else now()) - parse_timestamp(start))


STRATEGY: Final = Strategy(
    default=decoded(_default),
    prepare_for_create=_prepare_for_create,
    validate=_validate,
    validate_update=_validate_update,
    warnings=_warnings,
    subresources={"status": SubresourceStrategy(keep_spec, validate_status)},
    selectable_fields={"status.successful": status_number("succeeded")},
    cells=_cells,
)
