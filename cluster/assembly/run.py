"""The supervisor's program: `python -m cluster.assembly.run --home HOME` runs the cluster that config.json there describes.

It starts the store and the API server first; while they come up it imports what controllers, scheduler and kubelets share,
so that their forks share it in memory.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

from cluster.assembly import components
from cluster.assembly.config import Config, Home
from cluster.assembly.nodes import NodeSet
from cluster.assembly.supervisor import AlreadyRunning, Supervisor, lock_home


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, required=True)
    home = Home(parser.parse_args().home.resolve())
    try:
        lock = lock_home(home)
    except AlreadyRunning:
        print(f'another supervisor runs the cluster in "{home.root}"', file=sys.stderr)  # noqa: T201 - its log
        return 1
    assert lock >= 0, "held until this process ends"
    config = Config.load(home)
    supervisor = Supervisor(config, NodeSet.load(home), lambda node: components.kubelet(config, node))
    supervisor.add("store", components.store(config))
    supervisor.add("apiserver", components.api_server(config))
    supervisor.start_due()
    for module in components.SHARED:
        importlib.import_module(module)
    supervisor.add("controller-manager", components.controller_manager(config))
    supervisor.add("scheduler", components.scheduler(config))
    supervisor.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
