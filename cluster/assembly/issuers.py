"""The issuers of tokens that the file of `--authentication-config` names, and who may be anonymous by it.

What reads the file and its tokens is loaded where there is one.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from cluster.api.followed_file import read_file
from cluster.api.protocols import HttpCallers
from cluster.assembly.config import Config
from rbac.authn.anonymous import Anonymous
from rbac.authn.kept_file import KeptFile
from rbac.authn.observers import UNOBSERVED, IssuersObserver

if TYPE_CHECKING:
    from rbac.authn.structured import StructuredAuthentication


def token_issuers(config: Config, callers: HttpCallers, observer: IssuersObserver = UNOBSERVED) -> StructuredAuthentication | None:
    """The authenticator of their tokens, at work; None without a file.  ValueError, OSError for a file that cannot be used."""
    path = config.authentication.authentication_config
    if not path:
        return None
    from rbac.authn.structured import StructuredAuthentication

    audiences = config.authentication.api_audiences or config.issuers
    kept = KeptFile(config.home.run / "authentication-config", str(os.getppid()))
    found = StructuredAuthentication(path, callers, config.issuers, audiences, kept=kept, observer=observer)
    _check_flag(config, found.anonymous)
    found.start()
    return found


def anonymous_rule(config: Config, issuers: StructuredAuthentication | None) -> Callable[[str], bool]:
    """Whether a request without credentials may go on to a URL path: the file says, or else the flag."""
    if issuers is not None and issuers.anonymous is not None:
        return issuers.allows_anonymous
    return Anonymous(config.authentication.anonymous_auth).allows


def check_issuers(config: Config) -> None:
    """ValueError for a file that cannot be used, or together with the flags; calls nobody."""
    path = config.authentication.authentication_config
    if not path:
        return
    from rbac.authn.structured import load_file

    try:
        data = read_file(Path(path))
    except OSError as error:
        raise ValueError(f'failed to load authentication configuration from file "{path}": {error.strerror}') from error
    _check_flag(config, load_file(Path(path), data, config.issuers).anonymous)


def _check_flag(config: Config, anonymous: Anonymous | None) -> None:
    """Either the flag or the file says who is anonymous."""
    if anonymous is not None and not config.authentication.anonymous_auth:
        raise ValueError(
            "anonymous: Forbidden: --anonymous-auth flag cannot be set when anonymous field is configured in authentication "
            "configuration file: leave it at --anonymous-auth=true"
        )
