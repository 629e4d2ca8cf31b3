"""Policies and bindings come and go; what has changed counts at once, and nothing else is compiled anew."""

from __future__ import annotations

import copy
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any

import pytest

from admission.policy.validating import SORT
from cluster.cel.environment import Program
from cluster.schema.admission_expressions import Composition
from tests.support import ROOT
from tests.unit.admission.hooks import rule
from tests.unit.admission.policy.world import PolicyWorld, binding, created, pod, policy
from tests.unit.admission.writes import write

NO = "failed expression: false"


def test_a_policy_counts_with_a_binding_alone() -> None:
    world = PolicyWorld()
    assert world.says() == ""
    world.give(policy("p", "false"))
    assert world.says() == ""
    world.give(binding("b", "other"))
    assert world.says() == ""
    world.give(binding("b", "p"))
    assert world.says() == NO
    world.delete(SORT.policies, "", "p")
    assert world.says() == ""
    world.give(policy("p", "false"))
    assert world.says() == NO
    world.delete(SORT.bindings, "", "b")
    assert world.says() == ""


def test_what_is_changed_counts_at_once() -> None:
    world = PolicyWorld(policy("p", "false"), binding("b", "p"))
    assert world.says() == NO
    world.give(policy("p", "true"))
    assert world.says() == ""
    world.give(policy("p", "false", rules=[rule(resources="services")]))
    assert world.says() == ""
    world.give(policy("p", "1 == 2"))
    assert world.says() == "failed expression: 1 == 2"
    world.give(binding("b", "p", "Audit"))
    assert world.says() == ""


def test_policies_are_compiled_once_and_only_when_they_are_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[str] = []
    compile_one = Composition.compile

    def noted(self: Composition, text: str, *more: object) -> object:
        compiled.append(text)
        return compile_one(self, text, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(Composition, "compile", noted)
    a, b = policy("a", "1 == 1"), policy("b", "2 == 2")
    world = PolicyWorld(a, b, binding("a", "a"), binding("b", "b"))
    world.says(write("CREATE", "configmaps", {"metadata": {"name": "c"}}, namespace="dev"))
    assert compiled == []
    for _ in range(3):
        world.says()
    assert compiled == ["1 == 1", "2 == 2"]
    world.give({**copy.deepcopy(a), "status": {"observedGeneration": 1}}, binding("c", "a"))
    world.says()
    assert compiled == ["1 == 1", "2 == 2"]
    world.give(policy("b", "3 == 3"))
    world.says()
    assert compiled == ["1 == 1", "2 == 2", "3 == 3"]


@pytest.mark.parametrize(
    ("rules", "most"), [(rule("CREATE", "pods", "", "v1"), 30e-3), (rule("CREATE", "services", "", "v1"), 3e-3)], ids=["matching", "other"]
)
def test_a_hundred_policies_cost_little(rules: dict[str, object], most: float) -> None:
    """Ten times what they may cost at most on an idle machine, of which tests have none."""
    expression = "object.spec.containers.all(c, c.image.startsWith('registry/') && c.name != 'x')"
    names = [f"p{number}" for number in range(100)]
    world = PolicyWorld(*(policy(name, expression, rules=[rules]) for name in names), *(binding(name, name) for name in names))
    attributes = created()
    world.plugin.validate(attributes)
    best = 1.0
    for _ in range(5):
        began = time.process_time()
        world.plugin.validate(attributes)
        best = min(best, time.process_time() - began)
    assert best < most


def test_a_namespace_is_read_once_for_a_write(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = {"namespaceSelector": {"matchLabels": {"team": "shop"}}}
    names = [f"p{number}" for number in range(5)]
    given = [policy(name, "namespaceObject.metadata.name == 'dev'", constraints=shop) for name in names]
    world = PolicyWorld(*given, *(binding(name, name, resources=shop) for name in names))
    reads: list[str] = []
    read = world.get
    monkeypatch.setattr(world, "get", lambda resource, namespace, name: reads.append(name) or read(resource, namespace, name))
    assert world.says() == ""
    assert reads == ["dev"]


def test_a_server_without_policies_loads_no_expressions() -> None:
    program = "import sys, cluster.assembly.core; print([name for name in sys.modules if name.startswith('cluster.cel')])"
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert run.stdout == "[]\n"


def test_what_several_policies_have_is_compiled_once_and_evaluated_once_for_a_write(monkeypatch: pytest.MonkeyPatch) -> None:
    evaluated: list[str] = []
    attempt = Program.attempt

    def noted(self: Program, values: Mapping[str, Any], limit: int) -> tuple[Any, ...]:
        evaluated.append(str(sorted(self.variables)))
        return attempt(self, values, limit)

    monkeypatch.setattr(Program, "attempt", noted)
    same = "object.metadata.name == 'web'"
    variables = [{"name": "name", "expression": "object.metadata.name"}]
    conditions = [{"name": "c", "expression": same}]
    of_its_own = [{**variables[0], "expression": "'other'"}]
    world = PolicyWorld(
        policy("a", same, "variables.name == 'web'", variables=variables, matchConditions=conditions),
        policy("b", same, "variables.name == 'web'", variables=variables, matchConditions=conditions),
        policy("c", same, "variables.name == 'web'", variables=of_its_own),
        *(binding(name, name) for name in "abc"),
    )
    assert world.says().endswith("'c' with binding 'c' denied request: failed expression: variables.name == 'web'")
    assert sorted(evaluated) == [
        "['object']",  # the condition, which is given other values than validations are
        "['object']",  # the validation
        "['object']",  # the variable of two policies
        *["['variables']"] * 3,
        "[]",  # the variable of the third
    ]
    evaluated.clear()
    assert world.says(created(pod("shop"))).endswith(f"failed expression: {same}")  # of the third, which has no condition
    assert evaluated.count("['object']") == 2
