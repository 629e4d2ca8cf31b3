"""What the subcommands share: the home, the running cluster, and its API server."""

from __future__ import annotations

import http.client
import os
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cluster.assembly.config import Config, Home
from cluster.assembly.supervisor import ask
from cluster.cli.failure import CommandError


def open_home(path: Path) -> Home:
    """The home at a path given by the user; CommandError where it is unreadable."""
    home = Home(path.expanduser().absolute())
    if home.root.exists():
        if not home.root.is_dir():
            raise CommandError(f'home "{home.root}" is not a folder: choose another with --home')
        if not os.access(home.root, os.R_OK | os.W_OK | os.X_OK):
            raise CommandError(f'home "{home.root}" cannot be read and written by you: fix its permissions or choose another with --home')
    return home


def load_config(home: Home) -> Config:
    """The configuration of the cluster in the home; CommandError where there is none."""
    try:
        return Config.load(home)
    except FileNotFoundError:
        raise CommandError(f'there is no cluster in "{home.root}": make one with "berth start"') from None
    except (OSError, ValueError) as error:
        raise CommandError(str(error)) from error


def supervisor(home: Home, request: dict[str, Any], timeout: float = 30.0) -> dict[str, Any]:
    """The supervisor's answer; CommandError where none runs."""
    try:
        return ask(home, request, timeout)
    except ConnectionError as error:
        raise CommandError(f'{error}: start it with "berth start"') from error
    except (TimeoutError, ValueError) as error:
        raise CommandError(f"the supervisor did not do it: {error}") from error


def running(home: Home) -> dict[str, Any] | None:
    """What the supervisor says of its components, None where none runs."""
    try:
        return ask(home, {"do": "status"}, timeout=5)
    except (ConnectionError, TimeoutError, ValueError):
        return None


def healthy(config: Config, path: str = "/readyz") -> bool:
    """Whether the API server answers 200; its certificate is verified against the cluster's CA."""
    try:
        context = ssl.create_default_context(cafile=str(config.home.certificate("ca")))
        connection = http.client.HTTPSConnection(config.host, config.port, timeout=5, context=context)
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        connection.close()
    except (OSError, http.client.HTTPException):
        return False
    return answer.status == 200


def wait_for(what: str, condition: Callable[[], bool], seconds: float, home: Home, pause: float = 0.03) -> None:
    """Polls until the condition holds; CommandError, pointing to the logs, when the time is up."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise CommandError(f'{what} within {seconds:.0f} s: see the logs in "{home.logs}"')
        time.sleep(pause)
