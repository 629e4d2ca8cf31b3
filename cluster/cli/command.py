"""The command line of `berth`: its parser, and the one place where failures become messages."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cluster.cli.failure import CommandError

COMMANDS = {
    "start": "cluster.cli.start",
    "stop": "cluster.cli.stop",
    "status": "cluster.cli.status",
    "version": "cluster.cli.version",
    "delete": "cluster.cli.delete",
    "node": "cluster.cli.node",
    "kubeconfig": "cluster.cli.kubeconfig",
}


def _environment(name: str, default: Any = None) -> Any:
    return os.environ.get(f"BERTH_{name}") or default


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="berth", description="A Kubernetes-compatible, multi-tenant control plane.")
    home = argparse.ArgumentParser(add_help=False)
    default = Path(_environment("HOME", Path.home() / ".berth"))
    home.add_argument("--home", type=Path, default=default, help="the cluster's folder, default ~/.berth (BERTH_HOME)")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _start(commands.add_parser("start", parents=[home], help="start the cluster, and make it where there is none"))
    commands.add_parser("stop", parents=[home], help="stop the cluster; what it holds stays")
    status = commands.add_parser("status", parents=[home], help="the health of each part")
    status.add_argument("-o", "--output", choices=("text", "json"), default="text")
    version = commands.add_parser("version", help="the version of Berth")
    version.add_argument("-o", "--output", choices=("text", "json"), default="text")
    delete = commands.add_parser("delete", parents=[home], help="stop the cluster and remove all that it holds")
    delete.add_argument("--keep-kubeconfig", action="store_true", help="leave the context in the user's kubeconfig")
    _node(commands.add_parser("node", help="add, list, stop, start and remove nodes"), home)
    _kubeconfig(commands.add_parser("kubeconfig", help="issue kubeconfigs"), home)
    return parser


def _start(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--port", type=int, default=_environment("PORT"), help="the API server's port, default 6443 (BERTH_PORT)")
    add("--nodes", type=int, default=_environment("NODES"), metavar="N", help="at least so many nodes, default 2 (BERTH_NODES)")
    add("--workers", type=int, default=_environment("WORKERS"), metavar="N", help="API server processes, default 2 (BERTH_WORKERS)")
    add("--runtime", default=_environment("RUNTIME"), help="auto, docker or sim; default auto (BERTH_RUNTIME)")
    add("--store", default=_environment("STORE"), metavar="URL", help="the store, default SQLite in the home (BERTH_STORE)")
    add(
        "--kubernetes-version",
        default=_environment("KUBERNETES_VERSION"),
        metavar="X.Y",
        help="the API to present, default 1.36 (BERTH_KUBERNETES_VERSION)",
    )
    add(
        "--node-monitor-grace-period",
        type=float,
        default=_environment("NODE_MONITOR_GRACE_PERIOD"),
        metavar="SECONDS",
        help="silence after which a node is NotReady, default 50 (BERTH_NODE_MONITOR_GRACE_PERIOD)",
    )
    add(
        "--not-ready-toleration",
        type=int,
        default=_environment("NOT_READY_TOLERATION"),
        metavar="SECONDS",
        help="how long pods stay on such a node unless they say, default 300 (BERTH_NOT_READY_TOLERATION)",
    )


def _node(parser: argparse.ArgumentParser, home: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    add = actions.add_parser("add", parents=[home], help="add a node and start it")
    add.add_argument("name", nargs="?", help="default: the next node-N")
    listing = actions.add_parser("list", parents=[home], help="the nodes and their state")
    listing.add_argument("-o", "--output", choices=("text", "json"), default="text")
    for action, text in (
        ("stop", "stop a node and all that runs on it, as if its machine were off"),
        ("start", "start a stopped node"),
        ("remove", "stop a node and remove it from the cluster"),
    ):
        actions.add_parser(action, parents=[home], help=text).add_argument("name")


def _kubeconfig(parser: argparse.ArgumentParser, home: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    create = actions.add_parser("create", parents=[home], help="print a kubeconfig for a service account or a person")
    create.add_argument("name", help="the service account's name, or the person's with --user")
    create.add_argument("-n", "--namespace", default="", help="the service account's namespace; with --user the context's")
    create.add_argument("--user", action="store_true", help="for a person: a client certificate")
    create.add_argument("--group", action="append", default=[], metavar="GROUP", help="a group of the person (may be repeated)")
    create.add_argument("--lifetime", default="8760h", metavar="DURATION", help="e.g. 720h, 30d; default a year")
    create.add_argument("--server", default="", metavar="URL", help="the API server's address, where it isn't the local one")


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0, 1 for a failure that was explained, 2 for a wrong command line."""
    parsed = _parser().parse_args(arguments)
    try:
        code: int = importlib.import_module(COMMANDS[parsed.command]).run(parsed)
    except CommandError as error:
        print(f"berth: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1
    except KeyboardInterrupt:
        return 130
    return code
