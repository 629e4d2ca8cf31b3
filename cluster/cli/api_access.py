"""Who a subcommand is to the API server, and what it says where that refuses."""

from __future__ import annotations

import argparse
from pathlib import Path

from cluster.api.errors import StatusError, Unauthorized
from cluster.cli import local
from cluster.cli.failure import CommandError
from cluster.client.http import ApiClient
from cluster.client.status import Unreachable


def add_kubeconfig(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--kubeconfig", type=Path, metavar="FILE", help="who asks, and where; default the home's administrator")


def kubeconfig_of(arguments: argparse.Namespace) -> Path:
    """The file of `--kubeconfig`, or the administrator's of the home's cluster; CommandError where there is no cluster."""
    given: Path | None = arguments.kubeconfig
    return given if given is not None else local.load_config(local.open_home(arguments.home)).home.admin_kubeconfig


def api_client(arguments: argparse.Namespace) -> ApiClient:
    """Talks to the API server as `kubeconfig_of` says; CommandError for a file that cannot be used."""
    path = kubeconfig_of(arguments)
    try:
        return ApiClient.from_kubeconfig(path, user_agent="berth")
    except (OSError, ValueError) as error:
        raise unusable(path, error) from error


def unusable(path: Path, error: Exception) -> CommandError:
    return CommandError(f'kubeconfig "{path}" cannot be used: {error}')


def refused(error: StatusError) -> CommandError:
    """What the API server said, or that it said nothing."""
    if isinstance(error, Unreachable):
        return CommandError(f'the API server cannot be reached: {error.message}: see "berth status"')
    if isinstance(error, Unauthorized):
        return CommandError("the API server does not know you (401): your kubeconfig has expired or was revoked; ask for another")
    return CommandError(error.message)
