"""What of the pods in a namespace a stricter level would refuse: nobody stops them, but who sets the level is told.

Upstream: pod-security-admission `admission/admission.go` (EvaluatePodsInNamespace).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Iterable
from typing import Final

from msgspec import Struct

from admission.pod_security.evaluator import Evaluator, reasons
from admission.pod_security.levels import LevelVersion
from admission.pod_security.pod import Pod
from cluster.api.field import quoted
from cluster.api.meta import controller_of
from cluster.api.names import Object


class Bounds(Struct, frozen=True):
    """How many pods are looked at, for how many seconds by what clock."""

    pods: int = 3000
    seconds: float = 1.0
    clock: Callable[[], float] = time.monotonic

    def end(self, deadline: float) -> float:
        """When to stop; half of the time to the request's deadline is left for the rest of it."""
        now = self.clock()
        return now + min(self.seconds, (deadline - now) / 2)


class _Alike(Struct):
    """Pods that are refused for the same reasons, by the first of their names."""

    first: str
    count: int = 0

    def __str__(self) -> str:
        others = self.count - 1
        return f"{self.first} (and {others} other {'pod' if others == 1 else 'pods'})" if others else self.first


BOUNDS: Final = Bounds()


def warnings_of(
    evaluator: Evaluator,
    namespace: str,
    asked: LevelVersion,
    pods: Iterable[Object],
    exempt_classes: Collection[str] = (),
    bounds: Bounds = BOUNDS,
    deadline: float = math.inf,
) -> list[str]:
    """A line for each set of reasons, after what they are about; nothing where all pods may be.  `deadline` is the request's."""
    end = bounds.end(deadline)
    found = prioritized(pods, exempt_classes)
    alike: dict[str, _Alike] = {}
    checked = 0
    for pod in found[: bounds.pods]:
        checked += 1
        violations = evaluator.evaluate(asked, Pod(pod["metadata"], pod.get("spec") or {}))
        if violations:
            name = pod["metadata"]["name"]
            same = alike.setdefault(reasons(violations), _Alike(name))
            same.first = min(same.first, name)
            same.count += 1
        if bounds.clock() > end:
            break
    told: list[str] = []
    if checked < len(found):
        told.append(f"new PodSecurity enforce level only checked against the first {checked} of {len(found)} existing pods")
    if alike:
        told.append(f"existing pods in namespace {quoted(namespace)} violate the new PodSecurity enforce level {quoted(str(asked))}")
    return told + sorted(f"{same}: {why}" for why, same in alike.items())


def prioritized(pods: Iterable[Object], exempt_classes: Collection[str] = ()) -> list[Object]:
    """One pod of each controller, and those without, before the rest, which most likely are the same; none that is exempt."""
    first: list[Object] = []
    rest: list[Object] = []
    controllers: set[str] = set()
    for pod in pods:
        if (pod.get("spec") or {}).get("runtimeClassName") in exempt_classes:
            continue
        controller = controller_of(pod)
        uid = (controller or {}).get("uid")
        if uid is None or uid not in controllers:
            first.append(pod)
        else:
            rest.append(pod)
        if uid is not None:
            controllers.add(uid)
    return first + rest
