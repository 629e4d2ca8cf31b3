"""The controllers' process: shared informers, one identity a controller, and a clean end.

Upstream: `cmd/kube-controller-manager` with `--use-service-account-credentials`.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

from cluster.client.events import EventRecorder
from cluster.client.http import ApiClient
from cluster.client.leader import Election, LeaderElector
from cluster.client.waiting import wait_ready
from cluster.controllers.framework import Context, Informers, ManagerOptions, Registration, Runner
from cluster.controllers.identities import client_as
from cluster.controllers.table import CONTROLLERS

__all__ = ["ManagerOptions", "run"]

_NAME: Final = "kube-controller-manager"
_END_SECONDS: Final = 5.0


def run(
    options: ManagerOptions,
    stop: threading.Event,
    *,
    on_ready: Callable[[], None] | None = None,
    controllers: Sequence[Registration] = CONTROLLERS,
) -> None:
    """Runs until `stop` is set, however often the API server goes away; `on_ready` is called once all caches are filled."""
    client = ApiClient.from_kubeconfig(options.kubeconfig, user_agent=_NAME)
    if not wait_ready(client, stop):
        return
    if not options.leader_elect:
        _lead(client, options, stop, on_ready, controllers)
        return
    identity = options.identity or f"{socket.gethostname()}_{os.getpid()}"
    elector = LeaderElector(client, Election("kube-system", _NAME, identity))
    elector.run(lambda lost: _lead(client, options, lost, on_ready, controllers), stop)


def _lead(
    client: ApiClient,
    options: ManagerOptions,
    stop: threading.Event,
    on_ready: Callable[[], None] | None,
    controllers: Sequence[Registration],
) -> None:
    informers = Informers(client)
    transport = client.bare_transport()
    recorders: list[EventRecorder] = []
    runners: list[Runner] = []
    for each in (registration for registration in controllers if registration.since <= options.kubernetes_minor):
        own = client_as(client, each.account, transport) if each.account else client
        recorder = EventRecorder(own, each.component or each.account or _NAME)
        recorders.append(recorder)
        context = Context(own, informers, recorder, options)
        runners.append(Runner(each.name, each.build(context)))
    informers.start()
    if informers.wait_synced(stop):
        for runner in runners:
            runner.start(stop)
        if on_ready is not None:
            on_ready()
        stop.wait()
    informers.stop()
    for runner in runners:
        runner.stop()
    until = time.monotonic() + _END_SECONDS
    for runner in runners:
        runner.join(until)
    for recorder in recorders:
        recorder.close(max(0.1, until - time.monotonic()))
