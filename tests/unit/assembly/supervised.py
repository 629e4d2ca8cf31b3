"""A supervisor of small components, run as a program on a home: each notes in `journal` what happens to it."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from cluster.assembly.config import Config, Home
from cluster.assembly.nodes import NodeSet
from cluster.assembly.supervisor import Main, Supervisor, lock_home


def _note(home: Home, text: str) -> None:
    with open(home.root / "journal", "a") as journal:
        journal.write(f"{text}\n")


def _waiting(home: Home, name: str) -> Main:
    def main(ready: Callable[[], None]) -> None:
        stop = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: stop.set())
        _note(home, f"{name} starts")
        ready()
        while not stop.wait(0.05):
            continue
        _note(home, f"{name} ends")

    return main


def _crashing(home: Home) -> Main:
    def main(ready: Callable[[], None]) -> None:
        _note(home, "crash")
        raise SystemExit(3)

    return main


def run(root: Path) -> None:
    home = Home(root)
    home.logs.mkdir(exist_ok=True)
    lock = lock_home(home)
    supervisor = Supervisor(Config(home), NodeSet.load(home), lambda name: _waiting(home, f"kubelet {name}"))
    supervisor.add("first", _waiting(home, "first"))
    supervisor.add("second", _waiting(home, "second"))
    if "crash" in sys.argv:
        supervisor.add("crash", _crashing(home))
    supervisor.run()
    assert lock >= 0


if __name__ == "__main__":
    run(Path(sys.argv[1]))
