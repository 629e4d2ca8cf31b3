"""`berth key`: the keys that sign and verify service-account tokens, and how the signing one is replaced."""

from __future__ import annotations

import argparse

from cluster.assembly import pki
from cluster.assembly.authentication import token_keys
from cluster.assembly.config import Config
from cluster.cli import local
from cluster.cli.failure import CommandError


def add_arguments(parser: argparse.ArgumentParser, home: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("list", parents=[home], help="the keys that verify tokens, the one that signs first")
    actions.add_parser("rotate", parents=[home], help="sign with a new key from now on; tokens of the old one stay good")


def run(arguments: argparse.Namespace) -> int:
    config = local.load_config(local.open_home(arguments.home))
    try:
        if arguments.action == "rotate":
            _rotate(config)
        _list(config)
    except (OSError, ValueError) as error:
        raise CommandError(str(error)) from None
    return 0


def _rotate(config: Config) -> None:
    named = config.authentication.service_account_signing_key_file
    if named:
        raise CommandError(
            f'tokens are signed with "{named}": put its public key into a file of --service-account-key-file, then replace that file'
        )
    pki.rotate_service_account_key(config)


def _list(config: Config) -> None:
    for number, key in enumerate(token_keys(config).current().public):
        print(f"{key.key_id}  {key.algorithm}  {'verifies' if number else 'signs'}")
