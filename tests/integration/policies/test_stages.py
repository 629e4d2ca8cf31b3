"""Suites through the whole chain: every stage can deny, and each is told from the others."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from policies.lab.compile import load_suite
from policies.lab.results import RunResult
from policies.lab.run import Chains, Loaded, RunOptions, run

POD: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "web", "namespace": "team-a"},
    "spec": {"containers": [{"name": "c", "image": "nginx"}]},
}
CONFIG: dict[str, Any] = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "team-a"}}
JANE = {"user": "jane", "groups": ["dev"]}
WORLD = {"namespaces": {"team-a": {}, "locked": {"pod-security.kubernetes.io/enforce": "restricted"}}}


def results(chains: Chains, folder: Path, suite: Mapping[str, Any]) -> RunResult:
    path = folder / "suite.yaml"
    path.write_text(yaml.safe_dump({"name": "s", "world": WORLD, **suite}))
    return run(RunOptions((str(path),), jobs=1), chains, Loaded([load_suite(path)]))


def in_locked(obj: dict[str, Any]) -> dict[str, Any]:
    return {**obj, "metadata": {**obj["metadata"], "namespace": "locked"}}


DENIED: list[tuple[str, dict[str, Any]]] = [
    ("rbac", {"as": JANE, "object": CONFIG}),
    ("rbac", {"as": "anonymous", "verb": "list", "resource": "secrets"}),
    ("rbac", {"as": JANE, "verb": "get", "path": "/metrics"}),
    ("decoding", {"object": {**CONFIG, "dat": {}}}),
    ("decoding", {"object": {**CONFIG, "data": 3}}),
    ("admission", {"object": in_locked(POD)}),
    ("admission", {"object": {**CONFIG, "metadata": {"name": "c", "namespace": "nowhere"}}}),
    ("validation", {"object": {**CONFIG, "metadata": {"name": "_", "namespace": "team-a"}}}),
    ("storage", {"object": CONFIG, "old": CONFIG, "verb": "create"}),
    ("storage", {"verb": "delete", "resource": "configmaps", "resourceName": "none", "namespace": "team-a"}),
]


@pytest.mark.parametrize(("stage", "case"), DENIED)
def test_every_stage_denies_and_is_told_from_the_others(chains: Chains, tmp_path: Path, stage: str, case: dict[str, Any]) -> None:
    result = results(chains, tmp_path, {"cases": [{"name": "c", "expect": {"allowed": False, "stage": stage}, **case}]})
    assert [(each.state, each.why, each.differences) for each in result.cases()] == [("passed", "", ())]
