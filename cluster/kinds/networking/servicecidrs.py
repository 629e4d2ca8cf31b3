"""Ranges that services' addresses come from.  Upstream: `ValidateServiceCIDR` in `pkg/apis/networking/validation`."""

from __future__ import annotations

from typing import Final

from cluster.api import field
from cluster.api.field import FieldError
from cluster.api.names import Object
from cluster.kinds.cells import name_and
from cluster.kinds.checks import IMMUTABLE, ip_family, legacy_cidr, spec_of
from cluster.kinds.model import Strategy
from cluster.kinds.statuses import keep_status, reset_status, status_subresource


def _default(service_range: Object) -> None:
    service_range.setdefault("spec", {})
    service_range.setdefault("status", {})


def _validate(service_range: Object) -> list[FieldError]:
    ranges = spec_of(service_range).get("cidrs") or []
    path = "spec.cidrs"
    if not ranges:
        return [field.required(path, "at least one CIDR required")]
    if len(ranges) > 2:
        return [field.invalid(path, ranges, "may only hold up to 2 values")]
    errors = [error for i, each in enumerate(ranges) for error in legacy_cidr(field.index(path, i), each)]
    if not errors and len({ip_family(each) for each in ranges}) != len(ranges):
        errors.append(
            field.invalid(path, ranges, "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64")
        )
    return errors


def _validate_update(service_range: Object, old: Object) -> list[FieldError]:
    """A second family may be added, nothing else changed."""
    ranges, before = spec_of(service_range).get("cidrs") or [], spec_of(old).get("cidrs") or []
    pairs = enumerate(zip(ranges, before, strict=False))
    errors = [field.invalid(field.index("spec.cidrs", i), new, IMMUTABLE) for i, (new, was) in pairs if new != was]
    if len(ranges) < len(before):
        errors.append(field.invalid("spec.cidrs", ranges, IMMUTABLE))
    return errors or _validate(service_range)


STRATEGY: Final = Strategy(
    default=_default,
    prepare_for_create=reset_status,
    prepare_for_update=keep_status,
    validate=_validate,
    validate_update=_validate_update,
    subresources=status_subresource(),
    cells=name_and(lambda service_range: ",".join(spec_of(service_range).get("cidrs") or ())),
    has_generation=False,
)
