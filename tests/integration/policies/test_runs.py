"""Whole runs: several suites and versions, in one process or more, again whenever a file changes."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from policies.lab import pool
from policies.lab.asking import SuiteInChain, Verdict
from policies.lab.results import BROKEN, FAILED, PASSED, SKIPPED, RunResult
from policies.lab.run import RunOptions
from policies.lab.suite import Case
from policies.lab.watch import watch
from policies.lab.worker import Chains
from tests.integration.policies.suites import CONFIG, FOLDER, result, states, written, wrong

WORLD = {"namespaces": {"team-a": {"tier": "shared"}}}


def creates(name: str, allowed: bool = True, **more: Any) -> dict[str, Any]:
    return {"name": name, "object": CONFIG, "expect": {"allowed": allowed}, **more}


def many(count: int) -> list[dict[str, Any]]:
    """Of all states, with what is made up in each: names, revisions, messages."""
    expected = ({"allowed": True}, {"allowed": False}, {"allowed": True, "object": {"data": {"a": "b"}}})
    return [creates(f"case {number}", expect=expected[number % 3]) for number in range(count)]


def told(result: RunResult) -> list[Any]:
    """All but how long it took."""
    return [[suite.suite.name, suite.version, [wrong(case) for case in suite.cases], suite.broken] for suite in result.suites]


def test_in_several_processes_comes_the_same_in_the_same_order(chains: Chains, tmp_path: Path) -> None:
    first = written(tmp_path, "first.suite.json", world=WORLD, cases=many(150))
    chain = FOLDER / "chain.suite.yaml"
    alone = result(chains, first, chain, coverage=True)
    together = result(chains, first, chain, coverage=True, jobs=4)
    assert told(alone) == told(together)
    assert alone.coverage == together.coverage
    assert [alone.count(state) for state in (PASSED, FAILED, BROKEN)] == [50 + 41, 100, 0]
    assert told(result(chains, first, chain)) == told(alone), "and the same once more"


def test_one_world_is_nothing_to_another(chains: Chains, tmp_path: Path) -> None:
    thing = {**CONFIG, "metadata": {"name": "thing", "namespace": "team-a"}}
    reads = {"verb": "get", "resource": "configmaps", "resourceName": "thing", "namespace": "team-a"}
    absent = {"expect": {"allowed": False, "code": 404}, **reads}
    cases = [
        {"name": "before", **absent},
        {"name": "made", "object": thing, "expect": {"allowed": True}},
        {"name": "after", **absent},
        {"name": "own", "world": {"objects": [thing]}, "expect": {"allowed": True}, **reads},
        {"name": "after its own", **absent},
        {"name": "own that can not be", "world": {"objects": [thing, {**thing, "dat": {}}]}, "expect": {"allowed": True}, **reads},
        {"name": "after that", **absent},
    ]
    first = written(tmp_path, "first.suite.json", world=WORLD, cases=cases)
    second = written(
        tmp_path, "second.suite.json", world={**WORLD, "objects": [thing]}, cases=[{"name": "there", "expect": {"allowed": True}, **reads}]
    )
    found = states(result(chains, first, second, first))
    assert {name: state for name, state in found.items() if state != PASSED} == {"first/own that can not be": BROKEN}


def test_a_suite_that_is_broken_hides_no_other(chains: Chains, tmp_path: Path) -> None:
    good = written(tmp_path, "good.suite.json", world=WORLD, cases=[creates("c")])
    typo = written(tmp_path, "typo.suite.json", world=WORLD, cases=[creates("c")], csaes=[])
    world = written(tmp_path, "world.suite.json", world={"objects": [{**CONFIG, "dat": {}}]}, cases=[creates("c")])
    options = written(tmp_path, "options.suite.json", options={"enableAdmissionPlugins": ["Nope"]}, cases=[creates("c")])
    found = result(chains, typo, world, options, good, tmp_path / "none")
    assert states(found) == {"world/c": SKIPPED, "options/c": SKIPPED, "good/c": PASSED}
    assert [bool(each.broken) for each in found.suites] == [True, True, False]
    why = 'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: unknown field "dat"'
    assert found.suites[0].broken == f"{world}:1:37: world.objects[0]: {why}"
    assert found.suites[1].broken == f'{options}:1:29: options: enable-admission-plugins plugin "Nope" is unknown'
    assert [str(each).partition(": ")[2] for each in found.broken] == [
        "there is no suite: it is a file, a pattern, or a folder with suite.yaml, *.suite.yaml, *-suite.yaml",
        'csaes: unknown field, did you mean "cases"?',
    ]
    assert found.exit_code == 2


def test_cases_that_can_not_be_asked_are_broken_and_say_why(chains: Chains, tmp_path: Path) -> None:
    cases = [
        creates("kind", object={**CONFIG, "kind": "Confg"}),
        creates("resource", verb="list", resource="confgs"),
        creates("name", verb="get", object={"apiVersion": "v1", "kind": "ConfigMap"}),
        creates("old", old={**CONFIG, "metadata": {"name": "UPPER"}}),
    ]
    found = {each.case.name: each.why for each in result(chains, written(tmp_path, world=WORLD, cases=cases)).cases()}
    assert found["kind"] == 'Kubernetes 1.36 serves no kind "Confg" of "v1": name a resource, if it is not what is asked for'
    assert found["resource"] == 'Kubernetes 1.36 serves no resource "confgs": write it as "deployments.apps" or "deployments.v1.apps"'
    assert found["name"] == "get needs a name: write resourceName"
    assert re.search(r'suite.json:1:\d+: cases\[3\].old: ConfigMap "UPPER" is invalid: metadata.name', found["old"])


def test_every_version_is_a_run_of_its_own(chains: Chains, tmp_path: Path) -> None:
    policy = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingAdmissionPolicy", "metadata": {"name": "p"}}
    policy["spec"] = {
        "reinvocationPolicy": "Never",
        "matchConstraints": {
            "resourceRules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}]
        },
        "mutations": [{"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": "Object{}"}}],
    }
    case = {"name": "c", "object": policy, "expect": {"allowed": True}}
    path = written(tmp_path, kubernetesVersions=["1.34", "1.36"], cases=[case])
    found = result(chains, path)
    assert [each.version for each in found.suites] == ["1.34", "1.36"]
    assert [wrong(case)[0] for case in found.cases()] == [BROKEN, PASSED], "the kind is served in the later one alone"
    assert [each.version for each in result(chains, path, versions=("1.36",)).suites] == ["1.36"]


@pytest.mark.parametrize(
    ("suite", "options", "told"),
    [
        ({"kubernetesVersions": ["1.19"]}, (), '1:24: kubernetesVersions[0]: no schemas of Kubernetes "1.19": choose one of 1.25'),
        ({}, ("1.19",), '--kubernetes-version: no schemas of Kubernetes "1.19"'),
    ],
)
def test_a_version_that_there_is_none_of(
    chains: Chains, tmp_path: Path, suite: dict[str, Any], options: tuple[str, ...], told: str
) -> None:
    path = tmp_path / "suite.json"
    path.write_bytes(orjson.dumps({**suite, "name": "s", "cases": [creates("c")]}))
    (found,) = result(chains, path, versions=options).suites
    assert told in found.broken


def test_a_part_may_be_run(chains: Chains, tmp_path: Path) -> None:
    first = written(tmp_path, "first.suite.json", world=WORLD, cases=[creates("one"), creates("two")])
    second = written(tmp_path, "second.suite.json", world=WORLD, cases=[creates("one")])
    assert states(result(chains, first, second, select=re.compile("first/.*o$"))) == {"first/two": PASSED}
    nothing = result(chains, first, second, select=re.compile("three"))
    assert (states(nothing), [str(each) for each in nothing.broken]) == ({}, ['--run: "three" is found in the name of no case'])


def test_once_something_has_failed_nothing_new_begins_if_that_is_asked_for(chains: Chains, tmp_path: Path) -> None:
    first = written(tmp_path, "first.suite.json", world=WORLD, cases=[creates("one", allowed=False), creates("two")])
    second = written(tmp_path, "second.suite.json", world=WORLD, cases=[creates("one")])
    assert list(states(result(chains, first, second, fail_fast=True)).values()) == [FAILED, SKIPPED, SKIPPED]


def test_golden_files_are_written_where_that_is_asked_for_alone(chains: Chains, tmp_path: Path) -> None:
    golden = tmp_path / "golden" / "c.yaml"
    cases = [
        creates("c", expect={"allowed": True, "golden": "golden/c.yaml"}),
        creates("d", expect={"allowed": True, "code": 403, "golden": "golden/d.yaml"}),
    ]
    path = written(tmp_path, world=WORLD, cases=cases)
    assert list(states(result(chains, path)).values()) == [FAILED, FAILED]
    assert not golden.exists()
    updated = result(chains, path, update=True)
    assert list(states(updated).values()) == [PASSED, FAILED], "what else is wrong stays so"
    assert updated.updated == [str(golden), str(golden.with_name("d.yaml"))]
    assert golden.read_text() == "---\nkind: ConfigMap\napiVersion: v1\nmetadata:\n  name: c\n  namespace: team-a\n"
    before = golden.stat().st_mtime_ns
    again = result(chains, path, update=True)
    assert (again.updated, golden.stat().st_mtime_ns) == ([], before)
    golden.write_text(golden.read_text().replace("name: c", "name: other"))
    (failed, _) = result(chains, path).cases()
    assert failed.state == FAILED


def test_coverage_is_of_all_suites_together(chains: Chains, tmp_path: Path) -> None:
    policies = [str(FOLDER / "roles.yaml")]
    asks = {"verb": "list", "resource": "pods", "namespace": "team-a", "as": {"user": "jane", "groups": ["dev"]}}
    first = written(
        tmp_path, "first.suite.json", policies=policies, world=WORLD, cases=[{"name": "c", "expect": {"allowed": True}, **asks}]
    )
    second = written(
        tmp_path,
        "second.suite.json",
        policies=policies,
        world=WORLD,
        cases=[{"name": "c", "expect": {"allowed": False}, **asks, "as": {"user": "x"}}],
    )
    found = result(chains, first, second, threshold=60.0)
    assert found.coverage is not None
    left = {" ".join([*each.part.subject, each.part.part]).strip() for each in found.coverage.items if not each.covered}
    assert left == {
        "ClusterRole part rules[1]",
        "ClusterRole impersonator",
        "ClusterRole impersonator rules[0]",
        "ClusterRoleBinding impersonator",
    }
    assert (found.coverage.percent, found.exit_code) == (50.0, 1)
    assert result(chains, first, second, threshold=50.0).exit_code == 0


# workers


@pytest.fixture
def dying(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cases do in their worker what their names say."""
    judge: Callable[[SuiteInChain, Case], Verdict] = SuiteInChain.judge

    def judged(place: SuiteInChain, case: Case) -> Verdict:
        if case.name == "ends":
            os._exit(3)
        if case.name == "hangs":
            time.sleep(60)
        if case.name == "raises":
            raise RuntimeError("so")
        return judge(place, case)

    monkeypatch.setattr(SuiteInChain, "judge", judged)
    monkeypatch.setattr(pool, "CASE_SECONDS", 0.5)
    monkeypatch.setattr(pool, "_LOOK_SECONDS", 0.1)


