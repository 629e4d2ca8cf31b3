"""Why no pod was removed to make room.  Upstream: `pkg/scheduler/framework/preemption`, `plugins/defaultpreemption`."""

from __future__ import annotations

from collections.abc import Mapping

from cluster.api.names import Object
from cluster.scheduler.framework import Rejection, fit_message


def explanation(pod: Object, nodes: int, rejections: Mapping[str, Rejection]) -> str:
    """What follows the reasons in the message to the user; empty where there are no nodes."""
    if not rejections:
        return ""
    if pod["spec"].get("preemptionPolicy") == "Never":
        return " preemption: not eligible due to preemptionPolicy=Never."
    told = [
        Rejection(("Preemption is not helpful for scheduling" if each.unresolvable else "No preemption victims found for incoming pod",))
        for each in rejections.values()
    ]
    return f" preemption: {fit_message(nodes, told)}"
