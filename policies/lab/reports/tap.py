"""TAP, version 14: a line for each case, and what is wrong with it in YAML below."""

from __future__ import annotations

from collections.abc import Iterator

from cluster.api.names import Object
from cluster.api.output import as_yaml, printable
from policies.lab.reports.text import brief, said, summary, title
from policies.lab.results import SKIPPED, CaseResult, RunResult, SuiteResult


def tap(result: RunResult) -> str:
    points = list(_points(result))
    lines = ["TAP version 14", f"1..{len(points)}"]
    for number, (good, name, diagnosis) in enumerate(points, 1):
        lines.append(f"{'ok' if good else 'not ok'} {number} - {name}")
        if diagnosis:
            lines += [f"  {line}" for line in (*as_yaml([diagnosis]).splitlines(), "...")]
    if result.coverage is not None:
        lines.append(f"# coverage {result.coverage.percent:.1f} %")
    lines.append(f"# {summary(result)}")
    return printable("\n".join(lines)) + "\n"


Point = tuple[bool, str, Object | None]
"""Whether it is good, its name, and what is wrong."""


def _points(result: RunResult) -> Iterator[Point]:
    for broken in result.broken:
        for place, why in broken.faults:
            yield False, _escaped(str(place)), {"message": why, "at": {"file": place.file, "line": place.line}}
    for suite in result.suites:
        if suite.broken:
            yield False, _escaped(f"{suite.suite.name} (Kubernetes {suite.version})"), {"message": suite.broken}
        for case in suite.cases:
            yield _point(suite, case)
    if not result.covered_enough and result.coverage is not None:
        yield False, "coverage", {"expected": result.threshold, "actual": round(result.coverage.percent, 2)}


def _point(suite: SuiteResult, case: CaseResult) -> Point:
    name = _escaped(title(suite, case))
    if case.good:
        return True, f"{name} # SKIP not run" if case.state == SKIPPED else name, None
    place = case.case.place
    found: Object = {"severity": said(case), "message": brief(case), "at": {"file": place.file, "line": place.line}}
    return False, name, found | ({"differences": list(case.differences)} if case.differences else {})


def _escaped(name: str) -> str:
    r"""A description: "#" would begin a directive."""
    return name.replace("\\", "\\\\").replace("#", "\\#").replace("\n", " ")
