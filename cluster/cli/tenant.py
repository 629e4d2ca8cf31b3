"""`berth tenant`: create, list, show and delete tenants, and grant roles in them and take them back."""

from __future__ import annotations

import argparse
import datetime
from collections.abc import Callable, Sequence
from typing import Final

from cluster.api.errors import Conflict, StatusError
from cluster.api.names import Object
from cluster.api.output import aligned, as_json, printable
from cluster.api.subjects import FORM, shown_subject
from cluster.api.tenancy import TENANTS_V1, prefix_of, quota_of
from cluster.cli.api_access import add_kubeconfig, api_client, refused
from cluster.cli.failure import CommandError
from cluster.cli.lifetime import seconds_of
from cluster.cli.subjects import subject_of
from cluster.client import times
from cluster.client.http import ApiClient
from cluster.kinds.berth.tenants import LEVELS, STRATEGY

_QUOTA: Final = "quota"
"""The name of the ResourceQuota that --quota makes."""
_COLUMNS: Final = ("NAME", "OWNERS", "NAMESPACES", "READY", "AGE")
_ATTEMPTS: Final = 5


def add_arguments(parser: argparse.ArgumentParser, home: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    common = argparse.ArgumentParser(add_help=False, parents=[home])
    add_kubeconfig(common)
    named = argparse.ArgumentParser(add_help=False, parents=[common])
    named.add_argument("name", metavar="TENANT", help="the tenant's name")
    _create(actions.add_parser("create", parents=[named], help="make a tenant"))
    listing = actions.add_parser("list", parents=[common], help="the tenants and whether they are as they are to be")
    listing.add_argument("-o", "--output", choices=("table", "json"), default="table")
    show = actions.add_parser("show", parents=[named], help="all that is known of one")
    show.add_argument("-o", "--output", choices=("text", "json"), default="text")
    delete = actions.add_parser("delete", parents=[named], help="take back what it granted; its namespaces stay unless it says otherwise")
    delete.add_argument("--namespaces", action="store_true", help="delete its namespaces and all that is in them, too")
    grant = actions.add_parser("grant", parents=[named], help="let someone have a role in the tenant's namespaces")
    grant.add_argument("subject", metavar="SUBJECT", help=FORM)
    grant.add_argument("--role", required=True, metavar="ROLE", help="a ClusterRole, e.g. view, edit or admin")
    grant.add_argument("--for", dest="duration", default="", metavar="DURATION", help="e.g. 8h, 30d; default until it is taken back")
    grant.add_argument("-n", "--namespace", action="append", default=[], metavar="NS", help="only there (may be repeated)")
    revoke = actions.add_parser("revoke-grant", parents=[named], help="take back what was granted")
    revoke.add_argument("subject", metavar="SUBJECT", help=FORM)
    revoke.add_argument("--role", default="", metavar="ROLE", help="this role only; default all")


def _create(create: argparse.ArgumentParser) -> None:
    add = create.add_argument
    add("--owner", action="append", default=[], metavar="SUBJECT", help=f"{FORM} (may be repeated)")
    add("--prefix", default="", help="how the names of its namespaces begin; default the tenant's name and a hyphen")
    add("--namespace-quota", type=int, metavar="N", help="how many namespaces it may have; default any number")
    add("--namespace", action="append", default=[], metavar="NS", help="a namespace that it has at once, with or without the prefix")
    add("--quota", default="", metavar="NAME=AMOUNT,...", help="a ResourceQuota for each namespace, e.g. cpu=4,memory=8Gi,pods=20")
    add("--pod-security", choices=LEVELS, metavar="LEVEL", help="the Pod Security Standard that is enforced: " + ", ".join(LEVELS))
    add("--no-isolation", action="store_true", help="no network policy that admits the tenant's own namespaces only")


def run(arguments: argparse.Namespace) -> int:
    client = api_client(arguments)
    actions: dict[str, Callable[[ApiClient, argparse.Namespace], None]] = {
        "create": _make,
        "list": _list,
        "show": _show,
        "delete": _delete,
        "grant": _grant,
        "revoke-grant": _revoke,
    }
    try:
        actions[arguments.action](client, arguments)
    except StatusError as error:
        raise refused(error) from error
    return 0


def _make(client: ApiClient, arguments: argparse.Namespace) -> None:
    client.create(TENANTS_V1, "", tenant_of(arguments))
    print(f'* tenant "{arguments.name}" is made')


def tenant_of(arguments: argparse.Namespace) -> Object:
    """The Tenant that the arguments of `create` describe; CommandError."""
    prefix = arguments.prefix or f"{arguments.name}-"
    names = [each if each.startswith(prefix) else prefix + each for each in arguments.namespace]
    namespaces = {"prefix": arguments.prefix, "quota": arguments.namespace_quota, "names": names}
    spec: Object = {"owners": [subject_of(each) for each in arguments.owner]}
    spec["namespaces"] = {key: value for key, value in namespaces.items() if value not in ("", None, [])}
    if arguments.quota:
        spec["resourceQuotas"] = [{"name": _QUOTA, "spec": {"hard": _amounts(arguments.quota)}}]
    if arguments.pod_security:
        spec["podSecurity"] = {"enforce": arguments.pod_security}
    if arguments.no_isolation:
        spec["defaultNetworkPolicy"] = "None"
    return {"apiVersion": "berth.io/v1alpha1", "kind": "Tenant", "metadata": {"name": arguments.name}, "spec": spec}


def _amounts(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for each in text.split(","):
        name, equals, amount = each.partition("=")
        if not (name and equals and amount):
            raise CommandError(f'quota "{each}" is not NAME=AMOUNT: write it as "cpu=4,memory=8Gi,pods=20"')
        found[name] = amount
    return found


def _list(client: ApiClient, arguments: argparse.Namespace) -> None:
    items = client.list(TENANTS_V1)["items"]
    if arguments.output == "json":
        print(as_json(items))
    else:
        print(table(items))


def table(tenants: Sequence[Object]) -> str:
    """Aligned as kubectl aligns."""
    if not tenants:
        return "no tenants"
    assert STRATEGY.cells is not None
    rows = [_COLUMNS, *(tuple(map(str, STRATEGY.cells(each))) for each in tenants)]
    return "\n".join(aligned(rows))


def _show(client: ApiClient, arguments: argparse.Namespace) -> None:
    tenant = client.get(TENANTS_V1, "", arguments.name)
    print(as_json(tenant) if arguments.output == "json" else printable(description(tenant)))


def description(tenant: Object) -> str:
    """What an administrator asks about one."""
    spec, status = tenant.get("spec") or {}, tenant.get("status") or {}
    ready: Object = next((each for each in status.get("conditions") or () if each["type"] == "Ready"), {})
    quota = quota_of(tenant)
    lines = [
        ("Name", tenant["metadata"]["name"]),
        ("Owners", ", ".join(map(shown_subject, spec.get("owners") or ())) or "none"),
        ("Prefix", prefix_of(tenant)),
        ("Quota", f"{quota} namespaces" if quota is not None else "any number of namespaces"),
        ("Deletion", spec.get("deletionPolicy", "")),
        ("Ready", f"{ready.get('status', 'Unknown')}: {ready.get('message', 'not looked at yet')}"),
    ]
    text = [f"{name + ':':<10} {value}" for name, value in lines]
    text += ["Namespaces:", *(f"  {each['name']}: {each.get('phase', '')}" for each in status.get("namespaces") or ())]
    return "\n".join([*text, "Grants:", *map(_shown_grant, spec.get("roles") or ())])


def _shown_grant(role: Object) -> str:
    who = ", ".join(map(shown_subject, role["subjects"]))
    where = ", ".join(role.get("namespaces") or ()) or "all namespaces"
    until = f" until {role['expiresAt']}" if role.get("expiresAt") else ""
    return f"  {role['clusterRole']} to {who} in {where}{until}"


def _delete(client: ApiClient, arguments: argparse.Namespace) -> None:
    if arguments.namespaces:
        client.patch(TENANTS_V1, "", arguments.name, {"spec": {"deletionPolicy": "Delete"}})
    client.delete(TENANTS_V1, "", arguments.name)
    print(f'* tenant "{arguments.name}" is being deleted{", and its namespaces" if arguments.namespaces else ""}')


def _grant(client: ApiClient, arguments: argparse.Namespace) -> None:
    role: Object = {"subjects": [subject_of(arguments.subject)], "clusterRole": arguments.role}
    if arguments.namespace:
        role["namespaces"] = arguments.namespace
    if arguments.duration:
        until = times.now() + datetime.timedelta(seconds=seconds_of(arguments.duration))
        role["expiresAt"] = times.time(until)
    _change(client, arguments.name, lambda roles: [*roles, role])
    print(f'* {arguments.subject} has role "{arguments.role}" in tenant "{arguments.name}"{_until(role)}')


def _until(role: Object) -> str:
    return f" until {role['expiresAt']}" if "expiresAt" in role else ""


def _revoke(client: ApiClient, arguments: argparse.Namespace) -> None:
    subject = shown_subject(subject_of(arguments.subject))
    taken = 0

    def without(roles: list[Object]) -> list[Object]:
        nonlocal taken
        left, taken = without_subject(roles, subject, arguments.role)
        return left

    _change(client, arguments.name, without)
    if not taken:
        held = f'does not have role "{arguments.role}"' if arguments.role else "has no role"
        raise CommandError(f'{arguments.subject} {held} in tenant "{arguments.name}": see "berth tenant show {arguments.name}"')
    print(f'* taken back from {arguments.subject} in tenant "{arguments.name}": {taken} {"grant" if taken == 1 else "grants"}')


def without_subject(roles: Sequence[Object], subject: str, role: str) -> tuple[list[Object], int]:
    """(the roles without a subject, of how many it was taken); "" means any role.  A role that nobody has left goes."""
    left: list[Object] = []
    taken = 0
    for each in roles:
        subjects = [one for one in each["subjects"] if role not in ("", each["clusterRole"]) or shown_subject(one) != subject]
        taken += len(subjects) != len(each["subjects"])
        left += [{**each, "subjects": subjects}] if subjects else []
    return left, taken


def _change(client: ApiClient, name: str, make: Callable[[list[Object]], list[Object]]) -> None:
    """Writes the tenant's roles; again where somebody else was faster."""
    for attempt in range(1, _ATTEMPTS + 1):
        tenant = client.get(TENANTS_V1, "", name)
        roles = tenant["spec"].get("roles") or []
        changed = make(roles)
        if changed == roles:
            return
        tenant["spec"]["roles"] = changed
        try:
            client.update(TENANTS_V1, "", tenant)
            return
        except Conflict:
            if attempt == _ATTEMPTS:
                raise
