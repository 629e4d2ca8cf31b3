"""Starts a store process where none runs, as when `gunicorn wsgi:application` is run by hand."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path


def launcher(
    url: str, socket: Path, revision_file: Path, *, exit_when_idle: float | None = None, encryption: str = ""
) -> Callable[[], None]:
    """A function for `RemoteStore.connect` that starts a store process in the background.

    It may be called again: where one runs already, the new one ends by itself, for the database is locked.
    """
    command = [sys.executable, "-m", "cluster.storage.process", "--url", url, "--socket", str(socket)]
    command += ["--revision-file", str(revision_file)]
    if exit_when_idle is not None:
        command += ["--exit-when-idle", str(exit_when_idle)]
    if encryption:
        command += ["--encryption-provider-config", encryption]
    command.append("--background")

    def start() -> None:
        subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True, check=False)

    return start
