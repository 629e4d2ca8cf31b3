"""`berth kubeconfig create`: a kubeconfig for a service account (its token) or for a person (a client certificate)."""

from __future__ import annotations

import argparse
import datetime
import re
import sys
from pathlib import Path
from typing import Final

from cluster.api.errors import NotFound, StatusError
from cluster.api.user import service_account_name
from cluster.assembly.config import Config
from cluster.cli import local
from cluster.cli.failure import CommandError
from cluster.client.http import ApiClient
from cluster.client.resources import SERVICE_ACCOUNTS
from rbac.credentials import kubeconfig

UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
SHORTEST: Final = 600
LONGEST: Final = 10 * 365 * 86400
PRIVILEGED: Final = "system:"


def add_arguments(parser: argparse.ArgumentParser, home: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    create = actions.add_parser("create", parents=[home], help="print a kubeconfig for a service account or a person")
    create.add_argument("name", help="the service account's name, or the person's with --user")
    create.add_argument("-n", "--namespace", default="", help="the service account's namespace; with --user the context's")
    create.add_argument("--user", action="store_true", help="for a person: a client certificate")
    create.add_argument("--group", action="append", default=[], metavar="GROUP", help="a group of the person (may be repeated)")
    create.add_argument("--lifetime", default="8760h", metavar="DURATION", help="e.g. 720h, 30d; default a year")
    create.add_argument("--server", default="", metavar="URL", help="the API server's address, where it isn't the local one")


def run(arguments: argparse.Namespace) -> int:
    config = local.load_config(local.open_home(arguments.home))
    lifetime = _seconds(arguments.lifetime)
    if arguments.group and not arguments.user:
        raise CommandError("--group is for people: add --user")
    if not arguments.user and not arguments.namespace:
        raise CommandError("name the service account's namespace with -n, or add --user for a person")
    make = _for_person if arguments.user else _for_service_account
    document = make(config, arguments, lifetime)
    sys.stdout.buffer.write(kubeconfig.dump(document))
    return 0


def _seconds(text: str) -> int:
    """A lifetime such as `720h`, `30d` or `1h30m`."""
    parts = re.findall(r"([0-9]{1,9})([smhd])", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise CommandError(f'lifetime "{text}" is no duration: write it as "720h" or "30d"')
    seconds = sum(int(number) * UNITS[unit] for number, unit in parts)
    if not SHORTEST <= seconds <= LONGEST:
        raise CommandError(f'lifetime "{text}" is not between 10 minutes and 10 years')
    return seconds


def _ca(config: Config) -> bytes:
    return config.home.certificate("ca").read_bytes()


def _for_service_account(config: Config, arguments: argparse.Namespace, lifetime: int) -> kubeconfig.Object:
    """A token by TokenRequest: bound to the service account, so that it ends with it."""
    namespace, name = arguments.namespace, arguments.name
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": lifetime}}
    admin = ApiClient.from_kubeconfig(Path(config.home.admin_kubeconfig), user_agent="berth")
    try:
        answer = admin.create(SERVICE_ACCOUNTS, namespace, request, name=name, subresource="token")
    except NotFound:
        raise CommandError(
            f'service account "{name}" does not exist in namespace "{namespace}": create it first, or add --user for a person'
        ) from None
    except StatusError as error:
        raise CommandError(f"no token was issued: {error.message}") from error
    return kubeconfig.render(
        arguments.server or config.server,
        _ca(config),
        service_account_name(namespace, name),
        token=answer["status"]["token"],
        namespace=namespace,
        cluster=config.name,
        context=f"{name}@{config.name}",
    )


def _for_person(config: Config, arguments: argparse.Namespace, lifetime: int) -> kubeconfig.Object:
    """A client certificate: the name is its common name, the groups its organizations."""
    for each in (arguments.name, *arguments.group):
        if each.startswith(PRIVILEGED):
            raise CommandError(f'"{each}" is reserved: names and groups of people do not begin with "{PRIVILEGED}"')
        if not each or len(each.encode()) > 64 or not each.isprintable():
            raise CommandError(f'"{each}" is not usable: a name or group has 1 to 64 printable characters')
    certificate, key = kubeconfig.issue_client_certificate(
        _ca(config),
        config.home.key("ca").read_bytes(),
        arguments.name,
        arguments.group,
        datetime.timedelta(seconds=lifetime),
    )
    return kubeconfig.render(
        arguments.server or config.server,
        _ca(config),
        arguments.name,
        cert_pem=certificate,
        key_pem=key,
        namespace=arguments.namespace or None,
        cluster=config.name,
        context=f"{arguments.name}@{config.name}",
    )
