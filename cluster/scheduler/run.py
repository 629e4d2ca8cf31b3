"""The scheduler's process: informers, the scheduling thread, and a clean end.  Upstream: `cmd/kube-scheduler`."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from cluster.client.events import EventRecorder
from cluster.client.http import ApiClient
from cluster.client.leader import Election, LeaderElector
from cluster.client.waiting import wait_ready
from cluster.scheduler.cache import Cache
from cluster.scheduler.framework import Profile
from cluster.scheduler.profiles.default import PROFILE
from cluster.scheduler.queue import SchedulingQueue
from cluster.scheduler.scheduler import Scheduler
from cluster.scheduler.watching import Watched

_NAME: Final = "kube-scheduler"


def run(
    kubeconfig: Path,
    stop: threading.Event,
    *,
    on_ready: Callable[[], None] | None = None,
    leader_elect: bool = False,
    identity: str = "",
    profiles: Sequence[Profile] = (PROFILE,),
) -> None:
    """Schedules until `stop` is set, however often the API server goes away; `on_ready` is called once all caches are filled."""
    client = ApiClient.from_kubeconfig(kubeconfig, user_agent=_NAME)
    if not wait_ready(client, stop):
        return
    if not leader_elect:
        _lead(client, stop, on_ready, profiles)
        return
    election = Election("kube-system", _NAME, identity or f"{socket.gethostname()}_{os.getpid()}")
    LeaderElector(client, election).run(lambda lost: _lead(client, lost, on_ready, profiles), stop)


def _lead(client: ApiClient, stop: threading.Event, on_ready: Callable[[], None] | None, profiles: Sequence[Profile]) -> None:
    queue, cache = SchedulingQueue(), Cache()
    watched = Watched(client, queue, cache, frozenset(profile.name for profile in profiles))
    watched.start()
    recorder = EventRecorder(client, profiles[0].name)
    scheduler = Scheduler(client, queue, cache, watched.listers, profiles, recorder)
    if watched.wait_synced(stop):
        worker = threading.Thread(target=scheduler.run, name="scheduler", daemon=True)
        worker.start()
        if on_ready is not None:
            on_ready()
        stop.wait()
    watched.stop()
    scheduler.close()
    recorder.close(1.0)
