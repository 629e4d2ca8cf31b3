"""`berth kubeconfig create`, `renew` and `revoke`."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

import yaml

from cluster.api.names import Object
from cluster.api.private_file import write_private
from cluster.api.validation import is_dns1123_subdomain
from cluster.cli import kubeconfigs
from cluster.cli.failure import CommandError
from cluster.cli.kubeconfig_access import VERSION, Access, kind_of
from cluster.cli.lifetime import seconds_of


def create(access: Access, arguments: argparse.Namespace) -> None:
    namespace, name = arguments.namespace, arguments.name
    record = {
        "apiVersion": VERSION,
        "kind": kind_of(namespace),
        "metadata": {"name": _record_name(name)},
        "spec": {key: value for key, value in _spec(arguments).items() if value},
    }
    _hand_over(access.create(namespace, record), arguments)


def renew(access: Access, arguments: argparse.Namespace) -> None:
    spec: Object = {}
    if arguments.lifetime:
        spec["expirationSeconds"] = seconds_of(arguments.lifetime)
    if arguments.revoke_previous:
        spec["revokePrevious"] = True
    _hand_over(access.renew(arguments.namespace, arguments.name, spec), arguments)


def revoke(access: Access, arguments: argparse.Namespace) -> None:
    access.revoke(arguments.namespace, arguments.name)
    if arguments.delete:
        access.delete(arguments.namespace, arguments.name)
    print(f'* kubeconfig "{arguments.name}" is revoked{" and deleted" if arguments.delete else ""}')


def _record_name(name: str) -> str:
    if is_dns1123_subdomain(name):
        near = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "alice"
        raise CommandError(
            f'"{name}" cannot be the name of a kubeconfig: choose one such as "{near}", and give the person\'s with --username'
        )
    return name


def _spec(arguments: argparse.Namespace) -> Object:
    namespace, name = arguments.namespace, arguments.name
    spec: Object = {"expirationSeconds": seconds_of(arguments.lifetime) if arguments.lifetime else None}
    if arguments.user:
        if arguments.service_account:
            raise CommandError("--service-account and --user exclude each other: a kubeconfig has one identity")
        spec["user"] = arguments.username or (f"{namespace}:{name}" if namespace else name)
        spec["groups"] = arguments.group
    else:
        if arguments.group or arguments.username:
            raise CommandError("--group and --username are for people: add --user")
        if not namespace:
            raise CommandError("name the service account's namespace with -n, or add --user for a person")
        spec["serviceAccountName"] = arguments.service_account or name
    within = [each for part in arguments.within for each in part.split(",") if each]
    role = arguments.role or arguments.cluster_role
    if within and not role:
        raise CommandError("--in says where a role is bound: name one with --role or --cluster-role")
    if arguments.role and not (within or namespace):
        raise CommandError("--role is bound in a namespace: name it with --in, or name a --cluster-role")
    if role:
        spec["roleRef"] = {"kind": "Role" if arguments.role else "ClusterRole", "name": role}
        spec["namespaces"] = within
    spec |= {"server": arguments.server, "clusterName": arguments.cluster_name, "contextName": arguments.context}
    spec["contextNamespace"] = arguments.context_namespace
    return spec


def _hand_over(record: Object, arguments: argparse.Namespace) -> None:
    """What was issued, to where it was asked for."""
    file: str = record["status"]["kubeconfig"]
    target: Path | None = arguments.output if arguments.merge is None else _target(arguments.merge)
    if target is None:
        sys.stdout.write(file)
        return
    try:
        if arguments.merge is None:
            write_private(target, file.encode())
        else:
            kubeconfigs.merge_into(target, yaml.load(file, Loader=yaml.CSafeLoader))
    except (OSError, ValueError) as error:
        where = f" -n {arguments.namespace}" if arguments.namespace else ""
        again = f'"berth kubeconfig renew {arguments.name}{where} --revoke-previous" issues it anew'
        raise CommandError(f'it was issued, but not written to "{target}": {error}; {again}') from error
    newest = record["status"]["credentials"][-1]
    print(f'* issued to "{record["status"]["username"]}" until {newest["expiresAt"]}, in {target}')


def _target(merge: Path) -> Path:
    """The file of `--merge`; without one, the user's own."""
    return merge if merge != Path() else kubeconfigs.user_file()
