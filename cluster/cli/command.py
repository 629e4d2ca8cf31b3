"""The command line of `berth`: its parser, and the one place where failures become messages."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from cluster.api.output import printable
from cluster.cli.failure import CommandError


class Command(NamedTuple):
    """A subcommand: its module has `add_arguments(parser, home)` and `run(arguments)`, and is imported when it is asked for."""

    module: str
    help: str
    home: bool = False
    """Whether --home is an option of its own, rather than of its actions."""


COMMANDS = {
    "start": Command("cluster.cli.start", "start the cluster, and make it where there is none", home=True),
    "stop": Command("cluster.cli.stop", "stop the cluster; what it holds stays", home=True),
    "status": Command("cluster.cli.status", "the health of each part", home=True),
    "version": Command("cluster.cli.version", "the version of Berth"),
    "delete": Command("cluster.cli.delete", "stop the cluster and remove all that it holds", home=True),
    "node": Command("cluster.cli.node", "add, list, stop, start and remove nodes"),
    "key": Command("cluster.cli.key", "list and rotate the keys of service-account tokens"),
    "auth": Command("cluster.cli.auth", "why a request is allowed or denied, who can do something, and what someone can do"),
    "tenant": Command("cluster.cli.tenant", "create, list, show and delete tenants, and grant roles in them"),
    "kubeconfig": Command("cluster.cli.kubeconfig", "issue, list, show, renew and revoke kubeconfigs"),
    "policy": Command("cluster.cli.policy", "test policies and roles without a server, and see what becomes of a manifest"),
    "audit": Command("cluster.cli.audit", "read the audit log, and what roles it calls for"),
}


def _parser(only: str | None = None, *, alone: bool = False) -> argparse.ArgumentParser:
    """The parser of all subcommands, with the arguments of one where others are not asked for; `alone`, of that one, for a faster start."""
    parser = argparse.ArgumentParser(prog="berth", description="A Kubernetes-compatible, multi-tenant control plane.")
    home = argparse.ArgumentParser(add_help=False)
    default = Path(os.environ.get("BERTH_HOME") or Path.home() / ".berth")
    home.add_argument("--home", type=Path, default=default, help="the cluster's folder, default ~/.berth (BERTH_HOME)")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in [only] if alone and only else COMMANDS:
        command = COMMANDS[name]
        sub = commands.add_parser(name, parents=[home] if command.home else [], help=command.help)
        if only in (None, name):
            importlib.import_module(command.module).add_arguments(sub, home)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0, 1 for a failure that was explained, 2 for a wrong command line."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    named = next((each for each in given if each in COMMANDS), "")
    parsed = _parser(named, alone=given[:1] == [named]).parse_args(given)
    try:
        code: int = importlib.import_module(COMMANDS[parsed.command].module).run(parsed)
    except CommandError as error:
        print(printable(f"berth: {error}"), file=sys.stderr)
        return 1
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1
    except KeyboardInterrupt:
        return 130
    return code
