"""What a controller is made of, and how it is run: informers put keys in its queue, workers take them out and reconcile."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct, field

from cluster.api.errors import StatusError
from cluster.api.names import GroupVersionResource, Object
from cluster.client.cache import Indexer, Key, key_of
from cluster.client.events import EventRecorder
from cluster.client.http import ApiClient
from cluster.client.informer import Handler, Informer
from cluster.client.status import Unreachable, has_cause
from cluster.client.work_queue import WorkQueue

_LOG: Final = logging.getLogger(__name__)
_LONGEST_PAUSE: Final = 60.0

Reconcile = Callable[[Key], None]


class ManagerOptions(Struct, frozen=True):
    """What the controllers' process is started with; periods in seconds."""

    kubeconfig: Path
    kubernetes_minor: int = 36
    """Which Kubernetes 1.x the API server presents."""
    ca_pem: str = ""
    """The cluster's CA, as kube-root-ca.crt publishes it."""
    pod_cidr: str = ""
    """Empty: nodes get no podCIDR."""
    node_cidr_mask: int = 24
    node_monitor_grace_period: float = 50.0
    node_monitor_period: float = 5.0
    node_startup_grace_period: float = 60.0
    terminated_pod_threshold: int = 12500
    ca_certificate: Path | None = None
    """The CA that signs certificate requests; None: none are signed."""
    ca_key: Path | None = None
    certificate_seconds: float = 365 * 86400.0
    """How long a signed certificate is good for, where its request asks for no less."""
    service_account_key: Path | None = None
    """The private key that signs the tokens of secrets; None: secrets get none."""
    legacy_token_seconds: float = 365 * 86400.0
    """How long a service account's generated secret may be unused before it is invalid, and then before it is removed."""
    leader_elect: bool = False
    identity: str = ""
    """Who holds the leader's Lease; empty: host name and process id."""


class Requeue(Exception):
    """Raised by a reconciler that has done what it can for now: come back in so many seconds."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"again in {seconds} s")
        self.seconds = seconds


class BackOff(Exception):
    """Raised by a reconciler that waits for somebody: come back after a pause that doubles each time; the text is for the curious."""


class Informers:
    """One informer a resource, shared by all controllers."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client
        self._informers: dict[GroupVersionResource, Informer] = {}
        self._selected: dict[tuple[GroupVersionResource, str, str, str, bool], Informer] = {}

    def of(self, resource: GroupVersionResource, *, indexers: Mapping[str, Indexer] | None = None) -> Informer:
        """Call it while controllers are built: an informer's handlers must be complete before it starts."""
        informer = self._informers.get(resource)
        if informer is None:
            informer = self._informers[resource] = Informer(self._client, resource)
        for name, indexer in (indexers or {}).items():
            informer.cache.add_indexer(name, indexer)
        return informer

    def selected(
        self,
        resource: GroupVersionResource,
        field_selector: str = "",
        *,
        namespace: str = "",
        label_selector: str = "",
        metadata_only: bool = False,
    ) -> Informer:
        """One of some objects, or of their metadata only, shared by those that ask for the same; namespace "": of all."""
        key = resource, field_selector, namespace, label_selector, metadata_only
        if key not in self._selected:
            self._selected[key] = Informer(
                self._client,
                resource,
                namespace=namespace or None,
                field_selector=field_selector,
                label_selector=label_selector,
                metadata_only=metadata_only,
            )
        return self._selected[key]

    @property
    def shared(self) -> Mapping[GroupVersionResource, Informer]:
        return self._informers

    def _all(self) -> list[Informer]:
        return [*self._informers.values(), *self._selected.values()]

    def start(self) -> None:
        for informer in self._all():
            informer.start()

    def wait_synced(self, stop: threading.Event) -> bool:
        """Waits for ever; False when stopped first."""
        for informer in self._all():
            while not informer.wait_synced(0.1):
                if stop.is_set():
                    return False
        return True

    def stop(self) -> None:
        for informer in self._all():
            informer.stop()


