"""What of the policies under test was exercised, and what was not."""

from __future__ import annotations

from typing import Any

import pytest

from admission.observer import Judgement
from cluster.api.names import Object
from policies.lab.coverage import Coverage, Recorder, coverage
from policies.lab.documents import Document
from policies.lab.manifests import Manifest
from policies.lab.outcome import Outcome
from policies.lab.results import RunResult
from policies.lab.under_test import Subject, UnderTest, under_test

VAP, MAP = "ValidatingAdmissionPolicy", "MutatingAdmissionPolicy"
HOOKS = "ValidatingAdmissionWebhook"


def of(kind: str, name: str, **fields: Any) -> Object:
    return {"apiVersion": "x/v1", "kind": kind, "metadata": {"name": name}, **fields}


OBJECTS: list[Object] = [
    of(VAP, "p", spec={"matchConditions": [{}], "validations": [{}, {}], "auditAnnotations": [{}], "variables": [{}]}),
    of(f"{VAP}Binding", "b", spec={"policyName": "p"}),
    of(MAP, "m", spec={"mutations": [{}]}),
    of("ValidatingWebhookConfiguration", "w", webhooks=[{"name": "a", "matchConditions": [{}]}]),
    of("ClusterRole", "r", rules=[{}, {}]),
    of("Role", "r", rules=[]),
    of("ClusterRoleBinding", "rb"),
    of("ResourceQuota", "q"),
    of("ConfigMap", "c"),
]
PARTS = [
    (VAP, "p", ""),
    (VAP, "p", "matchConditions[0]"),
    (VAP, "p", "validations[0]"),
    (VAP, "p", "validations[1]"),
    (VAP, "p", "auditAnnotations[0]"),
    (f"{VAP}Binding", "b", ""),
    (MAP, "m", ""),
    (MAP, "m", "mutations[0]"),
    ("ValidatingWebhookConfiguration", "w", "webhooks[0]"),
    ("ValidatingWebhookConfiguration", "w", "webhooks[0].matchConditions[0]"),
    ("ClusterRole", "r", ""),
    ("ClusterRole", "r", "rules[0]"),
    ("ClusterRole", "r", "rules[1]"),
    ("Role", "default/r", ""),
    ("ClusterRoleBinding", "rb", ""),
    ("ResourceQuota", "default/q", ""),
]


@pytest.fixture
def tested() -> UnderTest:
    return under_test(Manifest(each, Document("f.yaml", b"", 0, each)) for each in OBJECTS)


def judged(plugin: str, policy: str, part: str, outcome: str, binding: str = "") -> Judgement:
    return Judgement(plugin, policy, binding, part, outcome)


def missing(tested: UnderTest, *recorders: Recorder) -> dict[tuple[str, str, str], str]:
    found = coverage((tested, each.taken()) for each in recorders)
    return {(*each.part.subject, each.part.part): each.why for each in found.items if not each.covered}


def test_the_parts_of_all_that_can_be_tested_are_known(tested: UnderTest) -> None:
    assert [(*each.subject, each.part) for each in tested.parts] == PARTS
    assert set(missing(tested, Recorder(tested))) == set(PARTS)


ROWS: list[tuple[list[Judgement], bool, dict[tuple[str, str, str], str]]] = [
    (
        [judged(VAP, "p", "validations[0]", "true", "b")],
        True,
        {(VAP, "p", "validations[0]"): "always held", (VAP, "p", "validations[1]"): "never evaluated"},
    ),
    ([judged(VAP, "p", "validations[0]", "false", "b")], True, {(VAP, "p", "validations[0]"): "never held"}),
    (
        [judged(VAP, "p", "matchConditions[0]", "false", "b")],
        False,
        {(VAP, "p", "matchConditions[0]"): "never held", (VAP, "p", ""): "never used", (f"{VAP}Binding", "b", ""): "never used"},
    ),
    ([judged(VAP, "p", "matchConditions[0]", "error", "b")], True, {(VAP, "p", "matchConditions[0]"): "never evaluated"}),
    ([judged(VAP, "other", "validations[0]", "true", "b")], False, {}),
    ([judged(VAP, "p", "matchConstraints", "skipped")], False, {(VAP, "p", ""): "never used"}),
    ([judged(MAP, "m", "mutations[0]", "error")], True, {(MAP, "m", "mutations[0]"): "never used"}),
    ([judged(HOOKS, "w", "webhooks[0]", "skipped")], False, {("ValidatingWebhookConfiguration", "w", "webhooks[0]"): "never used"}),
    ([judged("PodSecurity", "restricted:latest", "privileged", "false")], False, {}),
]


