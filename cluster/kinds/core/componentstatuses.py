"""Component statuses, which are asked for and never stored.  Upstream: `pkg/registry/core/componentstatus`."""

from __future__ import annotations

from typing import Any, Final

from cluster.api.names import Object
from cluster.kinds.cells import name_of
from cluster.kinds.model import Strategy


def _cells(component: Object) -> list[Any]:
    for condition in component.get("conditions") or ():
        if condition.get("type") == "Healthy":
            health = "Healthy" if condition.get("status") == "True" else "Unhealthy"
            return [name_of(component), health, condition.get("message") or "", condition.get("error") or ""]
    return [name_of(component), "Unknown", "", ""]


STRATEGY: Final = Strategy(cells=_cells, has_generation=False)
