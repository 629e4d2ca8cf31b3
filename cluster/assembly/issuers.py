"""The issuers of tokens that the file of `--authentication-config` names, and who may be anonymous by it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cluster.api.protocols import HttpCallers
from cluster.assembly.config import Config
from rbac.authn.structured import StructuredAuthentication, load_file, read_file
from rbac.authn.structured_config import Anonymous


def token_issuers(config: Config, callers: HttpCallers) -> StructuredAuthentication | None:
    """The authenticator of their tokens, at work; None without a file.  ValueError, OSError for a file that cannot be used."""
    path = config.authentication.authentication_config
    if not path:
        return None
    check_issuers(config)
    found = StructuredAuthentication(path, callers, config.issuers, config.authentication.api_audiences or config.issuers)
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
    try:
        data = read_file(Path(path))
    except OSError as error:
        raise ValueError(f'failed to load authentication configuration from file "{path}": {error.strerror}') from error
    if load_file(Path(path), data, config.issuers).anonymous is not None and not config.authentication.anonymous_auth:
        raise ValueError(
            "anonymous: Forbidden: --anonymous-auth flag cannot be set when anonymous field is configured in authentication "
            "configuration file: leave it at --anonymous-auth=true"
        )
