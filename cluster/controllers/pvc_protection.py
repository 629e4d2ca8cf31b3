"""A claim that is being deleted is gone only when no pod on a node uses it.  Upstream: `pkg/controller/volume/pvcprotection`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Final

from cluster.api.errors import StatusError
from cluster.api.names import Object
from cluster.client.cache import Cache, Key
from cluster.client.http import ApiClient
from cluster.client.informer import Handler
from cluster.client.resources import PERSISTENT_VOLUME_CLAIMS, PODS
from cluster.client.work_queue import WorkQueue
from cluster.controllers.framework import Context, Controller
from cluster.controllers.objects import Objects, being_deleted, controlled_by, name_of, namespace_of
from cluster.controllers.protection import Protection, waits

FINALIZER: Final = "kubernetes.io/pvc-protection"
WAITING: Final = "waiting for pvc-protection"
BY_CLAIM: Final = "claims of volumes"


def waiting(claim: Object) -> Iterable[str]:
    """Indexer of claims: the namespaces that have some to look at."""
    return (namespace_of(claim),) if waits(claim, FINALIZER) else ()


def claims_of(pod: Object) -> Iterable[str]:
    """Indexer of pods: namespace and name of the claims that their volumes name, and of those that are made for their volumes."""
    names = (claim_of(pod, volume) for volume in pod["spec"].get("volumes") or ())
    return [f"{namespace_of(pod)}/{name}" for name in names if name]


def claim_of(pod: Object, volume: Object) -> str:
    """The claim's name; empty for a volume of another kind."""
    if volume.get("persistentVolumeClaim") is not None:
        return str(volume["persistentVolumeClaim"].get("claimName") or "")
    return f"{name_of(pod)}-{volume['name']}" if volume.get("ephemeral") is not None else ""


def uses(pod: Object, claim: Object) -> bool:
    """A pod on no node uses none, for no kubelet starts one whose claim is being deleted.

    A claim that was made for a pod is not held by what is left of it once the kubelet is done: the pod may wait for its claim.
    """
    if not pod["spec"].get("nodeName"):
        return False
    for volume in pod["spec"].get("volumes") or ():
        if claim_of(pod, volume) != name_of(claim):
            continue
        if volume.get("persistentVolumeClaim") is not None or (not shut_down(pod) and controlled_by(claim, pod)):
            return True
    return False


def shut_down(pod: Object) -> bool:
    """The kubelet is done with it, or it was deleted by force."""
    return being_deleted(pod) and pod["metadata"].get("deletionGracePeriodSeconds") == 0


class ClaimProtection:
    """`sync` looks at all claims of a namespace that wait, so that one list of its pods answers for all of them."""

    def __init__(self, client: ApiClient, claims: Cache, pods: Cache) -> None:
        self._protection = Protection(client, PERSISTENT_VOLUME_CLAIMS, FINALIZER)
        self._client = client
        self._claims = claims
        self._pods = pods

    def sync(self, key: Key) -> None:
        """`key` is (namespace, "").  All claims are tried before the first failure is raised."""
        namespace = key[0]
        used = self._asked_once(namespace)
        failure: StatusError | None = None
        for claim in self._claims.by_index(WAITING, namespace):
            try:
                self._protection.settle(claim, partial(used, claim))
            except StatusError as error:
                failure = failure or error
        if failure is not None:
            raise failure

    def _asked_once(self, namespace: str) -> Callable[[Object], bool]:
        """Whether a pod uses a claim: the cache may say yes, but only the server no, as a pod may not have come to the cache yet."""
        live: list[Objects] = []

        def used(claim: Object) -> bool:
            if any(uses(pod, claim) for pod in self._pods.by_index(BY_CLAIM, f"{namespace}/{name_of(claim)}")):
                return True
            if not live:
                live.append(self._client.list(PODS, namespace)["items"])
            return any(uses(pod, claim) for pod in live[0])

        return used


def build(context: Context) -> Controller:
    claims = context.informers.of(PERSISTENT_VOLUME_CLAIMS, indexers={WAITING: waiting})
    pods = context.informers.of(PODS, indexers={BY_CLAIM: claims_of})
    queue: WorkQueue[Key] = WorkQueue(max_seconds=60.0)

    def claim_seen(claim: Object) -> None:
        if waits(claim, FINALIZER):
            queue.add((namespace_of(claim), ""))

    def pod_seen(pod: Object) -> None:
        if shut_down(pod):
            pod_gone(pod)

    def pod_gone(pod: Object) -> None:
        if claims_of(pod):
            queue.add((namespace_of(pod), ""))

    claims.add_handler(Handler(claim_seen, lambda _, new: claim_seen(new)))
    pods.add_handler(Handler(pod_seen, lambda _, new: pod_seen(new), pod_gone))
    return Controller(queue, ClaimProtection(context.client, claims.cache, pods.cache).sync)
