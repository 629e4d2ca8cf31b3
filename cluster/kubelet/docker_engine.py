"""The connection to a Docker engine: how it is made, and how its failures become ours."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from typing import Any, Final

import docker
import docker.utils
from docker.errors import APIError, DockerException

from cluster.kubelet.runtime import RuntimeFailure

DEFAULT_ADDRESS: Final = "unix:///var/run/docker.sock"
KNOCK_SECONDS: Final = 10.0


def connect(timeout_seconds: int = 120) -> Any:
    """A `docker.APIClient` of the engine that the environment names; RuntimeFailure where none answers."""
    settings = docker.utils.kwargs_from_env()
    try:
        _knock(settings.get("base_url") or DEFAULT_ADDRESS)
        engine = docker.APIClient(timeout=timeout_seconds, num_pools=16, **settings)
        engine.ping()
    except (DockerException, OSError) as error:
        raise RuntimeFailure(f"no Docker engine answers: {error}") from error
    return engine


def _knock(address: str) -> None:
    """Connects to a Unix socket and leaves; OSError where nobody listens.  The SDK leaves its socket open when it fails."""
    scheme, _, path = address.partition("://")
    if scheme in ("unix", "http+unix"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(KNOCK_SECONDS)
            probe.connect(f"/{path.lstrip('/')}")


@contextlib.contextmanager
def failures() -> Iterator[None]:
    """What the engine refuses, or its absence, is a RuntimeFailure."""
    try:
        yield
    except (DockerException, OSError, ValueError) as error:
        raise RuntimeFailure(text(error)) from error


@contextlib.contextmanager
def absent_is_fine() -> Iterator[None]:
    """As `failures`; but what is gone, stopped or on its way out already is as it should be."""
    try:
        yield
    except (DockerException, OSError) as error:
        if not _is_done(error):
            raise RuntimeFailure(text(error)) from error


def _is_done(error: Exception) -> bool:
    status = error.status_code if isinstance(error, APIError) else None
    return status == 404 or (status == 409 and ("is not running" in str(error) or "already in progress" in str(error)))


def text(error: Exception) -> str:
    """The engine's own words, without the SDK's."""
    explanation = getattr(error, "explanation", None)
    if isinstance(explanation, bytes):
        return explanation.decode(errors="replace")
    return str(explanation or error)
