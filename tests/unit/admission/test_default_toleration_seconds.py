"""Which tolerations of sick nodes a pod gets."""

from __future__ import annotations

import pytest

from admission.attributes import Operation
from admission.plugins.default_toleration_seconds import DefaultTolerationSeconds
from cluster.api.names import Object
from tests.unit.admission.writes import write


def added(key: str, seconds: int) -> Object:
    return {"key": f"node.kubernetes.io/{key}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": seconds}


NOT_READY, UNREACHABLE = added("not-ready", 5), added("unreachable", 7)
OF_ALL_EFFECTS: Object = {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "tolerationSeconds": 700}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], [NOT_READY, UNREACHABLE]),
        ([{"operator": "Exists"}], [{"operator": "Exists"}]),
        ([{"operator": "Exists", "effect": "NoSchedule"}], [{"operator": "Exists", "effect": "NoSchedule"}, NOT_READY, UNREACHABLE]),
        ([added("not-ready", 1)], [added("not-ready", 1), UNREACHABLE]),
        ([added("unreachable", 1)], [added("unreachable", 1), NOT_READY]),
        ([added("not-ready", 1), added("unreachable", 2)], [added("not-ready", 1), added("unreachable", 2)]),
        ([OF_ALL_EFFECTS], [OF_ALL_EFFECTS, NOT_READY]),
        ([{"operator": "Exists", "tolerationSeconds": 700}], [{"operator": "Exists", "tolerationSeconds": 700}]),
        ([{"key": "other", "effect": "NoExecute"}], [{"key": "other", "effect": "NoExecute"}, NOT_READY, UNREACHABLE]),
    ],
)
def test_a_pod_tolerates_sick_nodes_for_a_while(given: list[Object], expected: list[Object]) -> None:
    pod: Object = {"metadata": {"name": "web"}, "spec": {"tolerations": given}}
    DefaultTolerationSeconds(5, 7).admit(write("CREATE", "pods", pod))
    assert pod["spec"]["tolerations"] == expected


def test_a_subresource_gets_no_tolerations() -> None:
    pod: Object = {"metadata": {"name": "web"}, "spec": {}}
    DefaultTolerationSeconds().admit(write("UPDATE", "pods/status", pod))
    assert pod["spec"] == {}


def test_creates_and_updates_are_looked_at() -> None:
    assert [each for each in Operation if DefaultTolerationSeconds().handles(each)] == [Operation.CREATE, Operation.UPDATE]
