"""What a test needs of its machine: in CI its absence is a failure, elsewhere a skip that says so."""

from __future__ import annotations

import os
import shutil
from typing import Any, NoReturn

import pytest


def missing(what: str) -> NoReturn:
    """Fails where CI=true, skips elsewhere."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what}: in CI it must be there")
    pytest.skip(what)


def need_program(name: str) -> str:
    """The path of a program."""
    return shutil.which(name) or missing(f"{name} is not on PATH")


def need_kubectl() -> str:
    """The path of kubectl; BERTH_KUBECTL may name another than that on PATH."""
    return os.environ.get("BERTH_KUBECTL") or need_program("kubectl")


def docker_engine() -> Any:
    """A `docker.APIClient` of the engine that answers."""
    from cluster.kubelet.docker_engine import connect
    from cluster.kubelet.runtime import RuntimeFailure

    try:
        return connect()
    except RuntimeFailure as error:
        missing(str(error))
