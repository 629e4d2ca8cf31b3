"""The bodies of the supervised processes: each takes the Config, and returns what the supervisor runs in a fork.

A body imports what it needs when it runs; `SHARED` is what the supervisor imports before it forks, because several need it.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from cluster.assembly.config import Config
from cluster.assembly.environment import SUPERVISED

SHARED: Final = ("cluster.controllers.manager", "cluster.scheduler.run", "cluster.kubelet.kubelet")

Body = Callable[[Callable[[], None]], None]


def _stop_event() -> threading.Event:
    """Set when the process is told to end."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname).1s %(name)s: %(message)s", stream=sys.stderr)
    return stop


def store(config: Config) -> Body:
    def run(ready: Callable[[], None]) -> None:
        from cluster.storage import process

        ready()
        home = config.home
        arguments = ["--url", config.store_url, "--socket", str(home.store_socket), "--revision-file", str(home.revision_file)]
        if config.encryption.encryption_provider_config:
            arguments += ["--encryption-provider-config", config.encryption.encryption_provider_config]
        sys.exit(process.main(arguments))

    return run


def api_server(config: Config) -> Body:
    """Executes gunicorn, because a worker class that patches the standard library must come first in its process."""

    def run(ready: Callable[[], None]) -> None:
        ready()
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("BERTH_")}
        environment = inherited | {"BERTH_HOME": str(config.home.root), SUPERVISED: "1"}
        command = [sys.executable, "-m", "gunicorn", "-c", "python:cluster.assembly.gunicorn_conf", "wsgi:application"]
        os.execve(sys.executable, command, environment)  # noqa: S606 - no shell is wanted

    return run


def controller_manager(config: Config) -> Body:
    def run(ready: Callable[[], None]) -> None:
        from cluster.controllers import manager
        from cluster.controllers.framework import ManagerOptions

        grace = config.node_monitor_grace_period
        options = ManagerOptions(
            kubeconfig=config.home.kubeconfig("controller-manager"),
            kubernetes_minor=int(config.kubernetes_version.split(".")[1]),
            ca_pem=config.home.certificate("ca").read_text(),
            ca_certificate=config.home.certificate("ca"),
            ca_key=config.home.key("ca"),
            service_account_key=Path(config.authentication.service_account_signing_key_file or config.home.key("sa")),
            pod_cidr=config.pod_cidr,
            node_monitor_grace_period=grace,
            node_monitor_period=min(5.0, grace / 4),
        )
        manager.run(options, _stop_event(), on_ready=ready)

    return run


def scheduler(config: Config) -> Body:
    def run(ready: Callable[[], None]) -> None:
        from cluster.scheduler.run import run as schedule

        schedule(config.home.kubeconfig("scheduler"), _stop_event(), on_ready=ready)

    return run


def kubelet(config: Config, node: str) -> Body:
    def run(ready: Callable[[], None]) -> None:
        from cluster.kubelet.kubelet import Kubelet, KubeletOptions

        home = config.home
        options = KubeletOptions(
            name=node,
            kubeconfig=home.kubeconfig(f"node-{node}"),
            home=home.nodes / node,
            serving_cert=home.certificate(f"kubelet-{node}"),
            serving_key=home.key(f"kubelet-{node}"),
            client_ca=home.certificate("ca"),
            address=config.node_host,
            port=0,
            runtime=config.runtime,
            cluster=config.name,
            cluster_cidr=config.pod_cidr,
            api_host=config.node_host,
            api_port=config.port,
        )
        Kubelet(options).run(_stop_event(), on_ready=ready)

    return run
