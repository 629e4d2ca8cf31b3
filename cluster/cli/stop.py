"""`berth stop`: every process ends; what the cluster holds stays."""

from __future__ import annotations

import argparse

from cluster.assembly.config import Config, Home
from cluster.cli import containers, local
from cluster.cli.failure import CommandError


def add_arguments(parser: argparse.ArgumentParser, home: argparse.ArgumentParser) -> None:
    """Takes none but --home."""


def run(arguments: argparse.Namespace) -> int:
    home = local.open_home(arguments.home)
    config = local.load_config(home)
    print(f'* cluster "{config.name}" stopped' if stop(home, config) else f'* cluster "{config.name}" does not run')
    return 0


def stop(home: Home, config: Config) -> bool:
    """Stops the processes, then the containers of the nodes; whether anything ran."""
    if local.running(home) is None:
        return False
    try:
        local.supervisor(home, {"do": "stop"}, timeout=60)
    except CommandError:
        if local.running(home) is not None:
            raise
    if config.runtime == "docker":
        containers.stop(config)
    return True
