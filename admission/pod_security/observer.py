"""Who is told of evaluations, to count them.  Upstream: pod-security-admission `metrics/metrics.go` (Recorder)."""

from __future__ import annotations

from typing import Final, Protocol

from admission.attributes import Attributes
from admission.pod_security.levels import LevelVersion


class EvaluationObserver(Protocol):
    """`mode` is one of enforce, audit and warn; of the last two only what is not allowed is told."""

    def evaluated(self, attributes: Attributes, mode: str, asked: LevelVersion, allowed: bool) -> None: ...

    def exempted(self, attributes: Attributes) -> None: ...

    def failed(self, attributes: Attributes, fatal: bool) -> None:
        """Something was wrong; fatal where because of it nothing could be evaluated."""
        ...


class Unobserved:
    def evaluated(self, attributes: Attributes, mode: str, asked: LevelVersion, allowed: bool) -> None: ...

    def exempted(self, attributes: Attributes) -> None: ...

    def failed(self, attributes: Attributes, fatal: bool) -> None: ...


UNOBSERVED: Final[EvaluationObserver] = Unobserved()
