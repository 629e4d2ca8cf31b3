"""The spec of a job, alone and in a cron job's template: defaults and validation.

Upstream: `pkg/apis/batch/v1/defaults.go` and `pkg/apis/batch/validation/validation.go`.
"""

from __future__ import annotations

from typing import Any, Final

from cluster.api import field
from cluster.api.field import FieldError
from cluster.api.names import Object
from cluster.kinds.core import pod_validation
from cluster.kinds.core.pod_defaults import default_template
from cluster.kinds.core.pod_rules import MAX_INT32, members, non_negative, qualified_name

INDEXED: Final = "Indexed"
_NON_NEGATIVE: Final = (
    *("parallelism", "completions", "activeDeadlineSeconds", "backoffLimit", "ttlSecondsAfterFinished"),
    *("backoffLimitPerIndex", "maxFailedIndexes"),
)
_ACTIONS: Final = ("Count", "FailIndex", "FailJob", "Ignore")
_STATUSES: Final = ("False", "True", "Unknown")
_OPERATORS: Final = ("In", "NotIn")
_MANY: Final = 100_000
_PARALLEL_OF_MANY: Final = 10_000


def default_job_spec(spec: Object) -> None:
    """What a job gets; a template's spec gets its pod template's defaults alone."""
    if spec.get("completions") is None and spec.get("parallelism") is None:
        spec["completions"] = 1
    for name, value in (("parallelism", 1), ("completionMode", "NonIndexed"), ("suspend", False), ("manualSelector", False)):
        if spec.get(name) is None:
            spec[name] = value
    if spec.get("backoffLimit") is None:
        spec["backoffLimit"] = 6 if spec.get("backoffLimitPerIndex") is None else MAX_INT32
    if spec.get("podReplacementPolicy") is None:
        spec["podReplacementPolicy"] = "TerminatingOrFailed" if spec.get("podFailurePolicy") is None else "Failed"


def default_job_template(spec: Object) -> None:
    """The defaults of what is inside, which a cron job's template gets too."""
    if spec.get("template") is None:
        spec["template"] = {}
    default_template(spec["template"])
    for rule in members((spec.get("podFailurePolicy") or {}).get("rules")):
        for pattern in members(rule.get("onPodConditions")):
            if not pattern.get("status"):
                pattern["status"] = "True"


def job_spec(spec: Object, path: str) -> list[FieldError]:
    """All of it but the selector."""
    errors: list[FieldError] = []
    for name in _NON_NEGATIVE:
        value = spec.get(name)
        if value is None:
            continue
        errors += non_negative(value, f"{path}.{name}")
        if name == "maxFailedIndexes" and spec.get("backoffLimitPerIndex") is None:
            errors.append(field.required(f"{path}.backoffLimitPerIndex", "when maxFailedIndexes is specified"))
    errors += _completion_mode(spec, path)
    if spec.get("podFailurePolicy") is not None:
        errors += _failure_policy(spec, f"{path}.podFailurePolicy")
    errors += _replacement_policy(spec, f"{path}.podReplacementPolicy")
    errors += pod_validation.template(spec.get("template") or {}, f"{path}.template")
    return errors + _restart_policy(spec, f"{path}.template.spec.restartPolicy")


def _completion_mode(spec: Object, path: str) -> list[FieldError]:
    mode, per_index, failed = spec.get("completionMode"), spec.get("backoffLimitPerIndex"), spec.get("maxFailedIndexes")
    if mode == INDEXED:
        return _indexed(spec, path)
    errors: list[FieldError] = []
    if mode not in (None, "NonIndexed"):
        return [field.not_supported(f"{path}.completionMode", mode, ("NonIndexed", INDEXED))]
    for name, value in (("backoffLimitPerIndex", per_index), ("maxFailedIndexes", failed)):
        if value is not None:
            errors.append(field.invalid(f"{path}.{name}", value, "requires indexed completion mode"))
    return errors


def _indexed(spec: Object, path: str) -> list[FieldError]:
    completions, parallelism, failed = (spec.get(name) for name in ("completions", "parallelism", "maxFailedIndexes"))
    errors: list[FieldError] = []
    if completions is None:
        errors.append(field.required(f"{path}.completions", "when completion mode is Indexed"))
    if parallelism is not None and parallelism > _MANY:
        detail = f"must be less than or equal to {_MANY} when completion mode is Indexed"
        errors.append(field.invalid(f"{path}.parallelism", parallelism, detail))
    if completions is not None and failed is not None and failed > completions:
        errors.append(field.invalid(f"{path}.maxFailedIndexes", failed, "must be less than or equal to completions"))
    if failed is not None and failed > _MANY:
        errors.append(field.invalid(f"{path}.maxFailedIndexes", failed, f"must be less than or equal to {_MANY}"))
    if completions is None or completions <= _MANY or spec.get("backoffLimitPerIndex") is None:
        return errors
    if failed is None:
        errors.append(field.required(f"{path}.maxFailedIndexes", f"must be specified when completions is above {_MANY}"))
    limit = f"must be less than or equal to {_PARALLEL_OF_MANY} when completions are above {_MANY} and used with backoff limit per index"
    for name, value in (("parallelism", parallelism), ("maxFailedIndexes", failed)):
        if value is not None and value > _PARALLEL_OF_MANY:
            errors.append(field.invalid(f"{path}.{name}", value, limit))
    return errors


