"""`berth kubeconfig`: issue, list, show, renew and revoke kubeconfigs through the API, and merge files into and out of others."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from cluster.api.output import as_json, printable
from cluster.cli import kubeconfig_issue, kubeconfig_text, kubeconfigs
from cluster.cli.api_access import add_kubeconfig, api_client
from cluster.cli.failure import CommandError
from cluster.cli.kubeconfig_access import Access
from rbac.credentials import kubeconfig

_OUTPUTS: Final = ("table", "json")


def add_arguments(parser: argparse.ArgumentParser, home: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    common = argparse.ArgumentParser(add_help=False, parents=[home])
    add_kubeconfig(common)
    named = argparse.ArgumentParser(add_help=False, parents=[common])
    named.add_argument("name", metavar="NAME", help="the kubeconfig's name")
    named.add_argument("-n", "--namespace", default="", help="its namespace; without it, it is one of the cluster")
    _create(actions.add_parser("create", parents=[common], help="issue a kubeconfig to a service account or a person"))
    listing = actions.add_parser("list", parents=[common], help="who has one, issued by whom and when, until when, and when last used")
    listing.add_argument("-n", "--namespace", default="", help="those of a namespace; without it, those of the cluster")
    listing.add_argument("-A", "--all", action="store_true", help="those of the cluster and of all namespaces")
    listing.add_argument("-o", "--output", choices=_OUTPUTS, default="table")
    show = actions.add_parser("show", parents=[named], help="all that is known of one")
    show.add_argument("-o", "--output", choices=("text", "json"), default="text")
    renew = actions.add_parser("renew", parents=[named], help="issue another credential for the same identity")
    renew.add_argument("--lifetime", default="", metavar="DURATION", help="e.g. 720h, 30d; default as it was created with")
    renew.add_argument("--revoke-previous", action="store_true", default=None, help="what was issued before is refused from now on")
    _destination(renew)
    revoke = actions.add_parser("revoke", parents=[named], help="refuse all that was issued, from the next request on")
    revoke.add_argument("--delete", action="store_true", help="delete the record, too, so that its name is free")
    merge = actions.add_parser("merge", help="put a file's contexts into your kubeconfig")
    merge.add_argument("file", type=Path, metavar="FILE")
    merge.add_argument("--into", type=Path, metavar="FILE", help="default the first file of KUBECONFIG, else ~/.kube/config")
    remove = actions.add_parser("remove", help="take a context out of your kubeconfig")
    remove.add_argument("context", metavar="CONTEXT")
    remove.add_argument(
        "--from", dest="source", type=Path, metavar="FILE", help="default the first file of KUBECONFIG, else ~/.kube/config"
    )


def _create(create: argparse.ArgumentParser) -> None:
    add = create.add_argument
    add("name", help="the service account's name, or the person's with --user; also the kubeconfig's")
    add("-n", "--namespace", default="", help="the service account's namespace; with --user, the one that the person belongs to")
    add("--user", action="store_true", help="for a person: a client certificate")
    add("--username", default="", metavar="USER", help='the person\'s full name for the API server; default NAME, with -n "NAMESPACE:NAME"')
    add("--service-account", default="", metavar="ACCOUNT", help="the service account, where it isn't called NAME")
    add("--group", action="append", default=[], metavar="GROUP", help="a group of the person (may be repeated)")
    role = create.add_mutually_exclusive_group()
    role.add_argument("--role", default="", help="a Role to bind along with it, in each namespace of --in")
    role.add_argument(
        "--cluster-role", default="", metavar="ROLE", help="a ClusterRole, likewise; without -n and --in in the whole cluster"
    )
    add("--in", dest="within", action="append", default=[], metavar="NS,...", help="where the role is bound; default the namespace of -n")
    add("--lifetime", default="", metavar="DURATION", help="e.g. 720h, 30d; default a year, or as long as your own kubeconfig")
    add("--server", default="", metavar="URL", help="the API server's address, where it isn't the one that the API server knows")
    add("--cluster-name", default="", metavar="NAME", help="the cluster's name in the file")
    add("--context", default="", metavar="NAME", help="the context's name in the file")
    add("--context-namespace", default="", metavar="NS", help="the context's namespace; default that of -n")
    _destination(create)


def _destination(parser: argparse.ArgumentParser) -> None:
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="write it to a file that only you may read; default standard output"
    )
    where.add_argument("--merge", nargs="?", type=Path, const=Path(), metavar="FILE", help="merge it into your kubeconfig, or into FILE")


def run(arguments: argparse.Namespace) -> int:
    if arguments.action == "merge":
        return _merge(arguments)
    if arguments.action == "remove":
        return _remove(arguments)
    act = {
        "create": kubeconfig_issue.create,
        "renew": kubeconfig_issue.renew,
        "revoke": kubeconfig_issue.revoke,
        "list": _list,
        "show": _show,
    }
    act[arguments.action](Access(api_client(arguments)), arguments)
    return 0


def _list(access: Access, arguments: argparse.Namespace) -> None:
    if arguments.all and arguments.namespace:
        raise CommandError("-n and -A exclude each other: name a namespace, or ask for all")
    records: list[kubeconfig.Object] = []
    if arguments.all or not arguments.namespace:
        records += access.list(None)
    if arguments.all or arguments.namespace:
        records += access.list(arguments.namespace)
    print(as_json(records) if arguments.output == "json" else kubeconfig_text.table(records))


def _show(access: Access, arguments: argparse.Namespace) -> None:
    record = access.get(arguments.namespace, arguments.name)
    print(as_json(record) if arguments.output == "json" else printable(kubeconfig_text.description(record)))


def _merge(arguments: argparse.Namespace) -> int:
    target = arguments.into or kubeconfigs.user_file()
    try:
        if not arguments.file.exists():
            raise CommandError(f'there is no file "{arguments.file}"')
        document = kubeconfig.load(arguments.file)
        kubeconfigs.merge_into(target, kubeconfig.anchored(document, arguments.file.absolute().parent))
    except (OSError, ValueError) as error:
        raise CommandError(f'"{arguments.file}" was not merged into "{target}": {error}') from error
    names = ", ".join(f'"{entry["name"]}"' for entry in document.get("contexts") or ())
    print(f"* merged {names or 'no context'} into {target}")
    return 0


def _remove(arguments: argparse.Namespace) -> int:
    source = arguments.source or kubeconfigs.user_file()
    try:
        gone = kubeconfig.remove(source, arguments.context)
    except (OSError, ValueError) as error:
        raise CommandError(f'context "{arguments.context}" was not taken out of "{source}": {error}') from error
    if not gone:
        raise CommandError(f'"{source}" has no context "{arguments.context}": "kubectl config get-contexts" lists those that it has')
    print(f'* context "{arguments.context}" is no longer in {source}')
    return 0
