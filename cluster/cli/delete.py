"""`berth delete`: the cluster, its containers, its home and its context are gone."""

from __future__ import annotations

import argparse
import shutil

from cluster.assembly.config import Home
from cluster.cli import containers, kubeconfigs, local, stop


def add_arguments(parser: argparse.ArgumentParser, home: argparse.ArgumentParser) -> None:  # noqa: ARG001 - every command's shape
    parser.add_argument("--keep-kubeconfig", action="store_true", help="leave the context in the user's kubeconfig")


def run(arguments: argparse.Namespace) -> int:
    home = local.open_home(arguments.home)
    config = local.load_config(home)
    stop.stop(home, config)
    if config.runtime == "docker":
        containers.remove(config)
    if not arguments.keep_kubeconfig:
        kubeconfigs.forget(config)
    _remove(home)
    print(f'* cluster "{config.name}" deleted')
    return 0


def _remove(home: Home) -> None:
    """Removes what a cluster keeps in its home, and the home where nothing else is in it."""
    for folder in (home.pki, home.run, home.logs, home.nodes):
        shutil.rmtree(folder, ignore_errors=True)
    for file in home.root.glob("store.db*"):
        file.unlink()
    for file in (home.config, home.admin_kubeconfig, home.root / "nodes.json"):
        file.unlink(missing_ok=True)
    if not any(home.root.iterdir()):
        home.root.rmdir()
