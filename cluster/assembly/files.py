"""What the options say and the files that they name, looked at once before anything starts, so that a fault is told of at once.

A section that is as it is by default needs no look; loading what would look at it would cost a start more than all else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from cluster.assembly.config import Config
from cluster.assembly.options import SECTIONS


def _authentication(config: Config) -> Sequence[str]:
    from cluster.assembly.authentication import check_authentication

    check_authentication(config)
    return ()


def _authorization(config: Config) -> Sequence[str]:
    from cluster.assembly.authorization import check_authorization

    check_authorization(config)
    return ()


def _admission(config: Config) -> Sequence[str]:
    from cluster.assembly.admission import check_admission

    check_admission(config)
    return ()


def _audit(config: Config) -> Sequence[str]:
    from cluster.assembly.auditing import check

    return [f"the audit policy has what is ignored: {each}" for each in check(config)]


def _encryption(config: Config) -> Sequence[str]:
    from cluster.storage.encryption.configuration import load

    if config.encryption.encryption_provider_config:
        load(Path(config.encryption.encryption_provider_config))
    return ()


CHECKS: Final[Mapping[str, Callable[[Config], Sequence[str]]]] = {
    "authentication": _authentication,
    "authorization": _authorization,
    "admission": _admission,
    "audit": _audit,
    "encryption": _encryption,
}
"""Section to what looks at it, and answers what is to be told though it stops nothing.  ValueError, OSError."""


def check(config: Config) -> list[str]:
    """What is to be told.  ValueError for options or files that an API server could not start with; OSError for what cannot be read."""
    changed = [name for name, section in SECTIONS.items() if getattr(config, name) != section()]
    return [each for name in changed for each in CHECKS[name](config)]
