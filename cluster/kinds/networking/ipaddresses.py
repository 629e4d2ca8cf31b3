"""IP addresses that services hold.  Upstream: `ValidateIPAddress` in `pkg/apis/networking/validation/validation.go`."""

from __future__ import annotations

import ipaddress
from typing import Any, Final

from cluster.api import field
from cluster.api.field import FieldError
from cluster.api.names import Object
from cluster.kinds.cells import name_of
from cluster.kinds.checks import spec_of, unchanged
from cluster.kinds.model import Strategy
from cluster.kinds.printing import NONE

_PARENT: Final = ("group", "resource", "namespace", "name")


def _name(name: str, prefix: bool) -> list[str]:
    """The name is the address, in canonical form."""
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return ["must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"]
    return [] if str(address) == name else [f'must be in canonical form ("{address}")']


def _validate(address: Object) -> list[FieldError]:
    parent = spec_of(address).get("parentRef")
    if parent is None:
        return [field.required("spec.parentRef")]
    return [field.required(f"spec.parentRef.{name}") for name in ("resource", "name") if not parent.get(name)]


def _validate_update(address: Object, old: Object) -> list[FieldError]:
    parent, before = (spec_of(each).get("parentRef") or {} for each in (address, old))
    shown, was = ({name.capitalize(): each.get(name) or "" for name in _PARENT} for each in (parent, before))
    return _validate(address) + unchanged("spec.parentRef", shown, was)


def _cells(address: Object) -> list[Any]:
    parent = spec_of(address).get("parentRef")
    if not parent:
        return [name_of(address), NONE]
    group = f".{parent['group']}" if parent.get("group") else ""
    parts = [f"{parent.get('resource') or ''}{group}".lower(), parent.get("namespace") or "", parent.get("name") or ""]
    return [name_of(address), "/".join(part for i, part in enumerate(parts) if part or i != 1)]


STRATEGY: Final = Strategy(
    validate=_validate,
    validate_update=_validate_update,
    validate_name=_name,
    cells=_cells,
    has_generation=False,
)
