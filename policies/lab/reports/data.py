"""The whole run as one JSON document."""

from __future__ import annotations

from typing import Any

import orjson

from cluster.api.names import Object
from policies.lab.coverage import Coverage
from policies.lab.documents import Place
from policies.lab.results import STATES, CaseResult, RunResult, SuiteResult


def data(result: RunResult) -> str:
    """Cases that have passed have a name, a state and seconds alone."""
    document: Object = {
        "summary": {**{state: result.count(state) for state in STATES}, "seconds": result.seconds, "exitCode": result.exit_code},
        "broken": [{**_place(place), "message": why} for broken in result.broken for place, why in broken.faults],
        "suites": [_suite(each) for each in result.suites],
    }
    if result.coverage is not None:
        document["coverage"] = _coverage(result.coverage, result.threshold)
    if result.updated:
        document["updated"] = result.updated
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()


def _suite(suite: SuiteResult) -> Object:
    shown: Object = {"file": suite.suite.file, "name": suite.suite.name, "kubernetesVersion": suite.version}
    if suite.broken:
        shown["broken"] = suite.broken
    return shown | {"cases": [_case(each) for each in suite.cases]}


def _case(case: CaseResult) -> Object:
    shown: Object = {"name": case.case.name, "state": case.state, "seconds": round(case.seconds, 6)}
    if case.good:
        return shown
    shown |= _place(case.case.place)
    more: dict[str, Any] = {"why": case.why, "differences": list(case.differences), "trace": case.trace}
    return shown | {name: value for name, value in more.items() if value}


def _place(place: Place) -> Object:
    shown: Object = {"file": place.file, "line": place.line, "column": place.column, "path": place.path}
    return {name: value for name, value in shown.items() if value}


def _coverage(coverage: Coverage, threshold: float | None) -> Object:
    items = [
        {
            "file": each.file,
            "kind": each.part.subject.kind,
            "name": each.part.subject.name,
            "part": each.part.part,
            "covered": each.covered,
            **({} if each.covered else {"why": each.why}),
        }
        for each in coverage.items
    ]
    shown: Object = {"percent": round(coverage.percent, 2), "items": items}
    return shown if threshold is None else {"threshold": threshold, **shown}
