"""JUnit's XML, as CI systems read it: a failure is what did not come as expected, an error what could not be tried."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from xml.etree.ElementTree import Element, SubElement, tostring

from policies.lab.reports.text import brief, explained
from policies.lab.results import BROKEN, FAILED, PASSED, SAID, SKIPPED, UNMATCHED, CaseResult, RunResult, SuiteResult

_FORBIDDEN: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What no XML document may hold, however it is written."""


def junit(result: RunResult) -> bytes:
    root = Element("testsuites", {"name": "berth policy test", "time": f"{result.seconds:.6f}"})
    for broken in result.broken:
        for place, why in broken.faults:
            suite = _suite(root, place.file, {"tests": 1, "errors": 1})
            _problem(_case(suite, place.file, str(place), 0.0), "error", BROKEN, why)
    for each in result.suites:
        _of_suite(root, each)
    if result.coverage is not None:
        _of_coverage(root, result)
    totals = {name: sum(int(each.get(name, "0")) for each in root) for name in ("tests", "failures", "errors", "skipped")}
    root.attrib |= {name: str(total) for name, total in totals.items()}
    data: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return data + b"\n"


def _of_suite(root: Element, suite: SuiteResult) -> None:
    name = f"{suite.suite.name} (Kubernetes {suite.version})"
    counts = {
        "tests": len(suite.cases) + bool(suite.broken),
        "failures": suite.count(FAILED) + suite.count(UNMATCHED),
        "errors": suite.count(BROKEN) + bool(suite.broken),
        "skipped": suite.count(SKIPPED),
    }
    shown = _suite(root, name, counts)
    shown.attrib |= {"time": f"{suite.seconds:.6f}", "file": _text(suite.suite.file)}
    if suite.broken:
        _problem(_case(shown, name, "suite", 0.0), "error", BROKEN, suite.broken)
    for case in suite.cases:
        _of_case(_case(shown, name, case.case.name, case.seconds), case)


def _of_case(shown: Element, case: CaseResult) -> None:
    if case.state == PASSED:
        return
    if case.state == SKIPPED:
        SubElement(shown, "skipped")
        return
    place = case.case.place
    shown.attrib |= {"file": _text(place.file), "line": str(place.line)}
    kind, told = "error" if case.state == BROKEN else "failure", "\n".join(explained(case))
    _problem(shown, kind, SAID.get(case.state, case.state), told, brief(case))


def _of_coverage(root: Element, result: RunResult) -> None:
    """A suite of its own, with a case for each part of what is under test where a threshold is missed."""
    coverage = result.coverage
    assert coverage is not None, "asked for where there is one"
    missed = not result.covered_enough
    suite = _suite(root, "coverage", {"tests": 1, "failures": int(missed)})
    properties = SubElement(suite, "properties")
    SubElement(properties, "property", {"name": "percent", "value": f"{coverage.percent:.2f}"})
    case = _case(suite, "coverage", "what is under test", 0.0)
    if missed:
        missing = [
            f"{each.file}: {' '.join(each.part.subject)} {each.part.part}: {each.why}" for each in coverage.items if not each.covered
        ]
        message = f"coverage {coverage.percent:.1f} % is below {result.threshold:g} %"
        _problem(case, "failure", FAILED, "\n".join([message, *missing]))


def _suite(root: Element, name: str, counts: Mapping[str, int]) -> Element:
    return SubElement(root, "testsuite", {"name": _text(name)} | {key: str(value) for key, value in counts.items()})


def _case(suite: Element, class_name: str, name: str, seconds: float) -> Element:
    return SubElement(suite, "testcase", {"classname": _text(class_name), "name": _text(name), "time": f"{seconds:.6f}"})


def _problem(case: Element, kind: str, sort: str, told: str, short: str = "") -> None:
    """`short`: in a line, default the first of what is told."""
    SubElement(case, kind, {"type": sort, "message": _text(short or told.partition("\n")[0])}).text = _text(told)


def _text(value: str) -> str:
    return _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", value)
