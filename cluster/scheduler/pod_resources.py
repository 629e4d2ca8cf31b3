"""What a pod asks of a node.  Upstream: `staging/src/k8s.io/component-helpers/resource/helpers.go`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from cluster.api import quantity
from cluster.api.names import Object

Amounts = dict[str, int]
"""Resource name to amount: CPU in thousandths, the rest in units."""

CPU: Final = "cpu"
MEMORY: Final = "memory"
_DEFAULTS: Final[Amounts] = {CPU: 100, MEMORY: 200 * 2**20}
"""What a container that asks for nothing is scored as, so that such pods spread too."""


def amounts(resources: Mapping[str, str] | None) -> Amounts:
    return {name: _amount(name, text) for name, text in (resources or {}).items()}


def _amount(name: str, text: str) -> int:
    parsed = quantity.parse(text)
    return parsed.milli_value() if name == CPU else parsed.value()


def add(total: Amounts, more: Mapping[str, int], sign: int = 1) -> None:
    for name, amount in more.items():
        total[name] = total.get(name, 0) + sign * amount


def _raise(total: Amounts, other: Mapping[str, int]) -> None:
    for name, amount in other.items():
        total[name] = max(total.get(name, 0), amount)


def requests(pod: Object) -> Amounts:
    """The most that it needs at any time: its containers and sidecars, or an init container with the sidecars before it."""
    return _total(pod, {})


def scored_requests(pod: Object) -> Amounts:
    """The same, for scoring: what asks for no CPU or memory counts as asking for a little."""
    return _total(pod, _DEFAULTS)


def _total(pod: Object, defaults: Amounts) -> Amounts:
    spec = pod["spec"]
    total: Amounts = {}
    for each in spec.get("containers") or ():
        add(total, defaults | _asked(each))
    sidecars, starting = _of_init(spec.get("initContainers") or (), defaults)
    add(total, sidecars)
    _raise(total, starting)
    whole_pod = amounts((spec.get("resources") or {}).get("requests"))
    total |= {name: amount for name, amount in whole_pod.items() if name in (CPU, MEMORY) or name.startswith("hugepages-")}
    add(total, amounts(spec.get("overhead")))
    return total


def _of_init(containers: Iterable[Object], defaults: Amounts) -> tuple[Amounts, Amounts]:
    """(what the sidecars keep, the most needed while starting)."""
    sidecars: Amounts = {}
    most: Amounts = {}
    for each in containers:
        asked = defaults | _asked(each)
        if each.get("restartPolicy") == "Always":
            add(sidecars, asked)
            asked = dict(sidecars)
        else:
            add(asked, sidecars)
        _raise(most, asked)
    return sidecars, most


def _asked(container: Object) -> dict[str, int]:
    return amounts((container.get("resources") or {}).get("requests"))


def host_ports(pod: Object) -> frozenset[tuple[str, str, int]]:
    """(host IP, protocol, port) of each host port."""
    found = set()
    containers = list(pod["spec"].get("containers") or ())
    containers += [each for each in pod["spec"].get("initContainers") or () if each.get("restartPolicy") == "Always"]
    for container in containers:
        for port in container.get("ports") or ():
            if port.get("hostPort"):
                found.add((port.get("hostIP") or "0.0.0.0", port.get("protocol") or "TCP", int(port["hostPort"])))  # noqa: S104  the API's word for any
    return frozenset(found)
