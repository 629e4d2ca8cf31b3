"""Updates, through the main resource and through subresources: what may change, what is refused, when generation goes up."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from cluster.api.names import Object
from cluster.kinds.core.pod_difference import difference
from tests.unit.kinds.workloads.world import UID, load, pod, strategy

RECORDED = load("updates.yaml")


def _merged(old: Any, change: Any) -> Any:
    """RFC 7386."""
    if not isinstance(change, dict):
        return copy.deepcopy(change)
    merged = dict(old) if isinstance(old, dict) else {}
    for name, value in change.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = _merged(merged.get(name), value)
    return merged


def _update(row: Object) -> tuple[Object, Object, list[str]]:
    """(old, new as it would be stored, messages), in the registry's order."""
    old = copy.deepcopy(RECORDED["bases"][row["base"]])
    obj, kind = _merged(old, row["change"]), strategy(old["kind"])
    kind.default(obj)
    obj["metadata"]["uid"] = UID
    if row.get("subresource"):
        part = kind.subresources[row["subresource"]]
        part.prepare_for_update(obj, old)
        errors = part.validate_update(obj, old)
    else:
        obj["status"] = old.get("status", {})
        kind.prepare_for_update(obj, old)
        errors = kind.validate_update(obj, old)
    return old, obj, [str(error) for error in errors]


@pytest.mark.parametrize("row", RECORDED["updates"], ids=[f"{row['base']} {row['name']}" for row in RECORDED["updates"]])
def test_an_update_is_judged_as_kubernetes_judges_it(row: Object) -> None:
    old, obj, errors = _update(row)
    assert sorted({error.partition("\n")[0] for error in errors}) == sorted(set(row.get("causes", [])))
    if "generation" in row:
        changed = old.get("spec") != obj.get("spec") and row.get("subresource") != "status"
        generation = old["metadata"]["generation"] + 1 if changed else obj["metadata"]["generation"]
        assert generation == row["generation"]


def test_a_refused_change_is_shown() -> None:
    old = pod(nodeName="a")
    new = pod(nodeName="b")
    for each in (old, new):
        strategy("Pod").default(each)
    [error] = strategy("Pod").validate_update(new, old)
    assert '- "nodeName": "a",\n+ "nodeName": "b",\n' in error.detail


def test_a_difference_has_no_header() -> None:
    assert difference({"a": 1}, {"a": 2}) == '@@ -1,3 +1,3 @@\n {\n- "a": 1\n+ "a": 2\n }\n'


def test_a_status_update_keeps_what_a_kubelet_leaves_out() -> None:
    old = pod() | {"status": {"qosClass": "Burstable", "observedGeneration": 3, "conditions": [{"type": "Ready", "observedGeneration": 2}]}}
    old["metadata"] = {"name": "p", "ownerReferences": [{"name": "o"}], "deletionTimestamp": "2026-01-01T00:00:00Z"}
    new = pod(nodeName="elsewhere") | {"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}}
    strategy("Pod").subresources["status"].prepare_for_update(new, old)
    assert new["spec"] == old["spec"]
    assert new["metadata"] == old["metadata"]
    assert new["status"] == {
        "phase": "Running",
        "qosClass": "Burstable",
        "observedGeneration": 3,
        "conditions": [{"type": "Ready", "status": "True", "observedGeneration": 2}],
    }


@pytest.mark.parametrize(
    ("spec", "phase", "asked", "wanted"),
    [
        ({"nodeName": "n", "terminationGracePeriodSeconds": 30}, "Running", None, 30),
        ({"nodeName": "n", "terminationGracePeriodSeconds": 30}, "Running", 5, 5),
        ({"nodeName": "n", "terminationGracePeriodSeconds": 30}, "Running", 0, 0),
        ({"nodeName": "n", "terminationGracePeriodSeconds": 30}, "Running", -1, 1),
        ({"nodeName": "n"}, "Running", None, 0),
        ({"terminationGracePeriodSeconds": 30}, "Pending", None, 0),
        ({"nodeName": "n", "terminationGracePeriodSeconds": 30}, "Succeeded", None, 0),
        ({"nodeName": "n", "terminationGracePeriodSeconds": 30}, "Failed", 10, 0),
    ],
)
def test_the_grace_period_of_a_deletion(spec: Object, phase: str, asked: int | None, wanted: int) -> None:
    grace_period = strategy("Pod").grace_period
    assert grace_period is not None
    assert grace_period({"spec": spec, "status": {"phase": phase}}, asked) == wanted