def _failure_policy(spec: Object, path: str) -> list[FieldError]:
    rules, where = members(spec["podFailurePolicy"].get("rules")), f"{path}.rules"
    errors = [field.too_many(where, len(rules), 20)] if len(rules) > 20 else []
    pod = (spec.get("template") or {}).get("spec") or {}
    names = {container.get("name") for kind in ("containers", "initContainers") for container in members(pod.get(kind))}
    for position, rule in enumerate(rules):
        errors += _failure_rule(spec, rule, names, f"{where}[{position}]")
    return errors


def _failure_rule(spec: Object, rule: Object, names: set[Any], path: str) -> list[FieldError]:
    action, where = rule.get("action") or "", f"{path}.action"
    codes, conditions = rule.get("onExitCodes"), members(rule.get("onPodConditions"))
    errors: list[FieldError] = []
    if not action:
        errors.append(field.required(where, f"valid values: {_go_list(_ACTIONS)}"))
    elif action not in _ACTIONS:
        errors.append(field.not_supported(where, action, _ACTIONS))
    elif action == "FailIndex" and spec.get("backoffLimitPerIndex") is None:
        errors.append(field.invalid(where, action, "requires the backoffLimitPerIndex to be set"))
    if codes is not None:
        errors += _exit_codes(codes, names, f"{path}.onExitCodes")
    if len(conditions) > 20:
        errors.append(field.too_many(f"{path}.onPodConditions", len(conditions), 20))
    for position, pattern in enumerate(conditions):
        here = f"{path}.onPodConditions[{position}]"
        errors += qualified_name(pattern.get("type") or "", f"{here}.type")
        if pattern.get("status") not in _STATUSES:
            errors.append(field.not_supported(f"{here}.status", pattern.get("status"), _STATUSES))
    if (codes is None) == (not conditions):
        which = (
            "one of OnExitCodes and OnPodConditions is required"
            if codes is None
            else "both OnExitCodes and OnPodConditions is not supported"
        )
        errors.append(field.invalid(path, field.OMITTED, f"specifying {which}"))
    return errors


def _exit_codes(codes: Object, names: set[Any], path: str) -> list[FieldError]:
    operator, values = codes.get("operator") or "", codes.get("values") or []
    errors: list[FieldError] = []
    if not operator:
        errors.append(field.required(f"{path}.operator", f"valid values: {_go_list(_OPERATORS)}"))
    elif operator not in _OPERATORS:
        errors.append(field.not_supported(f"{path}.operator", operator, _OPERATORS))
    container = codes.get("containerName")
    if container is not None and container not in names:
        detail = "must be one of the container or initContainer names in the pod template"
        errors.append(field.invalid(f"{path}.containerName", container, detail))
    where = f"{path}.values"
    if not values:
        errors.append(field.invalid(where, values or None, "at least one value is required"))
    elif len(values) > 255:
        errors.append(field.too_many(where, len(values), 255))
    for position, value in enumerate(values):
        if operator == "In" and value == 0:
            errors.append(field.invalid(f"{where}[{position}]", value, "must not be 0 for the In operator"))
        if value in values[:position]:
            errors.append(field.duplicate(f"{where}[{position}]", value))
    if values != sorted(values):
        errors.append(field.invalid(where, values, "must be ordered"))
    return errors


def _go_list(words: tuple[str, ...]) -> str:
    """A list as upstream's messages quote it: `["a" "b"]`."""
    return "[" + " ".join(f'"{word}"' for word in words) + "]"


def _replacement_policy(spec: Object, path: str) -> list[FieldError]:
    policy = spec.get("podReplacementPolicy")
    supported = ("Failed", "TerminatingOrFailed") if spec.get("podFailurePolicy") is None else ("Failed",)
    return [] if policy is None or policy in supported else [field.not_supported(path, policy, supported)]


def _restart_policy(spec: Object, path: str) -> list[FieldError]:
    """A job's pods end."""
    policy = ((spec.get("template") or {}).get("spec") or {}).get("restartPolicy") or ""
    if policy in ("Always", ""):
        return [field.required(path, 'valid values: "OnFailure", "Never"')]
    if policy not in ("OnFailure", "Never"):
        return [field.not_supported(path, policy, ("OnFailure", "Never"))]
    if spec.get("podFailurePolicy") is not None and policy != "Never":
        return [field.invalid(path, policy, 'only "Never" is supported when podFailurePolicy is specified')]
    return []
