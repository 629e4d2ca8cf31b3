"""What CSI drivers tell of a node.  Upstream: `ValidateCSINode` in `pkg/apis/storage/validation/validation.go`."""

from __future__ import annotations

from typing import Final

from cluster.api import field
from cluster.api.field import FieldError
from cluster.api.names import Object
from cluster.kinds.cells import count, name_and
from cluster.kinds.checks import nonnegative, qualified_name, spec_of, unchanged, value_of
from cluster.kinds.model import Strategy

_LONGEST_ID: Final = 256


def _default(node: Object) -> None:
    spec = node.setdefault("spec", {})
    spec["drivers"] = spec.get("drivers")


def _validate(node: Object) -> list[FieldError]:
    errors: list[FieldError] = []
    names: set[str] = set()
    for position, driver in enumerate(spec_of(node).get("drivers") or ()):
        path = field.index("spec.drivers", position)
        name, node_id = driver.get("name") or "", driver.get("nodeID") or ""
        if not name:
            errors.append(field.required(f"{path}.name"))
        if not node_id:
            errors.append(field.required(f"{path}.nodeID"))
        if len(node_id.encode()) > _LONGEST_ID:
            errors.append(field.invalid(f"{path}.nodeID", node_id, f"must be {_LONGEST_ID} characters or less"))
        errors += nonnegative(f"{path}.allocatable.count", value_of(driver, "allocatable", "count"))
        if name in names:
            errors.append(field.duplicate(f"{path}.name", name))
        names.add(name)
        errors += _validate_keys(driver.get("topologyKeys") or [], path)
    return errors


def _validate_keys(keys: list[str], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    for position, key in enumerate(keys):
        if not key:
            errors.append(field.required(path))
        if key in keys[:position]:
            errors.append(field.duplicate(path, key))
        errors += qualified_name(path, key)
    return errors


def _validate_update(node: Object, old: Object) -> list[FieldError]:
    """A driver that stays keeps all but what it can allocate."""
    errors = _validate(node)
    before = {each.get("name"): each for each in spec_of(old).get("drivers") or ()}
    for driver in spec_of(node).get("drivers") or ():
        was = before.get(driver.get("name"))
        if was is not None:
            fixed = [{key: value for key, value in each.items() if key != "allocatable"} for each in (driver, was)]
            errors += unchanged("spec.drivers", *fixed)
    return errors


STRATEGY: Final = Strategy(
    default=_default,
    validate=_validate,
    validate_update=_validate_update,
    cells=name_and(count("spec", "drivers")),
    allow_unconditional_update=False,
    has_generation=False,
)
