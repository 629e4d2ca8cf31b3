"""What a worker process does: it takes pieces of the plan, puts their cases to its chain, and sends back what came of them.

A worker is forked from the runner, whose suites and chains it has; its own chain it changes as it likes.
"""

from __future__ import annotations

import logging
import mmap
import struct
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from msgspec import Struct

from cluster.api.names import Object
from policies.lab.asking import BrokenCase, SuiteInChain, Verdict
from policies.lab.chain import LabChain
from policies.lab.describe import described
from policies.lab.documents import Broken
from policies.lab.results import BROKEN, PASSED
from policies.lab.suite import Case, Options, Suite
from policies.lab.trace import Trace
from policies.lab.webhooks import Webhooks

_MOST_TRACES: Final = 100
"""Of one worker: what went wrong more often than that is told without."""


class Planned(Struct, frozen=True):
    """A suite in one version, and those of its cases that are to run."""

    suite: Suite
    version: str
    cases: Sequence[Case]


class Piece(NamedTuple):
    """Some cases of one of the plan's suites."""

    planned: int
    begin: int
    end: int


class Chains:
    """Chains by version and options, made once."""

    def __init__(self) -> None:
        self._made: dict[tuple[str, Options], tuple[LabChain, Webhooks]] = {}

    def of(self, version: str, options: Options) -> tuple[LabChain, Webhooks]:
        """ValueError for options that a server could not be started with."""
        key = version, options
        found = self._made.get(key)
        if found is None:
            webhooks = Webhooks()
            chain = LabChain(version, options, webhooks)
            webhooks.follow(chain.reader)
            found = self._made[key] = chain, webhooks
        return found


class Progress:
    """Which case a worker is at, where the runner sees it even if the worker ends: counted from one, zero before the first."""

    def __init__(self, workers: int) -> None:
        self._memory = mmap.mmap(-1, 8 * workers)
        self._numbers: Final = memoryview(self._memory).cast("Q")

    def at(self, worker: int) -> int:
        return self._numbers[worker]

    def set(self, worker: int, case: int) -> None:
        self._numbers[worker] = case


class Worker:
    """Runs pieces."""

    def __init__(self, plan: Sequence[Planned], chains: Chains, progress: Progress, number: int, *, fail_fast: bool = False) -> None:
        """`fail_fast`: a piece ends with the first of its cases that does not pass."""
        self._plan = plan
        self._fail_fast = fail_fast
        self._chains = chains
        self._progress = progress
        self._number = number
        self._current: tuple[int, SuiteInChain] | None = None
        self._traces = 0
        self._logged = Logged()
        logging.getLogger().addHandler(self._logged)

    def run(self, piece: Piece) -> Object:
        """`broken` where the suite can not be run, else `cases` and what they have `seen`."""
        try:
            place = self._enter(piece.planned)
        except Broken as broken:
            return {"broken": str(broken)}
        cases = self._plan[piece.planned].cases
        results = []
        for position in range(piece.begin, piece.end):
            self._progress.set(self._number, position + 1)
            results.append(self._judge(place, cases[position]))
            if self._fail_fast and not isinstance(results[-1], float):
                break
        seen = [[*key, *sorted(ways)] for key, ways in place.recorder.taken().items()]
        return {"cases": results, "seen": seen}

    def _enter(self, planned: int) -> SuiteInChain:
        if self._current is not None:
            if self._current[0] == planned:
                return self._current[1]
            self._current[1].leave()
            self._current = None
        suite, version = self._plan[planned].suite, self._plan[planned].version
        place = SuiteInChain(suite, *self._chains.of(version, suite.options))
        self._current = planned, place
        return place

    def _judge(self, place: SuiteInChain, case: Case) -> Any:
        """Seconds alone for a case that passed, which most do; a mapping for any other."""
        self._logged.lines.clear()
        began = time.perf_counter()
        try:
            verdict = place.judge(case)
        except Exception as error:  # a fault of ours must not hide what comes of others
            logging.getLogger(__name__).exception("case %s failed", case.name)
            verdict = Verdict(BROKEN, why=f"the case could not be run: {type(error).__name__}: {error}")
        seconds = time.perf_counter() - began
        if verdict.state == PASSED:
            return seconds
        return _told(verdict, seconds, self._traced(place, case), self._logged.lines)

    def _traced(self, place: SuiteInChain, case: Case) -> Object | None:
        """The same once more, observed closely."""
        if self._traces >= _MOST_TRACES:
            return None
        self._traces += 1
        trace = Trace()
        try:
            with place.asked(case, trace) as asked:
                return described(place, asked, trace)
        except BrokenCase:
            return None


def _told(verdict: Verdict, seconds: float, trace: Object | None, logged: Sequence[str]) -> Mapping[str, Any]:
    told: Object = {"state": verdict.state, "seconds": seconds, "why": verdict.why}
    told["differences"] = [{"field": each.field, "expected": each.expected, "actual": each.actual} for each in verdict.differences]
    if trace is not None:
        told["trace"] = trace | ({"log": list(logged)} if logged else {})
    return told | ({"golden": verdict.text} if verdict.text else {})


class Logged(logging.Handler):
    """Keeps what is logged while a case runs, for those who look at its failure."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """See logging.Handler."""
        self.lines.append(record.getMessage())


FRAME: Final = struct.Struct("<I")
"""What goes before each message: its length."""