@pytest.mark.usefixtures("dying")
@pytest.mark.parametrize("jobs", [1, 3])
def test_a_case_that_ends_its_process_or_hangs_is_broken_and_no_other(chains: Chains, tmp_path: Path, jobs: int) -> None:
    cases = [creates("first"), creates("ends"), creates("between"), creates("hangs"), creates("raises"), creates("last")]
    path = written(tmp_path, world=WORLD, cases=cases)
    found = {each.case.name: [each.state, each.why] for each in result(chains, path, path, jobs=jobs).cases()}
    assert [name for name, (state, _) in found.items() if state == PASSED] == ["first", "between", "last"]
    assert found["ends"] == [BROKEN, "its process ended with code 3"]
    assert found["hangs"] == [BROKEN, "it did not end within 0 s"]
    assert found["raises"] == [BROKEN, "the case could not be run: RuntimeError: so"]


# again, when a file changes


def watched(steps: Iterator[None], *paths: Path) -> list[RunResult]:
    """What was reported: a step is taken whenever nothing has changed."""
    found: list[RunResult] = []
    watch(RunOptions(tuple(map(str, paths)), jobs=1), found.append, lambda: next(steps, False) is not False)
    return found


def test_suites_are_run_again_whenever_what_they_are_made_of_changes(tmp_path: Path) -> None:
    policy = tmp_path / "packs" / "one" / "policy.yaml"
    policy.parent.mkdir(parents=True)
    text = (FOLDER / "replicas.yaml").read_text()
    policy.write_text(text)
    suite = written(
        tmp_path,
        "suites/s.suite.json",
        policies=["../packs/*/*.yaml"],
        world=WORLD,
        cases=[creates("c", expect={"allowed": True, "matched": False})],
    )
    other = suite.with_name("other.suite.json")

    def steps() -> Iterator[None]:
        yield  # nothing has changed
        policy.write_text(text.replace("<= 5", "<= 50"))
        yield
        policy.write_text("a: [")
        yield
        policy.write_text(text)
        yield
        (policy.parent.with_name("two")).mkdir()
        yield
        (policy.parent.with_name("two") / "new.yaml").write_text("wrong")
        yield
        (policy.parent.with_name("two") / "new.yaml").unlink()
        yield
        other.write_bytes(suite.read_bytes().replace(b'"s"', b'"other"'))
        yield
        suite.unlink()
        yield

    found = watched(steps(), suite.parent)
    assert [(len(each.suites), each.exit_code) for each in found] == [
        (1, 0),
        (1, 0),
        (0, 2),
        (1, 0),
        (1, 0),
        (0, 2),
        (1, 0),
        (2, 0),
        (1, 0),
    ]
