"""What a case expects, field by field: met, and not met, with the difference that is shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from policies.lab.expect import Difference, differences, golden
from policies.lab.outcome import Outcome
from policies.lab.suite import Expectation

POD = {"kind": "Pod", "metadata": {"name": "p", "labels": {"a": "b"}}, "spec": {"containers": [{"name": "c"}], "replicas": 1, "on": True}}
DENIED = Outcome(
    422,
    "admission",
    "ValidatingAdmissionPolicy",
    "replicas.example.com",
    "everywhere",
    "validations[1]",
    "hook.example.com",
    "Invalid",
    "denied request: at most 5",
)
ALLOWED = Outcome(201, warnings=("careful", "twice"), annotations={"replicas.example.com/many": "6", "other": "x"}, body=orjson.dumps(POD))


def found(expect: Expectation, outcome: Outcome, matched: bool | None = True) -> list[Difference]:
    return list(differences(expect, outcome, matched, lambda policy, part: f"{policy} wants {part}\n"))


OF_DENIALS: list[tuple[str, Any, Any, str, Any]] = [
    ("stage", "admission", "rbac", "stage", "admission"),
    ("plugin", "ValidatingAdmissionPolicy", "PodSecurity", "plugin", "ValidatingAdmissionPolicy"),
    ("policy", "replicas.example.com", "replicas", "policy", "replicas.example.com"),
    ("binding", "everywhere", "somewhere", "binding", "everywhere"),
    ("validation", 1, 0, "validation", "validations[1]"),
    ("validation", "validations[1]", "validations[0]", "validation", "replicas.example.com wants validations[1]"),
    (
        "validation",
        " replicas.example.com wants validations[1]",
        "size(x) < 3",
        "validation",
        "replicas.example.com wants validations[1]",
    ),
    ("webhook", "hook.example.com", "other.example.com", "webhook", "hook.example.com"),
    ("code", 422, 403, "code", 422),
    ("reason", "Invalid", "Forbidden", "reason", "Invalid"),
    ("message", "denied request: at most 5", "at most 5", "message", "denied request: at most 5"),
    ("message_contains", "at most 5", "at most 6", "messageContains", "denied request: at most 5"),
    ("message_matches", r"at most \d$", r"^at most", "messageMatches", "denied request: at most 5"),
]


@pytest.mark.parametrize(("field", "right", "wrong", "shown", "actual"), OF_DENIALS)
def test_what_is_expected_of_a_denial_is_met_or_shown(field: str, right: Any, wrong: Any, shown: str, actual: Any) -> None:
    assert found(Expectation(False, **{field: right}), DENIED) == []
    assert found(Expectation(False, **{field: wrong}), DENIED) == [Difference(shown, wrong, actual)]


OF_ANSWERS: list[tuple[str, Any, Any, list[Difference]]] = [
    ("warnings", ["careful", "twice"], ["twice", "careful"], [Difference("warnings", ["twice", "careful"], ["careful", "twice"])]),
    ("warnings", ["careful", "twice"], [], [Difference("warnings", [], ["careful", "twice"])]),
    (
        "annotations",
        {"other": "x"},
        {"other": "y", "none": "z"},
        [Difference("auditAnnotations.other", "y", "x"), Difference("auditAnnotations.none", "z", None)],
    ),
    (
        "object",
        {"metadata": {"labels": {"a": "b"}}},
        {"metadata": {"labels": {"a": "c"}}},
        [Difference("object.metadata.labels.a", "c", "b")],
    ),
    (
        "object",
        {"metadata": {"annotations": None}},
        {"metadata": {"labels": None}},
        [Difference("object.metadata.labels", None, {"a": "b"})],
    ),
    ("object", {"spec": {"containers": [{}]}}, {"spec": {"containers": []}}, [Difference("object.spec.containers", [], [{"name": "c"}])]),
    (
        "object",
        {"spec": {"containers": [{"name": "c"}]}},
        {"spec": {"containers": [{"name": "d"}]}},
        [Difference("object.spec.containers[0].name", "d", "c")],
    ),
    ("object", {"spec": {"replicas": 1}}, {"spec": {"replicas": True}}, [Difference("object.spec.replicas", True, 1)]),
    ("object", {"spec": {"on": True}}, {"spec": {"off": False}}, [Difference("object.spec.off", False, None)]),
    ("object", {}, {"spec": "text"}, [Difference("object.spec", "text", POD["spec"])]),
]


@pytest.mark.parametrize(("field", "right", "wrong", "shown"), OF_ANSWERS)
def test_what_is_expected_of_an_answer_is_met_or_shown(field: str, right: Any, wrong: Any, shown: list[Difference]) -> None:
    assert found(Expectation(True, **{field: right}), ALLOWED) == []
    assert found(Expectation(True, **{field: wrong}), ALLOWED) == shown


def test_whether_it_is_allowed_is_always_expected() -> None:
    assert found(Expectation(True), DENIED) == [Difference("allowed", True, False)]
    assert found(Expectation(False), ALLOWED) == [Difference("allowed", False, True)]


@pytest.mark.parametrize(
    ("expected", "matched", "met"),
    [(True, True, True), (True, False, False), (False, False, True), (False, True, False), (True, None, False), (False, None, True)],
)
def test_whether_anything_under_test_has_to_do_with_it(expected: bool, matched: bool | None, met: bool) -> None:
    shown = found(Expectation(True, matched=expected), ALLOWED, matched)
    assert shown == ([] if met else [Difference("matched", expected, bool(matched))])


def test_a_denial_that_has_no_such_part_is_shown_to_have_nothing() -> None:
    assert found(Expectation(False, validation=0), Outcome(403)) == [Difference("validation", 0, "nothing")]


@pytest.mark.parametrize("field", [*{each[0] for each in OF_DENIALS}, "object", "golden"])
def test_by_whom_something_is_denied_is_said_by_any_of_these(field: str) -> None:
    assert Expectation(False, **{field: {}}).says_by_whom  # type: ignore[arg-type]
    assert not Expectation(False, warnings=[], annotations={}, matched=True).says_by_whom


def test_a_golden_file_is_what_is_answered_but_for_what_is_another_in_every_run(tmp_path: Path) -> None:
    path = tmp_path / "golden.yaml"
    obj = {**POD, "metadata": {**POD["metadata"], "uid": "1", "resourceVersion": "2", "creationTimestamp": "2020-01-01T00:00:00Z"}}  # type: ignore[dict-item]
    missing, text = golden(path, obj)
    assert [(each.field, "make it with --update" in each.expected, each.actual) for each in missing] == [("golden", True, text)]
    path.write_text(text)
    assert golden(path, obj | {"metadata": {**obj["metadata"], "uid": "3"}}) == ([], text)  # type: ignore[dict-item]
    (difference,), changed = golden(path, {**obj, "spec": {}})
    assert (difference.expected, difference.actual["spec"]) == (POD, {})
    assert changed != text


def test_a_golden_file_that_can_not_be_read_is_a_difference(tmp_path: Path) -> None:
    path = tmp_path / "golden.yaml"
    path.write_text("a: [")
    (difference,), _ = golden(path, POD)
    assert f"{path}:2:1: it is no YAML" in difference.expected
