"""What docs/policies.md shows is accepted, and does what it says."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from admission.expressions.evaluation import BUDGET, CONDITIONS_BUDGET
from cluster.api.names import GroupVersionKind, GroupVersionResource
from cluster.cel.environment import PER_CALL_LIMIT
from cluster.cel.libraries.authz import CHECK_COST
from tests.support import ROOT
from tests.unit.admission.hooks import objects
from tests.unit.admission.policy.mutations import MutatingWorld
from tests.unit.admission.policy.world import PolicyWorld, created, pod

TEXT = (ROOT / "docs" / "policies.md").read_text()


def shown(example: int) -> list[Any]:
    documents = list(yaml.safe_load_all(re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)[example]))
    for each in documents:
        kind = objects().kind(GroupVersionKind("admissionregistration.k8s.io", "v1", each["kind"]))
        assert kind is not None
        kind.strategy.default(each)
        assert kind.strategy.validate(each) == []
    return documents


@pytest.mark.parametrize(("replicas", "said"), [(3, ""), (4, "at most 3 replicas")])
def test_the_example_of_a_validating_policy(replicas: int, said: str) -> None:
    policy, binding = shown(0)
    world = PolicyWorld(policy, binding)
    world.namespace("dev", tier="shared")
    world.config_map("dev", "limits", most="3")
    attributes = created({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": {"replicas": replicas}})
    attributes.resource = GroupVersionResource("apps", "v1", "deployments")
    attributes.kind = GroupVersionKind("apps", "v1", "Deployment")
    assert world.says(attributes).endswith(said)
    assert bool(world.says(attributes)) is bool(said)


def test_the_example_of_a_mutating_policy() -> None:
    world = MutatingWorld(*shown(1))
    attributes = created(pod(labels={"app": "web"}))
    assert world.refused(attributes) is None
    assert attributes.object is not None
    assert [each["name"] for each in attributes.object["spec"]["containers"]][1:] == ["proxy"], "it is not added twice"
    assert attributes.object["metadata"]["labels"] == {"app": "web", "example.com/proxied": "true"}


@pytest.mark.parametrize("bound", [BUDGET, CONDITIONS_BUDGET, PER_CALL_LIMIT, CHECK_COST])
def test_what_expressions_may_cost_is_told(bound: int) -> None:
    assert f"{bound:,}" in TEXT
