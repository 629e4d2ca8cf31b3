"""The controller of ReplicaSets: claims pods, makes and deletes them, writes the status."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from cluster.api.errors import NotFound, StatusError
from cluster.api.names import Object
from cluster.client import times
from cluster.client.cache import Cache, Key, key_of
from cluster.client.http import ApiClient
from cluster.client.informer import Handler
from cluster.client.labels import is_empty, labels_of, selects
from cluster.client.resources import PODS, REPLICA_SETS
from cluster.client.status import has_cause
from cluster.client.work_queue import WorkQueue
from cluster.controllers.claims import Claims, patcher
from cluster.controllers.expectations import Expectations
from cluster.controllers.framework import Context, Controller, Requeue
from cluster.controllers.objects import (
    Objects,
    being_deleted,
    by_controller,
    controlled_by,
    controller_of,
    controller_reference,
    copied,
    name_of,
    namespace_of,
    pod_active,
    pod_available_in,
    pod_terminating,
    uid_of,
)
from cluster.controllers.pod_control import PodControl
from cluster.controllers.replica_set import deletion, status

API_VERSION: Final = "apps/v1"
KIND: Final = "ReplicaSet"
_BURST: Final = 500


class ReplicaSetController:
    """`sync` reconciles one; `pods` is indexed by controller."""

    def __init__(self, client: ApiClient, replica_sets: Cache, pods: Cache, control: PodControl) -> None:
        self._client = client
        self._replica_sets = replica_sets
        self._pods = pods
        self._control = control
        self.expectations = Expectations()

    def sync(self, key: Key) -> None:
        replica_set = self._replica_sets.get(*key)
        if replica_set is None:
            self.expectations.forget(key)
            return
        settled = self.expectations.satisfied(key)
        candidates = self._pods.by_index("controller", uid_of(replica_set)) + self._pods.by_index("controller", f"orphan/{key[0]}")
        active = self._claim(replica_set, [pod for pod in candidates if pod_active(pod)])
        selector = replica_set["spec"].get("selector")
        terminating = [
            pod for pod in candidates if pod_terminating(pod) and controlled_by(pod, replica_set) and selects(selector, labels_of(pod))
        ]
        failure: StatusError | None = None
        if settled and not being_deleted(replica_set):
            try:
                self._manage(key, replica_set, active)
            except StatusError as error:
                failure = error
        now = times.now()
        made = status.calculate(replica_set, active, terminating, failure.message if failure is not None else None, now)
        self._write_status(replica_set, made)
        if failure is not None:
            raise failure
        self._await_availability(replica_set, active, made)

    def _claim(self, replica_set: Object, pods: Objects) -> Objects:
        claims = Claims(
            replica_set,
            API_VERSION,
            KIND,
            fresh=lambda: self._client.get(REPLICA_SETS, namespace_of(replica_set), name_of(replica_set)),
            patch=patcher(self._client, PODS),
        )
        return claims.claim(pods)

    def _manage(self, key: Key, replica_set: Object, active: Objects) -> None:
        surplus = len(active) - replica_set["spec"].get("replicas", 1)
        if surplus < 0:
            self._create(key, replica_set, min(-surplus, _BURST))
        elif surplus > 0:
            self._delete(key, replica_set, deletion.choose(active, self._related(replica_set), min(surplus, _BURST), times.now()))

    def _create(self, key: Key, replica_set: Object, count: int) -> None:
        reference = controller_reference(replica_set, API_VERSION, KIND)
        self.expectations.expect_creations(key, count)
        made = 0
        try:
            for made in range(count):  # noqa: B007  read when a creation fails: the rest would fail alike, and aren't tried
                self._control.create(replica_set, reference)
            made = count
        except StatusError as error:
            for _ in range(count - made):
                self.expectations.created(key)
            if not has_cause(error, "NamespaceTerminating"):
                raise

    def _delete(self, key: Key, replica_set: Object, pods: Objects) -> None:
        self.expectations.expect_deletions(key, [uid_of(pod) for pod in pods])
        failure: StatusError | None = None
        for pod in pods:
            try:
                self._control.delete(replica_set, pod)
            except NotFound:
                self.expectations.deleted(key, uid_of(pod))
            except StatusError as error:
                self.expectations.deleted(key, uid_of(pod))
                failure = failure or error
        if failure is not None:
            raise failure

    def _related(self, replica_set: Object) -> Objects:
        """The pods of all replica sets of the same owner, its own among them."""
        owner = controller_of(replica_set)
        if owner is None:
            return self._pods.by_index("controller", uid_of(replica_set))
        siblings = self._replica_sets.by_index("controller", str(owner["uid"]))
        return [pod for each in siblings for pod in self._pods.by_index("controller", uid_of(each))]

    def _write_status(self, replica_set: Object, made: Object) -> None:
        old = replica_set.get("status") or {}
        if {**old, "replicas": old.get("replicas", 0)} == made:
            return
        changed = copied(replica_set)
        changed["status"] = made
        try:
            self._client.update(REPLICA_SETS, namespace_of(replica_set), changed, subresource="status")
        except NotFound:
            return
        except StatusError as error:
            if error.code != 409:
                raise
            fresh = self._client.get(REPLICA_SETS, namespace_of(replica_set), name_of(replica_set))
            if uid_of(fresh) == uid_of(replica_set):
                self._client.update(REPLICA_SETS, namespace_of(replica_set), fresh | {"status": made}, subresource="status")

    def _await_availability(self, replica_set: Object, active: Objects, made: Object) -> None:
        seconds = replica_set["spec"].get("minReadySeconds") or 0
        if seconds <= 0 or made.get("readyReplicas", 0) == made.get("availableReplicas", 0):
            return
        pauses = [pause for pod in active if (pause := pod_available_in(pod, seconds, times.now())) is not None]
        raise Requeue(max(0.05, min((pause for pause in pauses if pause > 0), default=0.05)))


def build(context: Context) -> Controller:
    replica_sets = context.informers.of(REPLICA_SETS, indexers={"controller": by_controller})
    pods = context.informers.of(PODS, indexers={"controller": by_controller})
    made = ReplicaSetController(context.client, replica_sets.cache, pods.cache, PodControl(context.client, context.events))
    queue: WorkQueue[Key] = WorkQueue(max_seconds=60.0)
    replica_sets.add_handler(_of_replica_sets(queue, made.expectations))
    pods.add_handler(_of_pods(queue, replica_sets.cache, made.expectations))
    return Controller(queue, made.sync, workers=2)


def _of_replica_sets(queue: WorkQueue[Key], expectations: Expectations) -> Handler:
    def deleted(obj: Object) -> None:
        expectations.forget(key_of(obj))
        queue.add(key_of(obj))

    return Handler(lambda obj: queue.add(key_of(obj)), lambda _, new: queue.add(key_of(new)), deleted)


def _of_pods(queue: WorkQueue[Key], replica_sets: Cache, expectations: Expectations) -> Handler:
    """A pod wakes its replica set; an orphan those that would adopt it.  Long, as its small functions share the queue and the caches."""

    def owner(pod: Object) -> Key | None:
        reference = controller_of(pod)
        if reference is None or reference.get("kind") != KIND:
            return None
        found = replica_sets.get(namespace_of(pod), reference["name"])
        return key_of(found) if found is not None and uid_of(found) == reference["uid"] else None

    def wake(pod: Object, then: Callable[[Key], None] | None = None) -> None:
        key = owner(pod)
        if key is not None:
            if then is not None:
                then(key)
            queue.add(key)

    def wake_adopters(pod: Object) -> None:
        for each in replica_sets.list(namespace_of(pod)):
            selector = each["spec"].get("selector")
            if not is_empty(selector) and selects(selector, labels_of(pod)):
                queue.add(key_of(each))

    def gone(pod: Object) -> None:
        wake(pod, lambda key: expectations.deleted(key, uid_of(pod)))

    def added(pod: Object) -> None:
        if being_deleted(pod):
            gone(pod)
        elif controller_of(pod) is not None:
            wake(pod, expectations.created)
        else:
            wake_adopters(pod)

    def updated(old: Object, new: Object) -> None:
        if being_deleted(new):
            gone(new)
            if labels_of(old) != labels_of(new):
                gone(old)
            return
        if controller_of(old) != controller_of(new):
            wake(old)
        if controller_of(new) is not None:
            wake(new)
        elif labels_of(old) != labels_of(new) or controller_of(old) is not None:
            wake_adopters(new)

    return Handler(added, updated, gone)
