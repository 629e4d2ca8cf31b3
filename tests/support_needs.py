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


def need_kubectl() -> str:
    """The path of kubectl."""
    return shutil.which("kubectl") or missing("kubectl is not on PATH")


def docker_engine() -> Any:
    """A `docker.APIClient` of the engine that answers."""
    from cluster.kubelet.docker_engine import connect
    from cluster.kubelet.runtime import RuntimeFailure

    try:
        return connect()
    except RuntimeFailure as error:
        missing(str(error))
