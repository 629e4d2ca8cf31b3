"""Puts taints on nodes and takes them off, of effects and keys that the node controller owns."""

from __future__ import annotations

from collections.abc import Sequence

from cluster.api.errors import Conflict
from cluster.api.names import Object
from cluster.client import times
from cluster.client.http import ApiClient
from cluster.client.resources import NODES
from cluster.controllers.objects import name_of

Taint = tuple[str, str]
"""(key, effect)."""


def taints_of(node: Object) -> list[Object]:
    return (node.get("spec") or {}).get("taints") or []


def has_taint(node: Object, taint: Taint) -> bool:
    return any((each["key"], each["effect"]) == taint for each in taints_of(node))


def swapped(node: Object, add: Sequence[Taint], remove: Sequence[Taint]) -> list[Object] | None:
    """The taints with these added (and the time of it) and those removed; None where nothing changes."""
    current = taints_of(node)
    present = {(each["key"], each["effect"]) for each in current}
    kept = [each for each in current if (each["key"], each["effect"]) not in remove]
    new = [{"key": key, "effect": effect, "timeAdded": times.time()} for key, effect in add if (key, effect) not in present]
    return None if len(kept) == len(current) and not new else kept + new


def swap(client: ApiClient, node: Object, add: Sequence[Taint], remove: Sequence[Taint]) -> bool:
    """Whether the node was changed.  Taints are a list without keys in a merge patch, so the write is conditional, and tried twice."""
    for last in (False, True):
        taints = swapped(node, add, remove)
        if taints is None:
            return False
        patch = {"metadata": {"resourceVersion": node["metadata"]["resourceVersion"]}, "spec": {"taints": taints}}
        try:
            client.patch(NODES, "", name_of(node), patch)
        except Conflict:
            if last:
                raise
            node = client.get(NODES, "", name_of(node))
        else:
            return True
    return False
