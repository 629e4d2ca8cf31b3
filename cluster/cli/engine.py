"""What `berth` asks of a Docker engine before any node runs: whether it answers, its version, its networks.

Raw HTTP on the engine's Unix socket, because the SDK takes longer to import than everything else that `berth start` does.
"""

from __future__ import annotations

import http.client
import ipaddress
import os
import socket
from typing import Any

import orjson


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def _ask(path: str) -> Any:
    """The engine's JSON answer; None where no engine answers on a Unix socket."""
    address = os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"
    if not address.startswith("unix://"):
        return None
    connection = _UnixConnection(address.removeprefix("unix://"), timeout=5)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read()
        return orjson.loads(body) if response.status == 200 else None
    except (OSError, http.client.HTTPException, orjson.JSONDecodeError):
        return None
    finally:
        connection.close()


def version() -> str | None:
    """The engine's version, None where none answers."""
    answer = _ask("/version")
    return str(answer.get("Version", "")) if isinstance(answer, dict) else None


def networks() -> list[Any]:
    """The engine's networks, as its API lists them."""
    answer = _ask("/networks")
    return answer if isinstance(answer, list) else []


def bridge_gateway() -> str | None:
    """The host's address on Docker's default bridge, by which containers reach it."""
    for network in networks():
        if network.get("Name") == "bridge":
            for part in network.get("IPAM", {}).get("Config") or []:
                if gateway := part.get("Gateway"):
                    return str(gateway)
                if subnet := part.get("Subnet"):
                    return str(next(ipaddress.ip_network(subnet).hosts()))
    return None


def free_pod_cidr(own: str) -> str:
    """A /16 for pods that no network of the engine overlaps, other than those labelled as of the cluster `own`."""
    taken = [
        ipaddress.ip_network(part["Subnet"])
        for network in networks()
        if (network.get("Labels") or {}).get("berth.cluster") != own
        for part in network.get("IPAM", {}).get("Config") or []
        if part.get("Subnet")
    ]
    for second in (244, *range(200, 244), *range(245, 256)):
        candidate = ipaddress.ip_network(f"10.{second}.0.0/16")
        if not any(candidate.version == each.version and candidate.overlaps(each) for each in taken):
            return str(candidate)
    raise ValueError("no /16 below 10.0.0.0/8 is free for pods: remove unused Docker networks")
