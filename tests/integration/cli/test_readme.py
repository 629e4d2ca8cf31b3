"""What the README shows is what happens: its commands are run as they stand there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.integration.cli.conftest import Berth
from tests.support import ROOT, eventually
from tests.support_needs import need_kubectl


def _commands(section: str) -> list[str]:
    """The commands of the first block of a section."""
    text = (ROOT / "README.md").read_text().partition(f"## {section}\n")[2]
    block = re.search(r"```\n(.*?)```", text, re.DOTALL)
    assert block is not None
    return [line.partition("  #")[0].strip() for line in block[1].splitlines() if line.strip()]


def test_the_tenant_of_the_readme(running: Berth, tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "berth").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m cluster.cli "$@"\n')
    (programs / "berth").chmod(0o755)
    (programs / "kubectl").symlink_to(need_kubectl())
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"BERTH_HOME": str(running.home), "KUBECONFIG": str(running.user_kubeconfig)}
    environment |= {"PATH": path, "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)}

    def run(command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", command], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
        )

    export, *commands = _commands("A tenant in five lines")
    assert export.startswith("export PATH=")
    said = {command: run(command) for command in commands[:-1]}
    for command, done in said.items():
        denied = command.startswith("berth auth why")
        assert done.returncode == (1 if denied else 0), f"{command}: {done.stdout}{done.stderr}"
        assert ("denied by authorization" in done.stdout) is denied
    pods = "kubectl --kubeconfig alice.kubeconfig -n shop-test get pods"
    eventually(lambda: run(pods).stdout.count("Running") == 2, "alice's pods run")
    assert run("kubectl --kubeconfig alice.kubeconfig get namespaces").returncode == 1
    assert run(commands[-1]).returncode == 0
    assert "You must be logged in to the server" in run(pods).stderr
