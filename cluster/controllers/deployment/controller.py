"""The controller of Deployments: claims replica sets and runs a pass of Rollout."""

from __future__ import annotations

from cluster.api.names import Object
from cluster.client import times
from cluster.client.cache import Cache, Key, key_of
from cluster.client.events import WARNING, EventRecorder
from cluster.client.http import ApiClient
from cluster.client.informer import Handler
from cluster.client.labels import is_empty, labels_of, selects
from cluster.client.resources import DEPLOYMENTS, PODS, REPLICA_SETS
from cluster.client.work_queue import WorkQueue
from cluster.controllers.claims import Claims, patcher
from cluster.controllers.deployment.rollout import API_VERSION, KIND, Rollout
from cluster.controllers.framework import Context, Controller, enqueue_by
from cluster.controllers.objects import Objects, by_controller, controller_of, copied, name_of, namespace_of, uid_of


class ApiActions:
    """Rollout's effects, on the API server."""

    def __init__(self, client: ApiClient, events: EventRecorder) -> None:
        self._client = client
        self._events = events

    def create_replica_set(self, replica_set: Object) -> Object:
        return self._client.create(REPLICA_SETS, namespace_of(replica_set), replica_set)

    def get_replica_set(self, namespace: str, name: str) -> Object:
        return self._client.get(REPLICA_SETS, namespace, name)

    def update_replica_set(self, replica_set: Object) -> Object:
        return self._client.update(REPLICA_SETS, namespace_of(replica_set), replica_set)

    def delete_replica_set(self, replica_set: Object) -> None:
        self._client.delete(REPLICA_SETS, namespace_of(replica_set), name_of(replica_set))

    def update_deployment(self, deployment: Object) -> Object:
        return self._client.update(DEPLOYMENTS, namespace_of(deployment), deployment)

    def update_status(self, deployment: Object) -> Object:
        return self._client.update(DEPLOYMENTS, namespace_of(deployment), deployment, subresource="status")

    def event(self, deployment: Object, kind: str, reason: str, message: str) -> None:
        self._events.event(deployment, kind, reason, message)


class DeploymentController:
    """`sync` reconciles one; replica sets and pods are indexed by controller."""

    def __init__(self, client: ApiClient, deployments: Cache, replica_sets: Cache, pods: Cache, events: EventRecorder) -> None:
        self._client = client
        self._deployments = deployments
        self._replica_sets = replica_sets
        self._pods = pods
        self._events = events
        self._actions = ApiActions(client, events)

    def sync(self, key: Key) -> None:
        found = self._deployments.get(*key)
        if found is None:
            return
        deployment = copied(found)
        if is_empty(deployment["spec"].get("selector")):
            self._refuse(deployment)
            return
        replica_sets = self._claim(deployment)
        pods = [pod for each in replica_sets for pod in self._pods.by_index("controller", uid_of(each))]
        Rollout(deployment, replica_sets, pods, self._actions, times.now).run()

    def _refuse(self, deployment: Object) -> None:
        self._events.event(deployment, WARNING, "SelectingAll", "This deployment is selecting all pods. A non-empty selector is required.")
        generation = deployment["metadata"].get("generation") or 0
        status = deployment.setdefault("status", {})
        if status.get("observedGeneration", 0) < generation:
            status["observedGeneration"] = generation
            self._actions.update_status(deployment)

    def _claim(self, deployment: Object) -> Objects:
        namespace = namespace_of(deployment)
        candidates = self._replica_sets.by_index("controller", uid_of(deployment))
        candidates += self._replica_sets.by_index("controller", f"orphan/{namespace}")
        claims = Claims(
            deployment,
            API_VERSION,
            KIND,
            fresh=lambda: self._client.get(DEPLOYMENTS, namespace, name_of(deployment)),
            patch=patcher(self._client, REPLICA_SETS),
        )
        return claims.claim(candidates)


def build(context: Context) -> Controller:
    deployments = context.informers.of(DEPLOYMENTS)
    replica_sets = context.informers.of(REPLICA_SETS, indexers={"controller": by_controller})
    pods = context.informers.of(PODS, indexers={"controller": by_controller})
    made = DeploymentController(context.client, deployments.cache, replica_sets.cache, pods.cache, context.events)
    queue: WorkQueue[Key] = WorkQueue(max_seconds=60.0)

    def of_replica_set(replica_set: Object) -> list[Key]:
        reference = controller_of(replica_set)
        if reference is not None:
            return [(namespace_of(replica_set), reference["name"])] if reference.get("kind") == KIND else []
        labels = labels_of(replica_set)
        candidates = deployments.cache.list(namespace_of(replica_set))
        return [key_of(each) for each in candidates if selects(each["spec"].get("selector"), labels)]

    def pod_gone(pod: Object) -> None:
        """Recreate waits for the last old pod to go."""
        reference = controller_of(pod)
        if reference is None or reference.get("kind") != "ReplicaSet":
            return
        replica_set = replica_sets.get(namespace_of(pod), reference["name"])
        if replica_set is not None:
            for key in of_replica_set(replica_set):
                queue.add(key)

    deployments.add_handler(enqueue_by(queue))
    replica_sets.add_handler(enqueue_by(queue, of_replica_set))
    pods.add_handler(Handler(deleted=pod_gone))
    return Controller(queue, made.sync, workers=2)
