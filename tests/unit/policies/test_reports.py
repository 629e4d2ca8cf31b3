"""What came of a run, in each form, read by what reads such forms."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

from policies.lab.coverage import Coverage, Item
from policies.lab.documents import Broken, Document, Place
from policies.lab.manifests import Files
from policies.lab.reports.data import data
from policies.lab.reports.github import github
from policies.lab.reports.junit import junit
from policies.lab.reports.tap import tap
from policies.lab.reports.text import text
from policies.lab.results import BROKEN, FAILED, PASSED, SKIPPED, UNMATCHED, CaseResult, RunResult, SuiteResult
from policies.lab.suite import Case, Expectation, Identity, Options, Suite
from policies.lab.under_test import Part, Subject

SOURCE = Document("s.yaml", b"cases:\n- name: one\n- name: two\n", 0, None)
EVIL = "a\x1b[2J<b> & \x00 #c %0A ::error::x"
LARGE = {"kind": "Pod", "metadata": {"name": "x" * 100, "labels": {"a": "b"}}, "spec": {"on": True}}
TRACE: dict[str, Any] = {
    "request": {"method": "POST", "path": "/api/v1/pods"},
    "authentication": {"user": {"username": "jane", "groups": ["dev"]}},
    "rbac": {
        "allowed": True,
        "reason": "RBAC: allowed",
        "rule": {"index": 1},
        "role": {"kind": "ClusterRole", "name": "r", "aggregatedFrom": ["s"]},
    },
    "admission": [
        {
            "phase": "validating",
            "plugin": "ValidatingAdmissionPolicy",
            "judgements": [
                {
                    "policy": "p",
                    "binding": "b",
                    "part": "validations[0]",
                    "outcome": "false",
                    "expression": "object.x",
                    "values": {"object.x": 1},
                }
            ],
            "denied": "no\nat all",
        }
    ],
    "result": {"allowed": False, "code": 422, "stage": "admission", "message": "no\nat all"},
    "log": ["something went wrong"],
}


def case(name: str, position: int = 0) -> Case:
    return Case(name, Identity(), Expectation(True), "create", SOURCE, ("cases", position))


def suite(*results: CaseResult, name: str = "s", broken: str = "") -> SuiteResult:
    made = Suite("s.yaml", name, SOURCE, Files(Path()), (), (), (), Options(), {}, ())
    return SuiteResult(made, "1.36", list(results), broken)


def failed(name: str = "two") -> CaseResult:
    differences: list[dict[str, Any]] = [
        {"field": "message", "expected": "yes", "actual": EVIL},
        {"field": "object", "expected": LARGE, "actual": {"spec": {"on": False}, "metadata": LARGE["metadata"], "kind": "Pod"}},
    ]
    return CaseResult(case(name, 1), FAILED, 0.002, differences=differences, trace=TRACE)


ITEM = Item("p.yaml", Part(Subject("ClusterRole", "r"), "rules[0]", ("used",)), ("used",))
EVERYTHING = RunResult(
    [
        suite(CaseResult(case("one"), PASSED, 0.001), failed(), CaseResult(case(EVIL), UNMATCHED, why="nothing")),
        suite(CaseResult(case("one"), BROKEN, why="the world\nis wrong"), CaseResult(case("two"), SKIPPED), name=EVIL),
        suite(CaseResult(case("one"), SKIPPED), broken=f"s.yaml:1:1: {EVIL}"),
    ],
    [Broken((Place("t.yaml", 3, 4, "cases[0]"), "unknown field"), (Place("u.yaml"), EVIL))],
    Coverage((ITEM,)),
    50.0,
    1.5,
    ["golden.yaml"],
)
GOOD = RunResult([suite(CaseResult(case("one"), PASSED, 0.001))], coverage=Coverage(()), threshold=100.0)


def test_json_has_all_of_it() -> None:
    shown = json.loads(data(EVERYTHING))
    assert shown["summary"] == {"passed": 1, "failed": 1, "unmatched": 1, "broken": 1, "skipped": 2, "seconds": 1.5, "exitCode": 2}
    assert shown["broken"][0] == {"file": "t.yaml", "line": 3, "column": 4, "path": "cases[0]", "message": "unknown field"}
    assert [each.get("broken") for each in shown["suites"]] == [None, None, f"s.yaml:1:1: {EVIL}"]
    one, two, three = shown["suites"][0]["cases"]
    assert one == {"name": "one", "state": "passed", "seconds": 0.001}
    assert (two["file"], two["line"], two["column"], two["path"]) == ("s.yaml", 3, 3, "cases[1]")
    assert two["trace"] == TRACE
    assert (three["state"], three["why"]) == ("unmatched", "nothing")
    assert shown["coverage"] == {
        "threshold": 50.0,
        "percent": 0.0,
        "items": [{"file": "p.yaml", "kind": "ClusterRole", "name": "r", "part": "rules[0]", "covered": False, "why": "never used"}],
    }
    assert shown["updated"] == ["golden.yaml"]


def test_junit_is_valid_xml_that_counts_what_it_has() -> None:
    root = ElementTree.fromstring(junit(EVERYTHING))
    counts = [{name: int(each.get(name, "0")) for name in ("tests", "failures", "errors", "skipped")} for each in root]
    for suite_, count in zip(root, counts, strict=True):
        found = suite_.findall("testcase")
        shown = [len(suite_.findall(f"testcase/{name}")) for name in ("failure", "error", "skipped")]
        assert [len(found), *shown] == list(count.values())
    assert {name: int(root.get(name, "")) for name in counts[0]} == {name: sum(each[name] for each in counts) for name in counts[0]}
    assert (root.get("tests"), root.get("failures"), root.get("errors"), root.get("skipped")) == ("10", "3", "4", "2")


def test_junit_says_why() -> None:
    root = ElementTree.fromstring(junit(EVERYTHING))
    failure = root.find(".//testcase[@name='two']/failure")
    assert failure is not None
    assert failure.text is not None
    assert failure.get("message") == "not as expected: message, object"
    assert "a\N{REPLACEMENT CHARACTER}[2J<b> & \N{REPLACEMENT CHARACTER} #c" in failure.text
    assert {each.get("type") for each in root.iter("error")} == {"broken"}
    assert {each.get("type") for each in root.iter("failure")} == {"failed", "not matched"}
    (missed,) = (each for each in root.iter("failure") if (each.get("message") or "").startswith("coverage"))
    assert missed.text == "coverage 0.0 % is below 50 %\np.yaml: ClusterRole r rules[0]: never used"


def test_junit_of_a_run_that_passed_has_no_failure() -> None:
    root = ElementTree.fromstring(junit(GOOD))
    assert (root.get("failures"), root.get("errors")) == ("0", "0")


def test_tap_has_a_line_for_each_case_and_yaml_below_what_is_wrong() -> None:
    lines = tap(EVERYTHING).splitlines()
    assert lines[:2] == ["TAP version 14", "1..10"]
    points = [line for line in lines if re.match("(not )?ok ", line)]
    assert [int(line.removeprefix("not ").split()[1]) for line in points] == list(range(1, 11))
    assert [line.startswith("ok") for line in points] == [False, False, True, False, False, False, True, False, True, False]
    assert points[6].endswith(" # SKIP not run")
    assert all(" #" not in line.removesuffix(" # SKIP not run").replace(r"\#", "") for line in points)
    blocks = re.findall(r"^  ---\n(.*?)^  \.\.\.$", tap(EVERYTHING), re.MULTILINE | re.DOTALL)
    found = [yaml.safe_load(block) for block in blocks]
    assert len(found) == 7
    assert found[2]["severity"] == "failed"
    assert found[2]["at"] == {"file": "s.yaml", "line": 3}
    assert [each["field"] for each in found[2]["differences"]] == ["message", "object"]


def test_github_is_given_annotations_and_no_other_command() -> None:
    shown = github(EVERYTHING)
    *commands, stop = re.findall(r"^::.*$", shown.partition("::stop-commands::")[0] + "::stop-commands::", re.MULTILINE)
    assert stop == "::stop-commands::"
    pattern = re.compile(r"::error (?:file=[^,:]*(?:,line=\d+,col=\d+)?,)?title=[^,:]+::[^\r\n]*")
    assert all(pattern.fullmatch(each) for each in commands)
    assert len(commands) == 7
    assert commands[0] == "::error file=t.yaml,line=3,col=4,title=broken suite::unknown field"
    assert "%2525" not in commands[2]
    assert "%250A" in commands[1], "what looks like an escape is one of text"
    token = re.findall(r"^::stop-commands::(\w+)$", shown, re.MULTILINE)
    assert shown.endswith(f"\n::{token[0]}::\n")
    assert token != re.findall(r"^::stop-commands::(\w+)$", github(EVERYTHING), re.MULTILINE)


def test_people_read_what_is_wrong_with_what_was_expected_and_the_way_there() -> None:
    lines = text(EVERYTHING).splitlines()
    assert lines[0] == "t.yaml:3:4: cases[0]: unknown field"
    start = lines.index("FAILED s/two (Kubernetes 1.36)")
    assert lines[start + 1 : start + 13] == [
        "  s.yaml:3:3: cases[1]",
        "  message:",
        "    expected: yes",
        r"    actual:   a\x1b[2J<b> & \x00 #c %0A ::error::x",
        "  object:",
        "    expected (-), actual (+):",
        "    @@ -5,3 +5,3 @@",
        "         a: b",
        "     spec:",
        "    -  'on': true",
        "    +  'on': false",
        "  how it went:",
    ]
    assert lines[start + 13 : start + 24] == [
        "    request         POST /api/v1/pods",
        "    authentication  jane [dev]",
        "    rbac            RBAC: allowed",
        "                    rules[1] of ClusterRole r, aggregated from s",
        "    validating      ValidatingAdmissionPolicy: no",
        "                    at all",
        "                    p (b) validations[0] false",
        "                      object.x",
        "                      object.x = 1",
        "    result          denied (422) at admission: no",
        "                    at all",
    ]
    assert "updated golden.yaml" in lines
    assert lines[-1] == "1 passed, 1 failed, 1 not matched, 1 broken, 2 skipped, 2 suites broken, coverage 0.0 % is below 50 % in 1.50 s"


def test_people_are_told_of_what_passed_where_they_ask() -> None:
    assert "PASSED s/one (Kubernetes 1.36) (1.0 ms)" in text(GOOD, verbose=True).splitlines()
    assert "PASSED" not in text(GOOD).splitlines()
    assert "coverage: nothing is under test" in text(GOOD).splitlines()


@pytest.mark.parametrize(
    ("result", "code"),
    [
        (RunResult([]), 0),
        (GOOD, 0),
        (RunResult([suite(CaseResult(case("one"), SKIPPED))]), 0),
        (RunResult([suite(failed())]), 1),
        (RunResult([suite(CaseResult(case("one"), UNMATCHED))]), 1),
        (RunResult([suite(failed(), CaseResult(case("one"), BROKEN))]), 2),
        (RunResult([suite(broken="so")]), 2),
        (RunResult([], [Broken((Place("f"), "so"))]), 2),
    ],
)
def test_the_exit_code(result: RunResult, code: int) -> None:
    assert result.exit_code == code
