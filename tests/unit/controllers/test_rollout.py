"""Rollout against a cluster in memory that does at once what is asked."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from cluster.api.errors import AlreadyExists
from cluster.api.names import Object
from cluster.controllers.deployment import revisions
from cluster.controllers.deployment.rollout import Rollout
from cluster.controllers.framework import Requeue
from cluster.controllers.objects import copied
from tests.unit.controllers.builders import deployment, pod, replica_set, template

NOW = datetime.datetime(2026, 1, 1, 12, tzinfo=datetime.UTC)


class World:
    """The deployment and its replica sets; `run` is one pass."""

    def __init__(self, own: Object, *replica_sets: Object) -> None:
        self.deployment = own
        self.replica_sets = {each["metadata"]["name"]: each for each in replica_sets}
        self.events: list[tuple[str, str]] = []
        self.pods: list[Object] = []
        self.now = NOW

    def run(self) -> float | None:
        """Seconds after which it wants to be called again."""
        try:
            sets = [copied(each) for each in self.replica_sets.values()]
            Rollout(copied(self.deployment), sets, self.pods, self, lambda: self.now).run()
        except Requeue as again:
            return again.seconds
        return None

    def settle(self) -> None:
        """Passes until nothing changes; all pods become available at once."""
        for _ in range(30):
            before = copied({"d": self.deployment, "r": self.replica_sets})
            self.run()
            for each in self.replica_sets.values():
                count = each["spec"]["replicas"]
                each["status"] = {"replicas": count, "readyReplicas": count, "availableReplicas": count, "observedGeneration": 1}
            if before == {"d": self.deployment, "r": self.replica_sets}:
                return
        raise AssertionError("it does not settle")

    def sizes(self) -> dict[str, int]:
        return {name: each["spec"]["replicas"] for name, each in self.replica_sets.items()}

    def condition(self, kind: str) -> tuple[str, str, str]:
        found = next(each for each in self.deployment["status"]["conditions"] if each["type"] == kind)
        return found["status"], found["reason"], found["message"]

    def new(self) -> Object:
        return next(
            each for each in self.replica_sets.values() if each["spec"]["template"]["spec"] == self.deployment["spec"]["template"]["spec"]
        )

    # Actions

    def create_replica_set(self, made: Object) -> Object:
        name = made["metadata"]["name"]
        if name in self.replica_sets:
            raise AlreadyExists(name)
        made = copied(made)
        made["metadata"] |= {"uid": f"uid-{name}", "creationTimestamp": "2026-06-01T00:00:00Z"}
        self.replica_sets[name] = made
        return copied(made)

    def get_replica_set(self, namespace: str, name: str) -> Object:
        return copied(self.replica_sets[name])

    def update_replica_set(self, changed: Object) -> Object:
        self.replica_sets[changed["metadata"]["name"]] = copied(changed)
        return copied(changed)

    def delete_replica_set(self, gone: Object) -> None:
        del self.replica_sets[gone["metadata"]["name"]]

    def update_deployment(self, changed: Object) -> Object:
        self.deployment = copied(changed)
        return copied(changed)

    update_status = update_deployment

    def event(self, about: Object, kind: str, reason: str, message: str) -> None:
        self.events.append((reason, message))


def test_a_new_deployment_gets_a_replica_set() -> None:
    world = World(deployment(replicas=3))
    world.run()
    (name,) = world.replica_sets
    made = world.replica_sets[name]
    suffix = name.removeprefix("web-")
    assert set(suffix) <= set("bcdfghjklmnpqrstvwxz2456789")
    assert made["spec"]["replicas"] == 3
    assert made["metadata"]["labels"] == {"app": "web", "pod-template-hash": suffix}
    assert made["spec"]["selector"]["matchLabels"] == {"app": "web", "pod-template-hash": suffix}
    assert made["metadata"]["annotations"] == {revisions.REVISION: "1", revisions.DESIRED: "3", revisions.MAX: "4"}
    assert world.deployment["metadata"]["annotations"] == {revisions.REVISION: "1"}
    assert world.events == [("ScalingReplicaSet", f"Scaled up replica set {name} from 0 to 3")]


def test_a_rollout_that_ends_says_so() -> None:
    world = World(deployment())
    world.settle()
    (name,) = world.replica_sets
    assert world.condition("Progressing") == ("True", "NewReplicaSetAvailable", f'ReplicaSet "{name}" has successfully progressed.')
    assert world.condition("Available") == ("True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
    assert world.deployment["status"]["observedGeneration"] == 1


def test_a_new_template_is_rolled_out_and_the_old_replica_set_kept() -> None:
    world = World(deployment(replicas=4, image="a:2"), replica_set("web-old", 4, annotations={revisions.REVISION: "1"}))
    world.settle()
    assert sorted(world.sizes().values()) == [0, 4]
    assert world.sizes()["web-old"] == 0
    assert world.new()["metadata"]["annotations"][revisions.REVISION] == "2"


@pytest.mark.parametrize(
    ("surge", "unavailable", "first"),
    [
        (1, 0, {"new": 1, "web-old": 4}),
        (0, 1, {"new": 0, "web-old": 3}),
        ("50%", "0%", {"new": 2, "web-old": 4}),
        ("0%", "10%", {"new": 0, "web-old": 3}),
    ],
)
def test_surge_and_unavailability_bound_each_step(surge: Any, unavailable: Any, first: dict[str, int]) -> None:
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}
    world = World(deployment(replicas=4, image="a:2", strategy=strategy), replica_set("web-old", 4))
    world.run()
    new = next(name for name in world.replica_sets if name != "web-old")
    assert {("new" if name == new else name): size for name, size in world.sizes().items()} == first


def test_unhealthy_old_replicas_go_first() -> None:
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}
    world = World(
        deployment(replicas=4, image="a:2", strategy=strategy),
        replica_set("web-old", 2),
        replica_set("web-broken", 2, available=0, image="a:0"),
    )
    world.run()
    assert world.sizes()["web-old"] == 2
    assert world.sizes()["web-broken"] == 1


def test_recreate_waits_for_the_old_pods() -> None:
    world = World(deployment(image="a:2", strategy={"type": "Recreate"}), replica_set("web-old", 2))
    world.pods = [pod(owner="web-old")]
    world.run()
    world.replica_sets["web-old"]["status"]["replicas"] = 0
    world.run()
    assert world.sizes() == {"web-old": 0}
    world.pods = []
    world.settle()
    assert world.new()["spec"]["replicas"] == 2


def test_a_paused_deployment_is_scaled_but_not_rolled_out() -> None:
    world = World(
        deployment(replicas=5, image="a:2", paused=True),
        replica_set("web-old", 2, annotations={revisions.DESIRED: "2", revisions.MAX: "3"}),
    )
    world.run()
    assert world.sizes() == {"web-old": 5}
    assert world.condition("Progressing") == ("Unknown", "DeploymentPaused", "Deployment is paused")


def test_scaling_in_a_rollout_is_proportional() -> None:
    sizes = {revisions.DESIRED: "10", revisions.MAX: "13"}
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 3, "maxUnavailable": 2}}
    world = World(
        deployment(replicas=15, image="a:2", strategy=strategy),
        replica_set("web-old", 8, annotations=sizes),
        replica_set("web-new", 5, available=0, image="a:2", created="2026-02-01T00:00:00Z", annotations=sizes),
    )
    world.run()
    assert world.sizes() == {"web-old": 11, "web-new": 7}


def test_old_replica_sets_beyond_the_limit_are_deleted() -> None:
    old = [replica_set(f"web-{number}", 0, image=f"a:{number}", annotations={revisions.REVISION: str(number)}) for number in (1, 2, 3)]
    own = deployment(image="a:4", revisionHistoryLimit=1)
    world = World(
        own, *old, replica_set("web-4", 2, image="a:4", annotations={revisions.REVISION: "4", revisions.DESIRED: "2", revisions.MAX: "3"})
    )
    world.settle()
    assert sorted(world.replica_sets) == ["web-3", "web-4"]


def test_going_back_to_an_old_template_keeps_its_history() -> None:
    world = World(
        deployment(image="a:1"),
        replica_set("web-1", 0, image="a:1", annotations={revisions.REVISION: "1"}),
        replica_set("web-2", 2, image="a:2", annotations={revisions.REVISION: "2"}),
    )
    world.settle()
    annotations = world.replica_sets["web-1"]["metadata"]["annotations"]
    assert (annotations[revisions.REVISION], annotations[revisions.HISTORY]) == ("3", "1")
    assert world.deployment["metadata"]["annotations"][revisions.REVISION] == "3"


def test_a_name_that_is_taken_by_another_is_avoided() -> None:
    own = deployment()
    name = revisions.replica_set_name("web", revisions.template_hash(own["spec"]["template"], None))
    stranger = replica_set(name, 0, image="other")
    world = World(own)
    world.replica_sets = {name: stranger}
    with pytest.raises(AlreadyExists):
        Rollout(copied(own), [], [], world, lambda: NOW).run()
    assert world.deployment["status"]["collisionCount"] == 1
    world.settle()
    assert len(world.replica_sets) == 2


def test_a_rollout_that_stands_still_times_out() -> None:
    world = World(deployment(replicas=1, progressDeadlineSeconds=60))
    world.run()
    name = next(iter(world.replica_sets))
    world.replica_sets[name]["status"] = {"replicas": 1, "observedGeneration": 1}
    while (again := world.run()) is None:
        pass
    assert again == pytest.approx(61)
    world.now += datetime.timedelta(seconds=62)
    world.run()
    assert world.condition("Progressing") == ("False", "ProgressDeadlineExceeded", f'ReplicaSet "{name}" has timed out progressing.')


def test_a_rollback_that_is_asked_for_by_annotation() -> None:
    own = deployment(image="a:2")
    own["metadata"]["annotations"] = {revisions.ROLLBACK: "1", "note": "two"}
    world = World(
        own,
        replica_set("web-1", 0, image="a:1", annotations={revisions.REVISION: "1", "note": "one"}),
        replica_set("web-2", 2, image="a:2", annotations={revisions.REVISION: "2", "note": "two"}),
    )
    while revisions.ROLLBACK in world.deployment["metadata"]["annotations"]:
        world.run()
    assert world.deployment["spec"]["template"] == template("a:1", app="web")
    assert world.deployment["metadata"]["annotations"]["note"] == "one"


def test_a_settled_deployment_is_left_alone() -> None:
    world = World(deployment())
    world.settle()
    world.events.clear()
    before = copied(world.deployment)
    assert world.run() is None
    assert (world.deployment, world.events) == (before, [])