@pytest.mark.parametrize(("judgements", "matched", "left"), ROWS)
def test_what_a_case_leaves_out_is_told(
    tested: UnderTest, judgements: list[Judgement], matched: bool, left: dict[tuple[str, str, str], str]
) -> None:
    recorder = Recorder(tested)
    assert recorder.judged(Outcome(200, judgements=judgements)) is matched
    assert left.items() <= missing(tested, recorder).items()


EXERCISED: list[tuple[list[Judgement], set[tuple[str, str, str]]]] = [
    (
        [judged(VAP, "p", "validations[0]", "true", "b"), judged(VAP, "p", "validations[0]", "false", "b")],
        {(VAP, "p", ""), (VAP, "p", "validations[0]"), (f"{VAP}Binding", "b", "")},
    ),
    ([judged(VAP, "p", "matchConditions[0]", "false"), judged(VAP, "p", "matchConditions[0]", "true")], {(VAP, "p", "matchConditions[0]")}),
    ([judged(VAP, "p", "auditAnnotations[0]", "evaluated")], {(VAP, "p", "auditAnnotations[0]"), (VAP, "p", "")}),
    ([judged(MAP, "m", "mutations[0]", "unchanged")], {(MAP, "m", "mutations[0]"), (MAP, "m", "")}),
    ([judged(MAP, "m", "mutations[0]", "mutated")], {(MAP, "m", "mutations[0]"), (MAP, "m", "")}),
    ([judged(HOOKS, "w", "webhooks[0]", "called")], {("ValidatingWebhookConfiguration", "w", "webhooks[0]")}),
    ([judged(HOOKS, "w", "webhooks[0]", "error")], {("ValidatingWebhookConfiguration", "w", "webhooks[0]")}),
]


@pytest.mark.parametrize(("judgements", "covered"), EXERCISED)
def test_what_cases_exercise(tested: UnderTest, judgements: list[Judgement], covered: set[tuple[str, str, str]]) -> None:
    recorder = Recorder(tested)
    for judgement in judgements:
        recorder.judged(Outcome(200, judgements=[judgement]))
    assert set(PARTS) - set(missing(tested, recorder)) == covered


def test_roles_are_exercised_by_rule_and_quotas_by_use_and_refusal(tested: UnderTest) -> None:
    recorder = Recorder(tested)
    assert recorder.used(Subject("ClusterRole", "r"), "rules[1]")
    assert not recorder.used(Subject("ClusterRole", "unknown"))
    assert recorder.used(Subject("ResourceQuota", "default/q"))
    left = missing(tested, recorder)
    assert ("ClusterRole", "r", "rules[1]") not in left
    assert left["ResourceQuota", "default/q", ""] == "never exceeded"


def test_several_suites_exercise_a_policy_together(tested: UnderTest) -> None:
    first, second = Recorder(tested), Recorder(tested)
    first.judged(Outcome(200, judgements=[judged(VAP, "p", "validations[0]", "true", "b")]))
    second.judged(Outcome(403, judgements=[judged(VAP, "p", "validations[0]", "false", "b")]))
    assert (VAP, "p", "validations[0]") not in missing(tested, first, second)


def test_what_was_taken_is_not_told_again(tested: UnderTest) -> None:
    recorder = Recorder(tested)
    held, failed = (Outcome(200, judgements=[judged(VAP, "p", "validations[0]", how, "b")]) for how in ("true", "false"))
    recorder.judged(held)
    assert recorder.taken()[VAP, "p", "validations[0]"] == {"true"}
    assert recorder.judged(held)
    assert recorder.taken() == {}
    assert recorder.judged(failed)
    assert recorder.taken()[VAP, "p", "validations[0]"] == {"false"}


def test_judgements_without_end_are_not_kept(tested: UnderTest) -> None:
    recorder = Recorder(tested)
    for position in range(4100):
        recorder.judged(Outcome(403, judgements=[Judgement(VAP, "p", "b", "validations[0]", "error", str(position))]))
    recorder.taken()
    assert not recorder._noted
    assert recorder.judged(Outcome(403, judgements=[Judgement(VAP, "p", "b", "validations[0]", "error", "0")]))


@pytest.mark.parametrize(("threshold", "code"), [(None, 0), (0.0, 0), (50.0, 0), (50.1, 1), (100.0, 1)])
def test_too_little_coverage_is_a_failure(tested: UnderTest, threshold: float | None, code: int) -> None:
    recorder = Recorder(under_test(Manifest(each, Document("f.yaml", b"", 0, each)) for each in OBJECTS[2:3]))
    recorder.used(Subject(MAP, "m"))
    half = coverage([(recorder._under_test, recorder.taken())])
    assert half.percent == 50
    assert RunResult([], coverage=half, threshold=threshold).exit_code == code


def test_of_nothing_everything_is_covered() -> None:
    assert Coverage(()).percent == 100
