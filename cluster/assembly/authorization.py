"""May they, as the configuration has it: the authorizers and their order, and how a file that names them is followed."""

from __future__ import annotations

import threading
from pathlib import Path

from msgspec import Struct
from msgspec.structs import fields

from cluster.api.followed_file import FileObserver, read_file
from cluster.api.protocols import HttpCallers, Reader
from cluster.assembly.config import Config
from cluster.assembly.options import AuthorizationOptions
from cluster.assembly.reload import follow
from cluster.client.callers import Callers
from rbac.authz.build import Authorization, ConfiguredAuthorizer, build_authorization
from rbac.authz.configuration import BadConfiguration, Configuration, WebhookConfiguration, of_modes
from rbac.authz.observers import AuthorizerObserver


class Authorizers(Struct, frozen=True):
    """The authorizers that a process starts with; `path` is the file that names them, if one does, and `data` what it said."""

    configuration: Configuration
    path: Path | None = None
    data: bytes = b""


def authorizers(config: Config) -> Authorizers:
    """What the flags or their file say; BadConfiguration, OSError."""
    options = config.authorization
    if not options.authorization_config:
        return Authorizers(of_modes(options.authorization_mode, _webhook(options)))
    changed = [each.name for each in fields(options) if getattr(options, each.name) != each.default]
    if changed != ["authorization_config"]:
        why = "can not be specified when --authorization-mode or --authorization-webhook-* flags are defined"
        raise BadConfiguration(f"--authorization-config {why}")
    from rbac.authz.configuration_file import parse

    path = Path(options.authorization_config)
    data = read_file(path)
    try:
        return Authorizers(parse(data), path, data)
    except BadConfiguration as error:
        raise BadConfiguration(f'authorization configuration "{path}": {error}') from None


def _webhook(options: AuthorizationOptions) -> WebhookConfiguration:
    return WebhookConfiguration(
        kubeconfig=options.authorization_webhook_config_file,
        version=options.authorization_webhook_version,
        authorized_ttl=options.authorization_webhook_cache_authorized_ttl,
        unauthorized_ttl=options.authorization_webhook_cache_unauthorized_ttl,
    )


def check_authorization(config: Config) -> None:
    """BadConfiguration or OSError where an API server could not be started with what the configuration says."""
    callers = Callers()
    for each in authorizers(config).configuration:
        if each.webhook is not None:
            callers.of_kubeconfig(each.webhook.kubeconfig)


def authorization(
    given: Authorizers,
    reader: Reader,
    callers: HttpCallers,
    closed: threading.Event,
    observer: AuthorizerObserver,
    file_observer: FileObserver,
) -> Authorization:
    """Decides as given; follows the file that says so until `closed` is set.  BadConfiguration.

    `observer` is told of each authorizer's opinions and calls, `file_observer` of changes of the file.
    """
    made = build_authorization(reader, given.configuration, callers, observer)
    if given.path is not None:
        _follow(given.path, given.data, made.authorizer, closed, file_observer)
    return made


def _follow(path: Path, data: bytes, authorizer: ConfiguredAuthorizer, closed: threading.Event, observer: FileObserver) -> None:
    from rbac.authz.configuration_file import parse

    follow(path, data, lambda new: authorizer.configure(parse(new, authorizer.required)), closed, observer)
