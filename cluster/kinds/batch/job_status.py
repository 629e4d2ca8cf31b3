"""Validation of a job's status: an ended job stays ended, and its counters don't go back.

Upstream: `ValidateJobStatusUpdate` of `pkg/apis/batch/validation/validation.go`, which judges what has changed.
"""

from __future__ import annotations

from typing import Final

from cluster.api import field
from cluster.api.field import FieldError
from cluster.api.names import Object
from cluster.kinds.core.pod_rules import non_negative

_COUNTS: Final = ("active", "succeeded", "failed", "ready", "terminating")
_CONDITIONS: Final = "status.conditions"


def validate_status(job: Object, old: Object) -> list[FieldError]:
    """A change of a job's status."""
    status, before = job.get("status") or {}, old.get("status") or {}
    errors: list[FieldError] = []
    for name in _COUNTS:
        errors += non_negative(status.get(name), f"status.{name}")
    errors += _conditions(_true(status), _true(before))
    if bool(_true(status) & {"Complete", "Failed"}) != bool(_true(before) & {"Complete", "Failed"}):
        errors += _finished(status)
    if (status.get("ready") or 0) > (status.get("active") or 0) and status.get("ready") != before.get("ready"):
        errors.append(field.invalid("status.ready", status["ready"], "cannot set more ready pods than active"))
    errors += _not_decreased(job, status, before)
    start, was = status.get("startTime"), before.get("startTime")
    if was and start != was and not (job.get("spec") or {}).get("suspend") and "Suspended" not in _true(before):
        errors.append(field.invalid("status.startTime", start, "field is immutable for unsuspended job once set"))
    return errors


def _true(status: Object) -> set[str]:
    return {each.get("type", "") for each in status.get("conditions") or () if each.get("status") == "True"}


def _conditions(now: set[str], was: set[str]) -> list[FieldError]:
    problems = []
    if "Complete" in now and "Failed" in now:
        problems.append("cannot set Complete=True and Failed=true conditions")
    if "Complete" in now and "FailureTarget" in now:
        problems.append("cannot set Complete=True and FailureTarget=true conditions")
    if "Failed" in now - was and "FailureTarget" not in now:
        problems.append("cannot set Failed=True condition without the FailureTarget=true condition")
    if "Complete" in now - was and "SuccessCriteriaMet" not in now:
        problems.append("cannot set Complete=True condition without the SuccessCriteriaMet=true condition")
    if "SuccessCriteriaMet" in now and "Failed" in now:
        problems.append("cannot set SuccessCriteriaMet=True and Failed=true conditions")
    if "SuccessCriteriaMet" in now and "FailureTarget" in now:
        problems.append("cannot set SuccessCriteriaMet=True and FailureTarget=true conditions")
    problems += [
        f"cannot disable the terminal {name}=True condition" for name in ("Failed", "Complete", "FailureTarget") if name in was - now
    ]
    if "SuccessCriteriaMet" in was - now:
        problems.append("cannot disable the SuccessCriteriaMet=True condition")
    return [FieldError(field.INVALID, _CONDITIONS, field.OMITTED, detail) for detail in problems]


def _finished(status: Object) -> list[FieldError]:
    """What must hold when a job ends."""
    finished = _true(status)
    errors: list[FieldError] = []
    completed = status.get("completionTime")
    if completed is not None and "Complete" not in finished:
        detail = "cannot set completionTime when there is no Complete=True condition"
        errors.append(field.invalid("status.completionTime", completed, detail))
    if completed is None and "Complete" in finished:
        errors.append(field.required("status.completionTime", "completionTime is required for Complete jobs"))
    if not finished & {"Complete", "Failed"}:
        return errors
    if (status.get("active") or 0) > 0:
        errors.append(field.invalid("status.active", status["active"], "active>0 is invalid for finished job"))
    if status.get("startTime") is None:
        errors.append(field.required("status.startTime", "startTime is required for finished job"))
    if status.get("terminating"):
        errors.append(field.invalid("status.terminating", status["terminating"], "terminating>0 is invalid for finished job"))
    return errors


def _not_decreased(job: Object, status: Object, before: Object) -> list[FieldError]:
    """`succeeded` may go down where an indexed job with as many workers as completions is scaled down."""
    spec = job.get("spec") or {}
    elastic = spec.get("completionMode") == "Indexed" and spec.get("completions") == spec.get("parallelism")
    names = ("failed",) if elastic else ("failed", "succeeded")
    return [
        field.invalid(f"status.{name}", status.get(name) or 0, f"cannot decrease the {name} counter")
        for name in names
        if (status.get(name) or 0) < (before.get(name) or 0)
    ]
