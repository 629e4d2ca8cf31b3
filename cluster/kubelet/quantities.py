"""Resource quantities in the units that containers are limited by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from cluster.api import quantity
from cluster.kubelet.runtime import Resources

_UNIT: Final = 10**9
_PERIOD: Final = 100_000
_LEAST_QUOTA: Final = 1000
_LEAST_SHARES: Final = 2
_MOST_SHARES: Final = 262_144


def rounded_up(amount: str | int | float, divisor: str | int | float = 1) -> int:
    """The quantity in units of the divisor, as the downward API shows it."""
    return -(-quantity.parse(amount).nano // (quantity.parse(divisor).nano or _UNIT))


def limits(container: Mapping[str, Any], oom_score: int) -> Resources:
    """A container's resources in the kernel's terms.  Upstream: `pkg/kubelet/cm/helpers_linux.go`."""
    resources = container.get("resources") or {}
    limited, requested = resources.get("limits") or {}, resources.get("requests") or {}
    memory = rounded_up(limited["memory"]) if "memory" in limited else 0
    cpu = limited.get("cpu")
    quota = max(_LEAST_QUOTA, quantity.parse(cpu).nano * _PERIOD // _UNIT) if cpu is not None and quantity.parse(cpu).nano else 0
    wanted = requested.get("cpu", cpu)
    shares = quantity.parse(wanted).nano * 1024 // _UNIT if wanted is not None else 0
    return Resources(memory, quota, min(_MOST_SHARES, max(_LEAST_SHARES, shares)), oom_score)


def oom_score(pod: Mapping[str, Any], container: Mapping[str, Any], machine_memory: int) -> int:
    """Upstream: `pkg/kubelet/qos/policy.go` GetContainerOOMScoreAdjust."""
    quality = (pod.get("status") or {}).get("qosClass", "BestEffort")
    if quality == "Guaranteed":
        return -997
    if quality != "Burstable":
        return 1000
    request = ((container.get("resources") or {}).get("requests") or {}).get("memory", 0)
    score = 1000 - 1000 * rounded_up(request) // max(1, machine_memory)
    return min(999, max(3, score))
