"""Stops and removes what a cluster's nodes run in Docker, by the labels that kubelets put on it."""

from __future__ import annotations

import contextlib
from typing import Any

from cluster.assembly.config import Config
from cluster.cli.failure import CommandError
from cluster.kubelet.runtime import CLUSTER_LABEL, NODE_LABEL


def _engine() -> Any:
    from cluster.kubelet.docker_engine import connect
    from cluster.kubelet.runtime import RuntimeFailure

    try:
        return connect()
    except RuntimeFailure as error:
        raise CommandError(f"{error}: start it, so that the cluster's containers can be cleaned up") from error


def _filters(config: Config, node: str | None) -> dict[str, list[str]]:
    labels = [f"{CLUSTER_LABEL}={config.name}"]
    return {"label": [*labels, f"{NODE_LABEL}={node}"] if node else labels}


def stop(config: Config, node: str | None = None) -> None:
    """Kills the containers of one node or of all: a machine that is off gives no grace."""
    from docker.errors import APIError

    engine = _engine()
    for container in engine.containers(filters=_filters(config, node)):
        with contextlib.suppress(APIError):  # it has ended by itself
            engine.kill(container["Id"])


def remove(config: Config, node: str | None = None) -> None:
    """Removes the containers, networks and mounts of one node, or of all with what lets their networks through."""
    from docker.errors import APIError

    from cluster.kubelet import network as pod_network
    from cluster.kubelet import volumes

    engine = _engine()
    filters = _filters(config, node)
    for container in engine.containers(all=True, filters=filters):
        with contextlib.suppress(APIError):  # it is being removed already
            engine.remove_container(container["Id"], force=True, v=True)
    for network in engine.networks(filters=filters):
        with contextlib.suppress(APIError):  # a container of somebody else's is in it
            engine.remove_network(network["Id"])
    volumes.release(config.home.nodes / node if node else config.home.nodes)
    if node is None:
        pod_network.forget(config.pod_cidr)
