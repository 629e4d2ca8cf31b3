"""The supervisor as a process of its own, over components that do nothing but live."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cluster.assembly.config import Home
from cluster.assembly.nodes import NodeSet
from cluster.assembly.supervisor import AlreadyRunning, ask, lock_home
from tests.support import ROOT, eventually


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Home]]:
    processes: list[subprocess.Popen[bytes]] = []

    def begin(*arguments: str) -> Home:
        command = [sys.executable, "-m", "tests.unit.assembly.supervised", str(tmp_path), *arguments]
        processes.append(subprocess.Popen(command, cwd=ROOT))
        home = Home(tmp_path)
        eventually(lambda: _journal(home).count("second starts"), "the components run")
        eventually(lambda: _components(home)["second"]["ready"], "they are ready")
        return home

    yield begin
    for process in processes:
        process.terminate()
        process.wait(20)


def _journal(home: Home) -> list[str]:
    path = home.root / "journal"
    return path.read_text().splitlines() if path.exists() else []


def _components(home: Home) -> dict[str, Any]:
    found: dict[str, Any] = ask(home, {"do": "status"})["components"]
    return found


def test_components_stop_in_reverse_order_and_nodes_before_them(start: Callable[..., Home], tmp_path: Path) -> None:
    NodeSet(Home(tmp_path)).grow(1)
    home = start()
    eventually(lambda: _components(home)["kubelet-node-1"]["ready"], "the node is ready")
    assert ask(home, {"do": "stop"}) == {"stopped": True}
    assert _journal(home)[-3:] == ["kubelet node-1 ends", "second ends", "first ends"]


def test_what_is_killed_is_started_again(start: Callable[..., Home]) -> None:
    home = start()
    killed = _components(home)["first"]["pid"]
    os.kill(killed, signal.SIGKILL)
    eventually(lambda: _components(home)["first"]["pid"] not in (0, killed), "it runs again")
    assert _components(home)["first"]["restarts"] == 1


def test_what_keeps_ending_waits_longer_each_time(start: Callable[..., Home]) -> None:
    home = start("crash")
    eventually(lambda: _components(home)["crash"]["restarts"] >= 3, "three restarts")
    state = _components(home)
    assert (state["crash"]["ready"], state["first"]["state"]) == (False, "Running")
    assert _journal(home).count("crash") <= 4


def test_a_node_is_started_stopped_and_removed(start: Callable[..., Home]) -> None:
    home = start()
    ask(home, {"do": "node-start", "node": "n1"})
    eventually(lambda: _components(home)["kubelet-n1"]["ready"], "the node is ready")
    ask(home, {"do": "node-stop", "node": "n1"})
    eventually(lambda: _components(home)["kubelet-n1"]["state"] == "Stopped", "the node is stopped")
    ask(home, {"do": "node-remove", "node": "n1"})
    assert ("kubelet-n1" in _components(home), NodeSet.load(home).wanted) == (False, {})


def test_an_unknown_request_is_told(start: Callable[..., Home]) -> None:
    with pytest.raises(ValueError, match='unknown request "dance"'):
        ask(start(), {"do": "dance"})


def test_a_home_has_one_supervisor(start: Callable[..., Home]) -> None:
    with pytest.raises(AlreadyRunning):
        lock_home(start())


def test_without_a_supervisor_there_is_nobody_to_ask(tmp_path: Path) -> None:
    with pytest.raises(ConnectionError, match="no cluster runs in"):
        ask(Home(tmp_path), {"do": "status"})


def test_components_end_with_a_supervisor_that_is_killed(start: Callable[..., Home]) -> None:
    home = start()
    state = ask(home, {"do": "status"})
    os.kill(state["pid"], signal.SIGKILL)
    assert eventually(lambda: {"first ends", "second ends"} <= {*_journal(home)}, "they have ended")
