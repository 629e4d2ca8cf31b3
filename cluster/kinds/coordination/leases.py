"""Leases.  Upstream: `pkg/apis/coordination/validation/validation.go`, `pkg/registry/coordination/lease/strategy.go`."""

from __future__ import annotations

from typing import Final

from cluster.api import field
from cluster.api.field import FieldError
from cluster.api.names import Object
from cluster.kinds.cells import name_and, text
from cluster.kinds.checks import nonnegative, spec_of
from cluster.kinds.model import Strategy

_GATED: Final = ("strategy", "preferredHolder")


def _default(lease: Object) -> None:
    lease.setdefault("spec", {})


def _prepare_for_create(lease: Object) -> None:
    """Coordinated leader election is off by default."""
    for name in _GATED:
        spec_of(lease).pop(name, None)


def _prepare_for_update(lease: Object, old: Object) -> None:
    for name in _GATED:
        if spec_of(old).get(name) is None:
            spec_of(lease).pop(name, None)


def _validate(lease: Object) -> list[FieldError]:
    spec = spec_of(lease)
    duration = spec.get("leaseDurationSeconds")
    errors: list[FieldError] = []
    if duration is not None and duration <= 0:
        errors.append(field.invalid("spec.leaseDurationSeconds", duration, "must be greater than 0"))
    return errors + nonnegative("spec.leaseTransitions", spec.get("leaseTransitions"))


STRATEGY: Final = Strategy(
    default=_default,
    prepare_for_create=_prepare_for_create,
    prepare_for_update=_prepare_for_update,
    validate=_validate,
    validate_update=lambda lease, old: _validate(lease),
    cells=name_and(text("spec", "holderIdentity")),
    allow_create_on_update=True,
    allow_unconditional_update=False,
    has_generation=False,
)