class Context(Struct, frozen=True):
    """What a controller is built from: `client` and `events` act under its own identity."""

    client: ApiClient
    informers: Informers
    events: EventRecorder
    options: ManagerOptions


class Loop(Struct, frozen=True):
    """What is done over and over beside the queue; a failure is logged and the next round comes."""

    period: float
    run: Callable[[threading.Event], None]


class Controller(Struct, frozen=True):
    """A queue of keys with the function that reconciles one, and loops."""

    queue: WorkQueue[Key] = field(default_factory=lambda: WorkQueue[Key](max_seconds=_LONGEST_PAUSE))
    reconcile: Reconcile | None = None
    workers: int = 1
    loops: Sequence[Loop] = ()
    close: Callable[[], None] | None = None


class Registration(Struct, frozen=True):
    """A line of the table: the controller's name, its service account in kube-system (its role is `system:controller:<account>`).

    Without an account it acts as the controller manager itself.
    """

    name: str
    account: str
    build: Callable[[Context], Controller]
    component: str = ""
    """What its events name as their source; empty: the account."""
    since: int = 25
    """The first Kubernetes 1.x that serves all that it watches; with an older one it does not run."""


class Runner:
    """Runs one controller until `stop`."""

    def __init__(self, name: str, controller: Controller) -> None:
        self.name = name
        self._controller = controller
        self._threads: list[threading.Thread] = []

    def start(self, stop: threading.Event) -> None:
        controller = self._controller
        if controller.reconcile is not None:
            for number in range(controller.workers):
                self._thread(f"{self.name}-{number}", self._work)
        for loop in controller.loops:
            self._thread(f"{self.name}-loop", self._repeat, loop, stop)

    def stop(self) -> None:
        self._controller.queue.shut_down()
        if self._controller.close is not None:
            self._controller.close()

    def join(self, until: float) -> None:
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    def _thread(self, name: str, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _work(self) -> None:
        queue, reconcile = self._controller.queue, self._controller.reconcile
        assert reconcile is not None
        while (key := queue.get()) is not None:
            try:
                run_once(self.name, queue, reconcile, key)
            finally:
                queue.done(key)

    def _repeat(self, loop: Loop, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                loop.run(stop)
            except StatusError as error:
                _LOG.info("%s: %s", self.name, error.message)
            except Exception:
                _LOG.exception("%s: a round failed", self.name)
            stop.wait(loop.period)


def run_once(name: str, queue: WorkQueue[Key], reconcile: Reconcile, key: Key) -> None:
    """Reconciles one key and says when it is due again."""
    try:
        reconcile(key)
    except Requeue as again:
        queue.forget(key)
        queue.add_after(key, again.seconds)
    except BackOff as waiting:
        _LOG.debug("%s: %s/%s: %s", name, *key, waiting)
        queue.add_rate_limited(key)
    except StatusError as error:
        if has_cause(error, "NamespaceTerminating"):
            queue.forget(key)  # nothing can be created there any more
            return
        level = logging.DEBUG if error.code == 409 else logging.INFO
        _LOG.log(level, "%s: %s/%s: %s", name, *key, error.message)
        if isinstance(error, Unreachable):
            queue.add_after(key, 1.0)
        else:
            queue.add_rate_limited(key)
    except Exception:
        _LOG.exception("%s: %s/%s could not be reconciled", name, *key)
        queue.add_rate_limited(key)
    else:
        queue.forget(key)


def enqueue_by(queue: WorkQueue[Key], keys: Callable[[Object], Sequence[Key]] = lambda obj: (key_of(obj),)) -> Handler:
    """A handler that queues `keys(obj)` for each change, and on updates those of the old object too."""

    def add(obj: Object) -> None:
        for key in keys(obj):
            queue.add(key)

    def update(old: Object, new: Object) -> None:
        for key in {*keys(old), *keys(new)}:
            queue.add(key)

    return Handler(add, update, add)
