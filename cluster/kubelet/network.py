"""The pod network: a seam, with Docker's own bridge as its first implementation.

A network gives each sandbox an address out of the node's pod CIDR.  `mode` is what the sandbox is created with; an implementation
that attaches after the start (CNI) would say `none` there and do its work in `address`.
"""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import subprocess
from typing import Any, Protocol

from cluster.kubelet.runtime import CLUSTER_LABEL, NODE_LABEL

log = logging.getLogger(__name__)


class PodNetwork(Protocol):
    @property
    def mode(self) -> str:
        """Docker's network mode for a sandbox."""
        ...

    @property
    def gateway(self) -> str:
        """The machine's own address on the network; empty where there is none."""
        ...

    def prepare(self, pod_cidr: str) -> None:
        """Makes the network; again at each start.  Raises where the machine can't."""
        ...

    def address(self, inspected: dict[str, Any]) -> str:
        """The address of a sandbox that runs, by what `docker inspect` says of it."""
        ...


class DockerBridge:
    """One Docker bridge network per node, its subnet the node's pod CIDR."""

    def __init__(self, docker: Any, cluster: str, node: str, cluster_cidr: str = "") -> None:
        """`docker` is a `docker.APIClient`; pods of all nodes in `cluster_cidr` may reach each other."""
        self._docker = docker
        self._labels = {CLUSTER_LABEL: cluster, NODE_LABEL: node}
        self._name = f"berth-{cluster.removeprefix('berth-')}-{node}"
        self._cluster_cidr = cluster_cidr
        self._gateway = ""

    @property
    def mode(self) -> str:
        return self._name

    @property
    def gateway(self) -> str:
        return self._gateway

    def prepare(self, pod_cidr: str) -> None:
        found = [each for each in self._docker.networks(names=[self._name]) if each["Name"] == self._name]
        if found and pod_cidr and self._subnet(found[0]) != pod_cidr and not found[0].get("Containers"):
            with contextlib.suppress(Exception):  # in use after all: it stays as it is
                self._docker.remove_network(found[0]["Id"])
                found = []
        if not found:
            self._create(pod_cidr)
            found = [each for each in self._docker.networks(names=[self._name]) if each["Name"] == self._name]
        configs = (found[0].get("IPAM") or {}).get("Config") or [{}]
        self._gateway = configs[0].get("Gateway") or self._first(configs[0].get("Subnet", ""))
        if self._cluster_cidr:
            _let_through(self._cluster_cidr)

    def address(self, inspected: dict[str, Any]) -> str:
        networks = inspected.get("NetworkSettings", {}).get("Networks") or {}
        return str((networks.get(self._name) or {}).get("IPAddress") or "")

    def _create(self, pod_cidr: str) -> None:
        from docker.errors import APIError
        from docker.types import IPAMConfig, IPAMPool

        if pod_cidr:
            pool = IPAMPool(subnet=pod_cidr, gateway=self._first(pod_cidr))
            try:
                self._docker.create_network(self._name, driver="bridge", ipam=IPAMConfig(pool_configs=[pool]), labels=self._labels)
                return
            except APIError as error:
                if "overlaps" not in str(error):
                    raise
                log.warning('pod CIDR "%s" is taken by another network of this machine; pods get addresses of a free one', pod_cidr)
        self._docker.create_network(self._name, driver="bridge", labels=self._labels)

    @staticmethod
    def _first(subnet: str) -> str:
        return str(next(ipaddress.ip_network(subnet).hosts())) if subnet else ""

    @staticmethod
    def _subnet(network: dict[str, Any]) -> str:
        configs = (network.get("IPAM") or {}).get("Config") or [{}]
        return str(configs[0].get("Subnet", ""))


def _rule(cidr: str) -> list[str]:
    return ["DOCKER-USER", "-s", cidr, "-d", cidr, "-j", "ACCEPT"]


def _let_through(cidr: str) -> None:
    """Docker isolates its networks from each other; pods must reach pods of other nodes.  Without the right to, it is left so."""
    try:
        if subprocess.run(["iptables", "-w", "-C", *_rule(cidr)], capture_output=True, timeout=10).returncode:
            done = subprocess.run(["iptables", "-w", "-I", *_rule(cidr)], capture_output=True, timeout=10, text=True)
            if done.returncode:
                log.warning("pods of different nodes can't reach each other: iptables: %s", done.stderr.strip())
    except (OSError, subprocess.TimeoutExpired) as error:
        log.warning("pods of different nodes can't reach each other: iptables: %s", error)


def forget(cidr: str) -> None:
    """Takes back what `prepare` let through for a cluster; several nodes that start at once may each have put it there."""
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):  # without iptables nothing was let through
        while not subprocess.run(["iptables", "-w", "-D", *_rule(cidr)], capture_output=True, timeout=10).returncode:
            continue
