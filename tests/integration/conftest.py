"""What tests of several rooms share: one control plane with two nodes that tests keep alive, and a short grace period."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.cli.conftest import Berth
from tests.integration.controllers.world import World
from tests.support import free_port


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    berth = Berth(tmp_path_factory.mktemp("world") / "home", free_port())
    berth.start("--nodes", "0", "--node-monitor-grace-period", "4")
    made = World(berth.home / "admin.kubeconfig")
    made.kubelets.start()
    for name in ("w1", "w2"):
        made.kubelets.add(name)
    yield made
    made.kubelets.stop()
    berth.run("delete")
