"""The library of policies: each is a folder that is complete and documented, its suite passes, exercises all of it, needs all of it.

The last is found out: each validation and match condition is negated, and each mutation taken out, one at a time; then the suite must fail.
"""

from __future__ import annotations

import copy
import fnmatch
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from msgspec.structs import replace

from cluster.api.names import Object
from policies.lab.asking import SuiteInChain
from policies.lab.documents import read
from policies.lab.manifests import Manifest
from policies.lab.results import FAILED, PASSED, UNMATCHED, RunResult
from policies.lab.run import DEFAULT_VERSION, Loaded, RunOptions, load, run
from policies.lab.suite import Suite
from policies.lab.trace import Judgements
from policies.lab.worker import Chains
from tests.support import ROOT

LIBRARY = ROOT / "policies" / "library"
FOLDERS = sorted({path.parent for path in LIBRARY.glob("*/*/*.yaml")})
TABLE = [line for line in (ROOT / "docs" / "policy-library.md").read_text().splitlines() if line.startswith("| [`")]
KINDS = ("ValidatingAdmissionPolicy", "MutatingAdmissionPolicy")
UNCHANGED: Object = {"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": "Object{}"}}
"""A mutation that changes nothing: a policy can not be without any."""


class Wrong(NamedTuple):
    """A part of a policy that is made wrong."""

    folder: Path
    policy: str
    part: str
    position: int

    def __str__(self) -> str:
        return f"{self.policy}: {self.part}[{self.position}]"

    def made(self, manifest: Manifest) -> Manifest:
        """The policy with it; any other object as it is."""
        if manifest.name != self.policy or manifest.object["kind"] not in KINDS:
            return manifest
        changed = copy.deepcopy(manifest.object)
        parts = changed["spec"][self.part]
        parts[self.position] = (
            UNCHANGED
            if self.part == "mutations"
            else {**parts[self.position], "expression": f"!({parts[self.position]['expression'].strip()})"}
        )
        return replace(manifest, object=changed)


def policies(folder: Path) -> list[Object]:
    return [each.value for each in read(folder / "policy.yaml") if each.value["kind"] in KINDS]


def wrongs() -> Iterator[Wrong]:
    for folder in FOLDERS:
        for policy in policies(folder):
            for part in ("matchConditions", "validations", "mutations"):
                for position, _ in enumerate(policy["spec"].get(part) or ()):
                    yield Wrong(folder, policy["metadata"]["name"], part, position)


def named(folder: Path) -> str:
    return str(folder.relative_to(LIBRARY))


@pytest.fixture(scope="module")
def loaded() -> Loaded:
    return load([str(LIBRARY)])


@pytest.fixture(scope="module")
def chains() -> Chains:
    return Chains()


@pytest.fixture(scope="module")
def result(chains: Chains, loaded: Loaded) -> RunResult:
    return run(RunOptions((str(LIBRARY),), coverage=True, threshold=100), chains, loaded)


def suite_of(folder: Path, loaded: Loaded) -> Suite:
    return next(suite for suite in loaded.suites if Path(suite.file).parent == folder)


