"""ReplicaSets: which pods go, what the status says, what is expected, who is claimed."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from cluster.api.errors import Forbidden, NotFound, StatusError
from cluster.api.names import Object
from cluster.client.cache import Cache
from cluster.controllers.claims import Claims
from cluster.controllers.expectations import Expectations
from cluster.controllers.objects import by_controller
from cluster.controllers.pod_control import pod_from
from cluster.controllers.replica_set import deletion, status
from cluster.controllers.replica_set.controller import ReplicaSetController
from tests.unit.controllers.builders import pod, replica_set

NOW = datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC)
KEY = ("dev", "web-1")


@pytest.mark.parametrize(
    ("goes", "stays"),
    [
        (pod(), pod(node="n1")),
        (pod(node="n1", phase="Pending"), pod(node="n1")),
        (pod(node="n1", ready=False), pod(node="n1")),
        (pod(node="n1", annotations={"controller.kubernetes.io/pod-deletion-cost": "-1"}), pod(node="n1")),
        (pod(node="n1", creationTimestamp="2026-01-01T23:59:00Z"), pod(node="n1", creationTimestamp="2025-01-01T00:00:00Z")),
    ],
    ids=["unassigned", "pending", "not ready", "cheap", "young"],
)
def test_which_pod_goes_first(goes: Object, stays: Object) -> None:
    assert deletion.choose([stays, goes], [], 1, NOW) == [goes]


def test_a_pod_whose_siblings_are_on_the_same_node_goes_first() -> None:
    alone, together, sibling = pod(node="n1"), pod(node="n2"), pod(node="n2")
    assert deletion.choose([alone, together], [alone, together, sibling], 1, NOW) == [together]


def test_status_counts_ready_available_and_terminating_pods() -> None:
    pods = [pod(), pod(ready=False), pod(labels={"app": "other"})]
    made = status.calculate(replica_set("web-1", 3), pods, [pod()], None, NOW)
    assert made == {
        "replicas": 3,
        "fullyLabeledReplicas": 2,
        "readyReplicas": 2,
        "availableReplicas": 2,
        "terminatingReplicas": 1,
        "observedGeneration": 1,
    }


def test_a_pod_that_became_ready_just_now_is_not_yet_available() -> None:
    own = replica_set("web-1", 1)
    own["spec"]["minReadySeconds"] = 10
    at = datetime.datetime(2026, 1, 1, 0, 0, 5, tzinfo=datetime.UTC)
    assert "availableReplicas" not in status.calculate(own, [pod()], [], None, at)


@pytest.mark.parametrize(("pods", "reason"), [([], "FailedCreate"), ([pod(), pod()], "FailedDelete")])
def test_a_failure_becomes_a_condition(pods: list[Object], reason: str) -> None:
    (found,) = status.calculate(replica_set("web-1", 1), pods, [], "quota", NOW)["conditions"]
    assert (found["type"], found["status"], found["reason"], found["message"]) == ("ReplicaFailure", "True", reason, "quota")


def test_expectations_are_met_one_by_one_or_forgotten_in_time() -> None:
    now = [0.0]
    expectations = Expectations(lambda: now[0])
    expectations.expect_creations(KEY, 2)
    expectations.created(KEY)
    assert not expectations.satisfied(KEY)
    expectations.created(KEY)
    assert expectations.satisfied(KEY)
    expectations.expect_deletions(KEY, ["a"])
    expectations.deleted(KEY, "b")
    assert not expectations.satisfied(KEY)
    now[0] = 301
    assert expectations.satisfied(KEY)


def test_a_pod_is_made_as_the_template_says() -> None:
    own = replica_set("web-1", 1)
    own["spec"]["template"]["metadata"]["annotations"] = {"a": "b"}
    made = pod_from(own["spec"]["template"], "web-1", {"uid": "u"})
    assert made["metadata"] == {
        "generateName": "web-1-",
        "labels": {"app": "web"},
        "annotations": {"a": "b"},
        "ownerReferences": [{"uid": "u"}],
    }


class Patches:
    def __init__(self, owner: Object, **fresh: Any) -> None:
        self.made: list[tuple[str, Object]] = []
        latest = {**owner, "metadata": owner["metadata"] | fresh}
        self.claims = Claims(owner, "apps/v1", "ReplicaSet", fresh=lambda: latest, patch=self._patch)

    def _patch(self, obj: Object, change: Object) -> None:
        self.made.append((obj["metadata"]["name"], change))


def test_an_orphan_that_matches_is_adopted() -> None:
    patches = Patches(replica_set("web-1", 1))
    orphan = pod("orphan")
    assert patches.claims.claim([orphan]) == [orphan]
    name, change = patches.made[0]
    assert name == "orphan"
    assert change["metadata"]["ownerReferences"][0] | {"x": 1} == {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "name": "web-1",
        "uid": "uid-web-1",
        "controller": True,
        "blockOwnerDeletion": True,
        "x": 1,
    }


@pytest.mark.parametrize("fresh", [{"deletionTimestamp": "2026-01-01T00:00:00Z"}, {"uid": "other"}])
def test_an_owner_that_was_deleted_meanwhile_adopts_nothing(fresh: dict[str, str]) -> None:
    patches = Patches(replica_set("web-1", 1), **fresh)
    assert (patches.claims.claim([pod()]), patches.made) == ([], [])


def test_a_pod_that_no_longer_matches_is_released() -> None:
    patches = Patches(replica_set("web-1", 1))
    assert patches.claims.claim([pod("gone", owner="web-1", labels={"app": "debug"})]) == []
    assert patches.made == [("gone", {"metadata": {"uid": "uid-gone", "ownerReferences": [{"$patch": "delete", "uid": "uid-web-1"}]}})]


def test_pods_of_others_are_left_alone() -> None:
    patches = Patches(replica_set("web-1", 1))
    assert (patches.claims.claim([pod(owner="web-2")]), patches.made) == ([], [])


class FakeControl:
    """Counts what is asked, and fails when told to."""

    def __init__(self, failure: StatusError | None = None) -> None:
        self.created, self.deleted, self.failure = 0, [], failure  # type: ignore[var-annotated]

    def create(self, owner: Object, reference: Object) -> Object:
        if self.failure is not None:
            raise self.failure
        self.created += 1
        return pod()

    def delete(self, owner: Object, gone: Object) -> None:
        self.deleted.append(gone["metadata"]["name"])


class FakeClient:
    def __init__(self) -> None:
        self.status: Object = {}

    def update(self, resource: object, namespace: str, obj: Object, subresource: str = "") -> Object:
        self.status = obj["status"]
        return obj

    def get(self, *_: object) -> Object:
        raise NotFound("gone")


def _controller(own: Object, pods: list[Object], control: FakeControl) -> tuple[ReplicaSetController, FakeClient]:
    replica_sets, held = Cache({"controller": by_controller}), Cache({"controller": by_controller})
    replica_sets.put(own)
    for each in pods:
        held.put(each)
    client = FakeClient()
    return ReplicaSetController(client, replica_sets, held, control), client  # type: ignore[arg-type]


def test_missing_pods_are_made_once_until_they_are_seen() -> None:
    control = FakeControl()
    controller, _ = _controller(replica_set("web-1", 3), [pod(owner="web-1")], control)
    controller.sync(KEY)
    controller.sync(KEY)
    assert control.created == 2


def test_surplus_pods_are_deleted() -> None:
    control = FakeControl()
    controller, _ = _controller(replica_set("web-1", 1), [pod("a", owner="web-1", node="n1"), pod("b", owner="web-1")], control)
    controller.sync(KEY)
    assert control.deleted == ["b"]


def test_a_refusal_is_told_in_the_status_and_tried_again() -> None:
    control = FakeControl(Forbidden("exceeded quota"))
    controller, client = _controller(replica_set("web-1", 2), [], control)
    with pytest.raises(Forbidden):
        controller.sync(KEY)
    assert client.status["conditions"][0]["message"] == "exceeded quota"
    assert controller.expectations.satisfied(KEY)
