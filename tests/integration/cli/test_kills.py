"""Every process of the control plane is killed while clients write: what was acknowledged stays, and a watch tells all of it."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import suppress

import pytest

from cluster.api.errors import AlreadyExists, StatusError
from cluster.client.http import ApiClient
from cluster.client.resources import CONFIG_MAPS
from tests.integration.cli.conftest import Berth
from tests.support import children

WRITERS = 4
ROUNDS = 3


def serving(berth: Berth) -> list[int]:
    """The API server's master and workers; nothing while there is no master."""
    master = berth.pid("apiserver")
    return [master, *children(master)] if master else []


class Writer(threading.Thread):
    """Creates config maps, one after the other, and remembers those that were acknowledged, with their revisions."""

    def __init__(self, client: ApiClient, number: int, stop: threading.Event) -> None:
        super().__init__()
        self.client = client
        self.number = number
        self.stop_event = stop
        self.acknowledged: dict[str, int] = {}

    def run(self) -> None:
        count = 0
        while not self.stop_event.is_set():
            name = f"w{self.number}-{count}"
            try:
                made = self.client.create(CONFIG_MAPS, "default", {"metadata": {"name": name}, "data": {"k": "v"}})
                self.acknowledged[name] = int(made["metadata"]["resourceVersion"])
            except AlreadyExists:
                pass  # an earlier attempt was written, but its answer was lost
            except StatusError:
                self.stop_event.wait(0.02)
                continue
            count += 1


def follow(client: ApiClient, revision: str, wanted: dict[str, int]) -> dict[str, list[int]]:
    """The revisions of each config map's events from `revision` on, until all that are wanted have come."""
    seen: dict[str, list[int]] = {}
    with client.watch(CONFIG_MAPS, "default", resource_version=revision, timeout_seconds=60) as watch:
        for kind, obj in watch:
            metadata = obj["metadata"]
            assert kind == "ADDED", obj
            seen.setdefault(metadata["name"], []).append(int(metadata["resourceVersion"]))
            if wanted.keys() <= seen.keys():
                break
    return seen


@pytest.mark.timeout(300)
def test_nothing_acknowledged_is_lost_whatever_is_killed(berth: Berth) -> None:
    berth.start("--nodes", "0")
    client = ApiClient.from_kubeconfig(berth.home / "admin.kubeconfig", user_agent="test")
    berth.until(lambda: bool(client.list(CONFIG_MAPS, "default")["items"]))
    start = client.list(CONFIG_MAPS, "default")["metadata"]["resourceVersion"]
    stop = threading.Event()
    writers = [Writer(client, number, stop) for number in range(WRITERS)]
    for writer in writers:
        writer.start()

    def progress() -> int:
        return sum(len(writer.acknowledged) for writer in writers)

    kills = 0
    for _ in range(ROUNDS):
        berth.until(lambda: len(serving(berth)) == 3)
        master = berth.pid("apiserver")
        for victim in (*children(master), berth.pid("store"), master):
            before = progress()
            berth.until(lambda before=before: progress() > before + 20)
            with suppress(ProcessLookupError):  # a master ends by itself where the store goes while a worker begins
                os.kill(victim, signal.SIGKILL)
            kills += 1
            after = progress()
            berth.until(lambda after=after: progress() > after)
    stop.set()
    for writer in writers:
        writer.join()
    berth.until(lambda: berth.run("status", check=False).returncode == 0)

    acknowledged = {name: revision for writer in writers for name, revision in writer.acknowledged.items()}
    assert kills == ROUNDS * 4
    listed = {item["metadata"]["name"]: int(item["metadata"]["resourceVersion"]) for item in client.list(CONFIG_MAPS, "default")["items"]}
    assert acknowledged.items() <= listed.items()
    listed.pop("kube-root-ca.crt")
    events = follow(client, start, listed)
    assert {name: revisions for name, revisions in events.items() if revisions != [listed[name]]} == {}
