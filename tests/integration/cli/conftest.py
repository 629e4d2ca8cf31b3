"""Clusters made by the `berth` command as a user runs it: a process, a home of its own, a free port."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support import eventually, free_port


@dataclass(frozen=True)
class Berth:
    """The command, bound to one home and one user's kubeconfig."""

    home: Path
    port: int

    @property
    def user_kubeconfig(self) -> Path:
        return self.home.parent / "user.kubeconfig"

    def run(self, *arguments: str, check: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("BERTH_")}
        variables = clean | {"KUBECONFIG": str(self.user_kubeconfig), "BERTH_HOME": str(self.home)} | environment
        command = [sys.executable, "-m", "cluster.cli", *arguments]
        result = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=110)
        assert not check or result.returncode == 0, f"berth {' '.join(arguments)}: {result.stdout}{result.stderr}"
        return result

    def start(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.run("start", "--port", str(self.port), "--runtime", "sim", *arguments)

    def status(self) -> dict[str, Any]:
        report: dict[str, Any] = json.loads(self.run("status", "-o", "json", check=False).stdout)
        return report

    def pid(self, component: str) -> int:
        from cluster.assembly.config import Home
        from cluster.assembly.supervisor import ask

        return int(ask(Home(self.home), {"do": "status"})["components"][component]["pid"])

    def until(self, condition: Callable[[], bool], seconds: float = 40) -> None:
        eventually(condition, lambda: f"status: {self.status()}", seconds)


@pytest.fixture
def berth(tmp_path: Path) -> Iterator[Berth]:
    command = Berth(tmp_path / "home", free_port())
    yield command
    if (command.home / "config.json").exists() and os.access(command.home, os.W_OK):
        command.run("delete", check=False)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Berth]:
    """A cluster with one simulated node, shared by the tests of a module that leave it whole."""
    command = Berth(tmp_path_factory.mktemp("running") / "home", free_port())
    command.start("--nodes", "1")
    yield command
    command.run("delete")
