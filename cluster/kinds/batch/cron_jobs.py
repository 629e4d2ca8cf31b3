"""Cron jobs.  Upstream: `pkg/registry/batch/cronjob/strategy.go`, `pkg/apis/batch/validation`."""

from __future__ import annotations

import re
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cluster.api import field
from cluster.api.field import FieldError
from cluster.api.names import Object
from cluster.kinds.apps.workload_defaults import default_field, default_word, empty_status, keep_spec
from cluster.kinds.apps.workload_printing import container_cells, selector_cell
from cluster.kinds.apps.workload_validation import shown_selector
from cluster.kinds.batch.cron_schedule import schedule_problem
from cluster.kinds.batch.job_spec import default_job_template, job_spec
from cluster.kinds.core import pod_warnings
from cluster.kinds.core.pod_resources import decoded
from cluster.kinds.core.pod_rules import choice, non_negative
from cluster.kinds.model import Strategy, SubresourceStrategy
from cluster.kinds.printing import NONE, UNSET, age, translate_timestamp

_POLICIES: Final = ("Allow", "Forbid", "Replace")
_ZONE_PART: Final = re.compile(r"[A-Za-z.\-_0-9+]{1,14}")
_MAX_NAME: Final = 52
_TEMPLATE: Final = "spec.jobTemplate.spec.template"


def _default(cron_job: Object) -> None:
    default_field(cron_job, "spec", {})
    spec = cron_job["spec"]
    default_word(spec, "concurrencyPolicy", "Allow")
    default_field(spec, "suspend", False)
    default_field(spec, "successfulJobsHistoryLimit", 3)
    default_field(spec, "failedJobsHistoryLimit", 1)
    default_field(spec, "jobTemplate", {})
    for name in ("metadata", "spec"):
        default_field(spec["jobTemplate"], name, {})
    default_job_template(spec["jobTemplate"]["spec"])


def _validate(cron_job: Object) -> list[FieldError]:
    name = (cron_job.get("metadata") or {}).get("name") or ""
    errors = _spec(cron_job.get("spec") or {}, None)
    if len(name) > _MAX_NAME:
        errors.append(field.invalid("metadata.name", name, f"must be no more than {_MAX_NAME} characters"))
    return errors


def _validate_update(cron_job: Object, old: Object) -> list[FieldError]:
    return _spec(cron_job.get("spec") or {}, old.get("spec") or {})


def _spec(spec: Object, before: Object | None) -> list[FieldError]:
    schedule, zone = spec.get("schedule") or "", spec.get("timeZone")
    errors = _schedule(schedule, zone, "TZ" in (before or {}).get("schedule", "")) if schedule else [field.required("spec.schedule")]
    errors += non_negative(spec.get("startingDeadlineSeconds"), "spec.startingDeadlineSeconds")
    if zone is not None and (before is None or before.get("timeZone") != zone):
        errors += _time_zone(zone)
    errors += choice(spec.get("concurrencyPolicy"), "spec.concurrencyPolicy", _POLICIES)
    job = (spec.get("jobTemplate") or {}).get("spec") or {}
    errors += job_spec(job, "spec.jobTemplate.spec")
    if job.get("selector") is not None:
        shown = shown_selector(job["selector"])
        errors.append(field.invalid("spec.jobTemplate.spec.selector", shown, "`selector` will be auto-generated"))
    if job.get("manualSelector"):
        errors.append(field.not_supported("spec.jobTemplate.spec.manualSelector", True, ("nil", "false")))
    for name in ("successfulJobsHistoryLimit", "failedJobsHistoryLimit"):
        errors += non_negative(spec.get(name), f"spec.{name}")
    return errors


def _schedule(schedule: str, zone: str | None, zone_was_inside: bool) -> list[FieldError]:
    problem = schedule_problem(schedule)
    errors = [field.invalid("spec.schedule", schedule, problem)] if problem else []
    if "TZ" in schedule and not zone_was_inside:
        detail = "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"
        errors.append(field.invalid("spec.schedule", schedule, detail))
    elif "TZ" in schedule and zone is not None:
        detail = "cannot use both timeZone field and TZ or CRON_TZ in schedule"
        errors.append(field.invalid("spec.schedule", schedule, detail))
    return errors


def _time_zone(zone: str) -> list[FieldError]:
    path = "spec.timeZone"
    if not zone:
        return [field.invalid(path, zone, "timeZone must be nil or non-empty string")]
    if any(part in (".", "..") or part.startswith("-") or not _ZONE_PART.fullmatch(part) for part in zone.split("/")):
        return [field.invalid(path, zone, f"unknown time zone {zone}")]
    if zone.lower() == "local":
        detail = "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones"
        return [field.invalid(path, zone, detail)]
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return [field.invalid(path, zone, f"unknown time zone {zone}")]
    return []


def _warnings(cron_job: Object, old: Object | None) -> list[str]:
    if old is not None:
        return []
    template = (((cron_job.get("spec") or {}).get("jobTemplate") or {}).get("spec") or {}).get("template") or {}
    return pod_warnings.name_warnings(cron_job, "Pod names and hostnames") + pod_warnings.template_warnings(_TEMPLATE, template)


def _cells(cron_job: Object) -> list[Any]:
    """Name, schedule, time zone, suspend, active, last schedule, age; containers, images, selector."""
    metadata, spec, status = cron_job.get("metadata") or {}, cron_job.get("spec") or {}, cron_job.get("status") or {}
    job = (spec.get("jobTemplate") or {}).get("spec") or {}
    last, zone = status.get("lastScheduleTime"), spec.get("timeZone")
    return [
        metadata.get("name", ""),
        spec.get("schedule", ""),
        NONE if zone is None else zone,
        UNSET if spec.get("suspend") is None else str(bool(spec["suspend"])),
        len(status.get("active") or ()),
        translate_timestamp(last) if last else NONE,
        age(metadata.get("creationTimestamp")),
        *container_cells(job.get("template")),
        selector_cell(job.get("selector")),
    ]


STRATEGY: Final = Strategy(
    default=decoded(_default),
    prepare_for_create=empty_status,
    validate=_validate,
    validate_update=_validate_update,
    warnings=_warnings,
    subresources={"status": SubresourceStrategy(keep_spec, lambda obj, old: [])},
    cells=_cells,
)
