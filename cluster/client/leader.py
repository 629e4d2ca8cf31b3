"""Leader election by a Lease: of several processes one works.  Upstream: client-go `tools/leaderelection`."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from cluster.api.errors import AlreadyExists, Conflict, NotFound, StatusError
from cluster.api.names import Object
from cluster.client.http import ApiClient
from cluster.client.resources import LEASES
from cluster.client.times import micro_time

_LOG: Final = logging.getLogger(__name__)
_JITTER: Final = 1.2


class Election(Struct, frozen=True):
    """Which Lease, who stands for it, and upstream's periods in seconds."""

    namespace: str
    name: str
    identity: str
    lease_seconds: float = 15.0
    renew_seconds: float = 10.0
    retry_seconds: float = 2.0


class LeaderElector:
    """`run` acquires the lease, calls `lead(lost)` on a thread of its own, and renews; `lost` is set with the loss of the lease."""

    def __init__(self, client: ApiClient, election: Election, *, now: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._election = election
        self._now = now
        self._seen: tuple[str, str] | None = None
        self._seen_at = 0.0
        self.leading = threading.Event()

    def acquire(self, stop: threading.Event) -> bool:
        """Waits for the lease; False when stopped first."""
        while not stop.is_set():
            if self._try():
                self.leading.set()
                return True
            stop.wait(self._election.retry_seconds * (1 + random.random() * _JITTER / 2))  # noqa: S311  jitter
        return False

    def hold(self, stop: threading.Event) -> None:
        """Renews until the lease is lost or `stop` is set, then gives it back."""
        renewed = self._now()
        while not stop.wait(self._election.retry_seconds):
            if self._try():
                renewed = self._now()
            elif self._now() - renewed > self._election.renew_seconds:
                break
        self.leading.clear()
        if stop.is_set():
            self._release()

    def run(self, lead: Callable[[threading.Event], None], stop: threading.Event) -> None:
        while self.acquire(stop):
            lost = threading.Event()
            worker = threading.Thread(target=lead, args=(lost,), name=f"leader-{self._election.name}", daemon=True)
            worker.start()
            self.hold(stop)
            lost.set()
            worker.join(10)

    def _try(self) -> bool:
        try:
            return self._acquire_or_renew()
        except (Conflict, AlreadyExists):
            return False
        except StatusError as error:
            _LOG.info("lease %s/%s: %s", self._election.namespace, self._election.name, error.message)
            return False

    def _acquire_or_renew(self) -> bool:
        election, now = self._election, micro_time()
        mine: Object = {
            "holderIdentity": election.identity,
            "leaseDurationSeconds": int(election.lease_seconds),
            "acquireTime": now,
            "renewTime": now,
            "leaseTransitions": 0,
        }
        try:
            lease = self._client.get(LEASES, election.namespace, election.name)
        except NotFound:
            metadata = {"name": election.name, "namespace": election.namespace}
            body = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": mine}
            self._client.create(LEASES, election.namespace, body)
            return True
        spec: Object = lease.get("spec") or {}
        holder = spec.get("holderIdentity") or ""
        seen = (holder, spec.get("renewTime") or "")
        if seen != self._seen:
            self._seen, self._seen_at = seen, self._now()
        if holder and holder != election.identity and self._now() - self._seen_at < (spec.get("leaseDurationSeconds") or 0):
            return False
        transitions = spec.get("leaseTransitions") or 0
        if holder == election.identity:
            mine |= {"acquireTime": spec.get("acquireTime") or now, "leaseTransitions": transitions}
        else:
            mine["leaseTransitions"] = transitions + 1
        self._client.update(LEASES, election.namespace, lease | {"spec": spec | mine})
        return True

    def _release(self) -> None:
        """So that the next leader need not wait for the lease to run out."""
        election = self._election
        try:
            lease = self._client.get(LEASES, election.namespace, election.name)
            if (lease.get("spec") or {}).get("holderIdentity") != election.identity:
                return
            lease["spec"] |= {"holderIdentity": "", "leaseDurationSeconds": 1, "renewTime": micro_time()}
            self._client.update(LEASES, election.namespace, lease)
        except StatusError as error:
            _LOG.info("lease %s/%s is left to run out: %s", election.namespace, election.name, error.message)
