"""A whole run: suites are found, read and planned, their cases run in worker processes, and what came of it put together in order."""

from __future__ import annotations

import math
import os
import re
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct, field

from cluster.api.names import Object
from cluster.schema.model import SchemaSet
from policies.lab.compile import load_suite
from policies.lab.coverage import Seen, coverage
from policies.lab.discovery import discover
from policies.lab.documents import Broken, Place
from policies.lab.manifests import Files
from policies.lab.pool import PIECE, Pool
from policies.lab.results import BROKEN, PASSED, CaseResult, RunResult, SuiteResult
from policies.lab.suite import Suite
from policies.lab.under_test import under_test
from policies.lab.worker import Chains, Piece, Planned

DEFAULT_VERSION: Final = "1.36"


class RunOptions(Struct, frozen=True):
    """How a run is asked for.  `versions`, where there are any, are those of every suite."""

    paths: tuple[str, ...]
    select: re.Pattern[str] | None = None
    """What is found in `suite/case` of the cases to run."""
    versions: tuple[str, ...] = ()
    jobs: int = 0
    """Processes, 0 for as many as there are processors."""
    fail_fast: bool = False
    update: bool = False
    coverage: bool = False
    threshold: float | None = None


class Loaded(Struct):
    """What was read, and what of it could not be."""

    suites: list[Suite] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)
    files: set[Path] = field(default_factory=set)
    """All that suites are made of, and the folders that more of it could come into."""


def load(paths: Iterable[str]) -> Loaded:
    """The suites of files, folders and patterns; one that is broken hides no other."""
    loaded = Loaded()
    found: list[Path] = []
    for each in paths:
        try:
            found += [path for path in discover([each]) if path not in found]
        except Broken as broken:
            loaded.broken.append(broken)
    for path in found:
        files = Files(path.parent)
        try:
            loaded.suites.append(load_suite(path, files))
        except Broken as broken:
            loaded.broken.append(broken)
        loaded.files |= {path, *files.paths}
    return loaded


def run(options: RunOptions, chains: Chains | None = None, loaded: Loaded | None = None) -> RunResult:
    """Runs everything that is asked for."""
    began = time.perf_counter()
    loaded = load(options.paths) if loaded is None else loaded
    made = chains or Chains()
    results, plan = _planned(loaded.suites, options, made)
    seen: list[Seen] = [{} for _ in plan]
    failed = False

    def stop() -> bool:
        return options.fail_fast and failed

    pool = Pool([planned for planned, _ in plan], made, _jobs(options.jobs, plan), fail_fast=options.fail_fast)
    for piece, answer in pool.run(_pieces(plan), stop):
        result = plan[piece.planned][1]
        _take(result, piece, answer)
        for kind, name, part, *ways in answer.get("seen", ()):
            seen[piece.planned].setdefault((kind, name, part), set()).update(ways)
        failed = failed or bool(result.broken) or not all(isinstance(each, float) for each in answer["cases"])
    outcome = RunResult(results, list(loaded.broken), threshold=options.threshold)
    if options.select is not None and loaded.suites and not results:
        outcome.broken.append(Broken((Place("--run"), f'"{options.select.pattern}" is found in the name of no case')))
    if options.update:
        outcome.updated = _update(outcome.cases())
    if options.coverage or options.threshold is not None:
        outcome.coverage = coverage((under_test(planned.suite.policies), ways) for (planned, _), ways in zip(plan, seen, strict=True))
    outcome.seconds = time.perf_counter() - began
    return outcome


def _planned(suites: Sequence[Suite], options: RunOptions, chains: Chains) -> tuple[list[SuiteResult], list[tuple[Planned, SuiteResult]]]:
    """Every suite in each of its versions, and what is to run of them; chains are made here, for all workers."""
    results: list[SuiteResult] = []
    plan: list[tuple[Planned, SuiteResult]] = []
    for suite in suites:
        select = options.select
        cases = [case for case in suite.cases if select is None or select.search(f"{suite.name}/{case.name}")]
        for version in options.versions or suite.versions or (DEFAULT_VERSION,):
            if select is not None and not cases:
                continue
            result = SuiteResult(suite, version, [CaseResult(case) for case in cases])
            results.append(result)
            result.broken = _unservable(suite, version, chains)
            if not result.broken:
                plan.append((Planned(suite, version, cases), result))
    return results, plan


def _unservable(suite: Suite, version: str, chains: Chains) -> str:
    """Why there can be no chain of the version, with the options of the suite; places are looked for in what is wrong alone."""
    try:
        SchemaSet.for_version(version)
    except ValueError as error:
        return f"{_of_version(suite, version) if version in suite.versions else Place('--kubernetes-version')}: {error}"
    try:
        chains.of(version, suite.options)
    except (ValueError, OSError) as error:
        return f"{suite.source.place(('options',))}: {error}"
    return ""


def _of_version(suite: Suite, version: str) -> Place:
    return suite.source.place(("kubernetesVersions", suite.versions.index(version)))


def _jobs(asked: int, plan: Sequence[tuple[Planned, SuiteResult]]) -> int:
    pieces = sum(math.ceil(len(planned.cases) / PIECE) for planned, _ in plan)
    return max(1, min(asked or os.cpu_count() or 1, pieces))


def _pieces(plan: Sequence[tuple[Planned, SuiteResult]]) -> Iterable[Piece]:
    for place, (planned, _) in enumerate(plan):
        for begin in range(0, len(planned.cases), PIECE):
            yield Piece(place, begin, min(begin + PIECE, len(planned.cases)))


def _take(result: SuiteResult, piece: Piece, answer: Object) -> None:
    if "broken" in answer:
        result.broken = answer["broken"]
        return
    for position, told in enumerate(answer["cases"], piece.begin):
        case = result.cases[position]
        if isinstance(told, float):
            case.state, case.seconds = PASSED, told
            continue
        case.state, case.seconds, case.why = told["state"], told["seconds"], told["why"]
        case.differences = told.get("differences") or ()
        case.trace = told.get("trace")
        case.golden = told.get("golden") or ""


def _update(cases: Iterable[CaseResult]) -> list[str]:
    """Writes golden files that differ; a case in which nothing else is wrong has passed."""
    written: list[str] = []
    for result in cases:
        path = result.case.expect.golden
        if path is None or not result.golden or result.state == BROKEN:
            continue
        others = [each for each in result.differences if each["field"] != "golden"]
        if len(others) == len(result.differences):
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(result.golden)
        written.append(str(path))
        result.differences = others
        if not others:
            result.state, result.trace, result.why = PASSED, None, ""
    return written
