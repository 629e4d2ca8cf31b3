"""A Docker engine to test with: elsewhere its absence is a stated skip, in CI a failure."""

from __future__ import annotations

import os
from typing import Any

import pytest

from cluster.kubelet.docker_engine import connect
from cluster.kubelet.runtime import RuntimeFailure


def engine_or_skip() -> Any:
    """A `docker.APIClient`."""
    try:
        return connect()
    except RuntimeFailure as failure:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"needs Docker: {failure}")