@pytest.mark.parametrize("folder", FOLDERS, ids=named)
def test_a_policy_is_a_folder_with_its_suite_and_samples_and_is_documented(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == {"policy.yaml", "suite.yaml", "samples"}
    assert list(folder.glob("samples/*.yaml"))
    rows = [row for row in TABLE if row.startswith(f"| [`{folder.name}`](../policies/library/{named(folder)}/policy.yaml) |")]
    assert len(rows) == 1, "docs/policy-library.md has a row for it"
    parameterized = any(each["spec"].get("paramKind") for each in policies(folder))
    assert rows[0].rstrip().endswith("| none |") != parameterized, "the row says what its parameters are"


@pytest.mark.parametrize("folder", FOLDERS, ids=named)
def test_every_policy_of_a_folder_is_bound_and_denies_what_it_forbids(folder: Path) -> None:
    found = [each.value for each in read(folder / "policy.yaml")]
    bindings = [each["spec"] for each in found if each["kind"].endswith("PolicyBinding")]
    assert {binding["policyName"] for binding in bindings} == {policy["metadata"]["name"] for policy in policies(folder)}
    for policy in policies(folder):
        spec, own = policy["spec"], [binding for binding in bindings if binding["policyName"] == policy["metadata"]["name"]]
        assert spec["failurePolicy"] == "Fail"
        assert policy["kind"].startswith("Mutating") or ["Deny"] in [binding["validationActions"] for binding in own]
        assert all(("paramKind" in spec) == ("paramRef" in binding) for binding in own)
        for validation in spec.get("validations") or ():
            assert validation["message"], "what is told where messageExpression makes nothing"


def _references(value: Any) -> Iterator[str]:
    """The files that a suite's document names, wherever in it."""
    if isinstance(value, list):
        for each in value:
            yield from _references(each)
    elif isinstance(value, dict):
        for key, each in value.items():
            if key == "file" and isinstance(each, str):
                yield each
            elif key in ("files", "policies") and isinstance(each, list):
                yield from each
            else:
                yield from _references(each)


@pytest.mark.parametrize("folder", FOLDERS, ids=named)
def test_every_sample_is_in_a_case(folder: Path) -> None:
    references = [each for document in read(folder / "suite.yaml") for each in _references(document.value)]
    for path in sorted(folder.glob("samples/*")):
        file = f"samples/{path.name}"
        for document in read(path):
            kind, name = document.value["kind"], document.value["metadata"]["name"]
            ways = (file, f"{file}#{name}", f"{file}#{kind}/{name}")
            assert any(fnmatch.fnmatch(way, each) for way in ways for each in references), (
                f"{file} has {kind} {name}, which no case is about"
            )


@pytest.mark.parametrize("folder", FOLDERS, ids=named)
def test_the_suite_of_a_policy_passes(folder: Path, loaded: Loaded, result: RunResult) -> None:
    assert not loaded.broken
    own = [suite for suite in result.suites if Path(suite.suite.file).parent == folder]
    assert own
    assert [suite.broken for suite in own if suite.broken] == []
    assert [(case.case.name, case.why, case.differences) for suite in own for case in suite.cases if case.state != PASSED] == []


def test_the_suites_exercise_all_of_the_library(result: RunResult) -> None:
    assert result.coverage is not None
    assert [(item.part.subject.name, item.part.part, item.why) for item in result.coverage.items if not item.covered] == []
    tested = {item.part.subject.name for item in result.coverage.items}
    assert tested >= {policy["metadata"]["name"] for folder in FOLDERS for policy in policies(folder)}
    assert result.exit_code == 0


PARAMETERIZED = [folder for folder in FOLDERS if any(policy["spec"].get("paramKind") for policy in policies(folder))]


@pytest.mark.parametrize("folder", PARAMETERIZED, ids=named)
def test_without_its_parameter_a_policy_allows_nothing(folder: Path, loaded: Loaded, chains: Chains) -> None:
    suite = suite_of(folder, loaded)
    without = replace(suite, world=tuple(each for each in suite.world if each.object["kind"] != "ConfigMap"))
    allowed = next(case for case in suite.cases if case.expect.allowed)
    place = SuiteInChain(without, *chains.of(DEFAULT_VERSION, suite.options))
    try:
        with place.asked(allowed, Judgements()) as asked:
            assert "no params found for policy binding with `Deny` parameterNotFoundAction" in asked.outcome.message
    finally:
        place.leave()


@pytest.mark.parametrize("wrong", list(wrongs()), ids=str)
def test_a_suite_fails_where_an_expression_is_negated(wrong: Wrong, loaded: Loaded, chains: Chains) -> None:
    suite = suite_of(wrong.folder, loaded)
    changed = replace(suite, policies=tuple(wrong.made(each) for each in suite.policies))
    assert changed.policies != suite.policies
    version = next(iter(suite.versions), DEFAULT_VERSION)
    place = SuiteInChain(changed, *chains.of(version, suite.options))
    try:
        states = (place.judge(case).state for case in suite.cases)
        assert next((state for state in states if state != PASSED), PASSED) in (FAILED, UNMATCHED)
    finally:
        place.leave()
