"""The files that a configuration names, read once before anything starts, so that a bad one is told of at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from cluster.assembly.config import Config


def _encryption(config: Config) -> None:
    path = config.encryption.encryption_provider_config
    if path:
        from cluster.storage.encryption.configuration import load

        load(Path(path))


def _authorization(config: Config) -> None:
    from cluster.assembly.authorization import check_authorization

    check_authorization(config)


CHECKS: Final[tuple[Callable[[Config], None], ...]] = (_encryption, _authorization)
"""Each reads the files of one part.  ValueError, OSError."""


def check(config: Config) -> None:
    """ValueError where a file is not what it should be; OSError where it cannot be read."""
    for each in CHECKS:
        each(config)
