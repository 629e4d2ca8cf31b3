"""What came of a run: of each case, of each suite in each version of Kubernetes, and of all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct, field

from cluster.api.names import Object
from policies.lab.coverage import Coverage
from policies.lab.documents import Broken
from policies.lab.suite import Case, Suite

PASSED: Final = "passed"
FAILED: Final = "failed"
UNMATCHED: Final = "unmatched"
BROKEN: Final = "broken"
SKIPPED: Final = "skipped"
STATES: Final = (PASSED, FAILED, UNMATCHED, BROKEN, SKIPPED)
SAID: Final = {UNMATCHED: "not matched"}
"""What a state is called to people, where that is not its name."""


class CaseResult(Struct):
    """`seconds` are those that the case took; `trace` is what `berth policy explain` would show of it, where it did not pass."""

    case: Case
    state: str = SKIPPED
    seconds: float = 0.0
    why: str = ""
    differences: Sequence[Object] = ()
    """Each with field, expected and actual."""
    trace: Object | None = None
    golden: str = ""
    """What the case's golden file would be, where it is not."""

    @property
    def good(self) -> bool:
        return self.state in (PASSED, SKIPPED)


class SuiteResult(Struct):
    """A suite in one version; `broken` where it could not be run at all."""

    suite: Suite
    version: str
    cases: list[CaseResult]
    broken: str = ""

    def count(self, state: str) -> int:
        return sum(each.state == state for each in self.cases)

    @property
    def seconds(self) -> float:
        return sum(each.seconds for each in self.cases)


class RunResult(Struct):
    """`broken` are files that are no suites."""

    suites: list[SuiteResult]
    broken: list[Broken] = field(default_factory=list)
    coverage: Coverage | None = None
    threshold: float | None = None
    """Percent of what is under test that must be covered."""
    seconds: float = 0.0
    updated: list[str] = field(default_factory=list)
    """Golden files that were written."""

    def cases(self) -> Iterator[CaseResult]:
        for suite in self.suites:
            yield from suite.cases

    def count(self, state: str) -> int:
        return sum(each.count(state) for each in self.suites)

    @property
    def covered_enough(self) -> bool:
        return self.threshold is None or self.coverage is None or self.coverage.percent >= self.threshold

    @property
    def exit_code(self) -> int:
        """0 where all passed, 1 where some did not, 2 where a suite or a case is broken."""
        if self.broken or any(each.broken for each in self.suites) or self.count(BROKEN):
            return 2
        failed = self.count(FAILED) + self.count(UNMATCHED)
        return 1 if failed or not self.covered_enough else 0
