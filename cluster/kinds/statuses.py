"""How kinds with a status subresource keep spec and status apart, as most of them do alike."""

from __future__ import annotations

from collections.abc import Callable

from cluster.api.names import Object
from cluster.kinds.checks import status_of
from cluster.kinds.model import SubresourceStrategy, ValidateUpdate, no_update_errors


def keep_status(obj: Object, old: Object) -> None:
    """An update of the main resource leaves the status."""
    if "status" in old:
        obj["status"] = status_of(old)
    else:
        obj.pop("status", None)


def keep_spec(obj: Object, old: Object) -> None:
    """An update of the status leaves the spec."""
    if "spec" in old:
        obj["spec"] = old["spec"]
    else:
        obj.pop("spec", None)


def reset_status(obj: Object) -> None:
    """A new object has no status yet."""
    obj["status"] = {}


def starts_with(**status: object) -> Callable[[Object], None]:
    """A new object has this status."""

    def prepare(obj: Object) -> None:
        obj["status"] = dict(status)

    return prepare


def status_subresource(validate: ValidateUpdate = no_update_errors) -> dict[str, SubresourceStrategy]:
    """The one subresource of most kinds."""
    return {"status": SubresourceStrategy(keep_spec, validate)}
