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
from tests.unit.admission.policy.world import PolicyWorld, created

TEXT = (ROOT / "docs" / "policies.md").read_text()


def shown() -> list[Any]:
    found = re.search(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    assert found is not None
    documents = list(yaml.safe_load_all(found[1]))
    for each in documents:
        kind = objects().kind(GroupVersionKind("admissionregistration.k8s.io", "v1", each["kind"]))
        assert kind is not None
        kind.strategy.default(each)
        assert kind.strategy.validate(each) == []
    return documents


@pytest.mark.parametrize(("replicas", "said"), [(3, ""), (4, "at most 3 replicas")])
def test_the_example(replicas: int, said: str) -> None:
    policy, binding = shown()
    world = PolicyWorld(policy, binding)
    world.namespace("dev", tier="shared")
    world.config_map("dev", "limits", most="3")
    attributes = created({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}, "spec": {"replicas": replicas}})
    attributes.resource = GroupVersionResource("apps", "v1", "deployments")
    attributes.kind = GroupVersionKind("apps", "v1", "Deployment")
    assert world.says(attributes).endswith(said)
    assert bool(world.says(attributes)) is bool(said)


@pytest.mark.parametrize("bound", [BUDGET, CONDITIONS_BUDGET, PER_CALL_LIMIT, CHECK_COST])
def test_what_expressions_may_cost_is_told(bound: int) -> None:
    assert f"{bound:,}" in TEXT
