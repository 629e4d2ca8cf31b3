"""API services.  Upstream: kube-aggregator `pkg/apis/apiregistration/validation`, `pkg/registry/apiservice`."""

from __future__ import annotations

from typing import Final

from cluster.api import field, validation
from cluster.api.field import FieldError
from cluster.api.names import Object
from cluster.kinds.cells import name_and, name_of
from cluster.kinds.checks import dns1123_subdomain, judged, spec_of, status_of
from cluster.kinds.model import Strategy
from cluster.kinds.statuses import keep_status, reset_status, status_subresource

_STATUSES: Final = ("True", "False", "Unknown")


def _default(service: Object) -> None:
    reference = service.setdefault("spec", {}).get("service")
    if reference is not None and reference.get("port") is None:
        reference["port"] = 443
    service.setdefault("status", {})


def _validate(service: Object) -> list[FieldError]:
    spec = spec_of(service)
    group, version = spec.get("group") or "", spec.get("version") or ""
    errors: list[FieldError] = []
    name = f"{version}.{group}"
    if name_of(service) != name:
        errors.append(field.invalid("metadata.name", name_of(service), f'must be `spec.version+"."+spec.group`: "{name}"'))
    if not group and version != "v1":
        errors.append(field.required("spec.group", "only v1 may have an empty group and it better be legacy kube"))
    errors += dns1123_subdomain("spec.group", group) if group else []
    errors += judged(validation.is_dns1035_label, "spec.version", version)
    for priority, limit in (("groupPriorityMinimum", 20000), ("versionPriority", 1000)):
        value = spec.get(priority) or 0
        if not 0 < value <= limit:
            errors.append(field.invalid(f"spec.{priority}", value, f"must be positive and less than {limit}"))
    return errors + _validate_service(spec)


def _validate_service(spec: Object) -> list[FieldError]:
    service, bundle, insecure = spec.get("service"), spec.get("caBundle") or "", bool(spec.get("insecureSkipTLSVerify"))
    path = "spec.insecureSkipTLSVerify"
    if service is None:
        errors = []
        if bundle:
            errors.append(field.invalid("spec.caBundle", f"{len(bundle) * 3 // 4} bytes", "local APIServices may not have a caBundle"))
        return [*errors, field.invalid(path, insecure, "local APIServices may not have insecureSkipTLSVerify")] if insecure else errors
    errors = [field.required(f"spec.service.{name}") for name in ("namespace", "name") if not service.get(name)]
    faults = validation.is_valid_port_num(service.get("port") or 0)
    if faults:
        errors.append(field.invalid("spec.service.port", service.get("port") or 0, f"port is not valid: {', '.join(faults)}"))
    if insecure and bundle:
        errors.append(field.invalid(path, insecure, "may not be true if caBundle is present"))
    return errors


def _validate_status(service: Object, old: Object) -> list[FieldError]:
    conditions = enumerate(status_of(service).get("conditions") or ())
    wrong = [(i, each.get("status") or "") for i, each in conditions if each.get("status") not in _STATUSES]
    return [field.not_supported(f"{field.index('status.conditions', i)}.status", status, _STATUSES) for i, status in wrong]


def _service(service: Object) -> str:
    reference = spec_of(service).get("service")
    return "Local" if reference is None else f"{reference.get('namespace') or ''}/{reference.get('name') or ''}"


def _available(service: Object) -> str:
    for condition in status_of(service).get("conditions") or ():
        if condition.get("type") == "Available":
            status, reason = condition.get("status") or "", condition.get("reason") or ""
            return f"{status} ({reason})" if reason and status != "True" else status
    return "Unknown"


STRATEGY: Final = Strategy(
    default=_default,
    prepare_for_create=reset_status,
    prepare_for_update=keep_status,
    validate=_validate,
    validate_update=lambda service, old: _validate(service),
    validate_name=validation.path_segment_name,
    subresources=status_subresource(_validate_status),
    cells=name_and(_service, _available),
    allow_unconditional_update=False,
    has_generation=False,
)
