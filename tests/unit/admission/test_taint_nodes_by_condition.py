"""The taint that a new node has."""

from __future__ import annotations

import pytest

from admission.attributes import Operation
from admission.plugins.taint_nodes_by_condition import TaintNodesByCondition
from cluster.api.names import Object
from tests.unit.admission.writes import write

ADDED = {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}
OWN = {"key": "dedicated", "value": "db", "effect": "NoSchedule"}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], [ADDED]),
        ([OWN], [OWN, ADDED]),
        ([ADDED], [ADDED]),
        ([ADDED | {"value": "x"}, OWN], [ADDED | {"value": "x"}, OWN]),
        ([ADDED | {"effect": "NoExecute"}], [ADDED | {"effect": "NoExecute"}, ADDED]),
    ],
)
def test_a_new_node_is_not_ready(given: list[Object], expected: list[Object]) -> None:
    node: Object = {"metadata": {"name": "n1"}, "spec": {"taints": given} if given else {}}
    TaintNodesByCondition().admit(write("CREATE", "nodes", node))
    assert node["spec"]["taints"] == expected


def test_a_node_without_a_spec_gets_one() -> None:
    node: Object = {"metadata": {"name": "n1"}}
    TaintNodesByCondition().admit(write("CREATE", "nodes", node))
    assert node["spec"] == {"taints": [ADDED]}


def test_other_objects_are_left_alone() -> None:
    pod: Object = {"metadata": {"name": "web"}, "spec": {}}
    TaintNodesByCondition().admit(write("CREATE", "pods", pod))
    assert pod["spec"] == {}


def test_only_creates_are_looked_at() -> None:
    assert [each for each in Operation if TaintNodesByCondition().handles(each)] == [Operation.CREATE]
