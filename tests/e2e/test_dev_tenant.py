"""The tenant scenario on real Docker, as its script runs it for a user."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.cli.conftest import Berth
from tests.support import free_port
from tests.support_images import TEST_IMAGE, ensure_busybox
from tests.support_needs import docker_engine, need_kubectl

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def docker_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Berth]:
    """Two Docker nodes, with grace period and toleration made short."""
    ensure_busybox(docker_engine())
    need_kubectl()
    command = Berth(tmp_path_factory.mktemp("docker") / "home", free_port())
    tolerations = [f"--default-{state}-toleration-seconds=3" for state in ("not-ready", "unreachable")]
    grace = ("--node-monitor-grace-period", "12", *tolerations)
    command.run("start", "--port", str(command.port), "--runtime", "docker", "--nodes", "2", *grace)
    yield command
    command.run("delete")


@pytest.mark.timeout(420)
def test_the_tenant_scenario_runs(docker_cluster: Berth, tmp_path: Path) -> None:
    wrapper = tmp_path / "berth"
    wrapper.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m cluster.cli "$@"\n')
    wrapper.chmod(0o755)
    variables = os.environ | {
        "BERTH": str(wrapper),
        "BERTH_HOME": str(docker_cluster.home),
        "KUBECONFIG": str(docker_cluster.user_kubeconfig),
        "IMAGE": TEST_IMAGE,
    }
    result = subprocess.run(["bash", str(ROOT / "examples" / "dev-tenant.sh")], env=variables, capture_output=True, text=True, timeout=400)
    assert result.returncode == 0, result.stdout[-4000:] + result.stderr[-4000:]
    assert "the scenario has run" in result.stdout
