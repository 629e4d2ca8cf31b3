"""`berth audit`: the events of the audit log, the least roles that cover what someone did, and the policy that is built in."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from typing import Final, TextIO

import orjson

from cluster.api.errors import StatusError
from cluster.api.names import GroupVersionResource, Object
from cluster.api.output import aligned, as_json, as_yaml
from cluster.api.selectors import escape_field_value
from cluster.cli.api_access import add_kubeconfig, api_client, refused
from cluster.cli.failure import CommandError
from cluster.client.http import ApiClient, resource_path
from rbac.audit.least_roles import Unused, least_roles, unused_grants
from rbac.audit.observed import Observed, Subject, observe, subject_of
from rbac.audit.query import Query, audit_event, parse_query

EVENTS: Final = GroupVersionResource("berth.io", "v1alpha1", "auditevents")
_RBAC: Final = "rbac.authorization.k8s.io"
_PAGE: Final = 500
_FILTERS: Final = ("user", "verb", "resource", "code", "decision", "since")
_STDIN: Final = "-"


def add_arguments(parser: argparse.ArgumentParser, home: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    common = argparse.ArgumentParser(add_help=False, parents=[home])
    add_kubeconfig(common)
    common.add_argument("--file", action="append", default=[], metavar="FILE", help="read this log and not the API; - for standard input")
    common.add_argument("-n", "--namespace", default="", help="requests about a namespace; without it, all")
    events = actions.add_parser("events", parents=[common], help="who did what, the newest first")
    events.add_argument("--user", default="", help="who authenticated, or as whom they acted")
    events.add_argument("--verb", default="")
    events.add_argument("--resource", default="", help="e.g. pods, pods/log, deployments.apps")
    events.add_argument("--code", default="", help="the answer's status code, e.g. 403 or 4xx")
    events.add_argument("--decision", default="", choices=["", "allow", "forbid"], help="of authorization")
    events.add_argument("--since", default="", help="a time, or how long ago, e.g. 90m or 30d")
    events.add_argument("--limit", type=int, default=100, help="how many, 0 for all; default 100")
    events.add_argument("-o", "--output", choices=("table", "json", "yaml"), default="table")
    roles = actions.add_parser("roles", parents=[common], help="the least roles that cover what someone did, and what they never used")
    roles.add_argument("--subject", required=True, metavar="SUBJECT", help="user:NAME, group:NAME or serviceaccount:NAMESPACE:NAME")
    roles.add_argument("--since", default="30d", help="a time, or how long ago; default 30d")
    roles.add_argument("-o", "--output", choices=("yaml", "json"), default="yaml")
    actions.add_parser("policy", help="the audit policy that is built in, as a file to start from")


def run(arguments: argparse.Namespace) -> int:
    try:
        if arguments.action == "policy":
            return _policy()
        return _roles(arguments) if arguments.action == "roles" else _events(arguments)
    except StatusError as error:
        raise refused(error) from error
    except ValueError as error:
        raise CommandError(str(error)) from error


def _policy() -> int:
    from rbac.audit.default_policy import DEFAULT_POLICY

    sys.stdout.write(as_yaml([DEFAULT_POLICY]))
    return 0


# events


def _events(arguments: argparse.Namespace) -> int:
    if arguments.limit < 0:
        raise CommandError(f'--limit "{arguments.limit}" is negative: 0 is for all')
    terms = [f"{name}={escape_field_value(value)}" for name in _FILTERS if (value := getattr(arguments, name))]
    found: list[Object] = []
    for each in _read(arguments, ",".join(terms)):
        found.append(each)
        if len(found) == arguments.limit:
            break
    if arguments.output == "json":
        print(as_json(found))
    elif arguments.output == "yaml":
        sys.stdout.write(as_yaml(found))
    else:
        _table(found)
    return 0


def _table(events: Iterable[Object]) -> None:
    from cluster.kinds.berth.auditevents import STRATEGY

    assert STRATEGY.cells is not None
    rows = [["TIME", "USER", "VERB", "NAMESPACE", "OBJECT", "CODE", "DECISION"]]
    for each in events:
        time, user, verb, target, code, decision, _ = STRATEGY.cells(audit_event(each))
        namespace = (each.get("objectRef") or {}).get("namespace", "")
        rows.append([str(cell) for cell in (time, user, verb, namespace, target, code, decision)])
    print("\n".join(aligned(rows)))


def _read(arguments: argparse.Namespace, selector: str) -> Iterator[Object]:
    """The events that a selector wants, from files or from the API."""
    query = parse_query(arguments.namespace, selector)
    if arguments.file:
        return _of_files(arguments.file, query)
    return _of_api(api_client(arguments), arguments.namespace, selector)


def _of_files(paths: Iterable[str], query: Query) -> Iterator[Object]:
    """The newest first, as far as the lines of each file are in order."""
    for path in paths:
        found = [event for event in _decoded(path) if query.matches(event) and query.is_young(event)]
        yield from reversed(found)


def _decoded(path: str) -> Iterator[Object]:
    try:
        with _opened(path) as file:
            for number, line in enumerate(file, 1):
                try:
                    event = orjson.loads(line)
                except orjson.JSONDecodeError:
                    raise CommandError(f'"{path}" line {number} is no audit event: name a file of JSON lines') from None
                if isinstance(event, dict):
                    yield event
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise CommandError(f'audit log "{path}" cannot be read: {error}') from error


def _opened(path: str) -> TextIO:
    if path == _STDIN:
        return open(sys.stdin.fileno(), encoding="utf-8", closefd=False)
    if path.endswith(".gz"):
        import gzip

        return gzip.open(path, "rt", encoding="utf-8")
    return open(path, encoding="utf-8")


def _of_api(api: ApiClient, namespace: str, selector: str) -> Iterator[Object]:
    token = ""
    while True:
        query = {"limit": str(_PAGE), "fieldSelector": selector or None, "continue": token or None}
        page: Object = orjson.loads(api.request("GET", resource_path(EVENTS, namespace), query=query))
        yield from (each["event"] for each in page["items"])
        token = page["metadata"].get("continue") or ""
        if not token:
            return


# roles


def _roles(arguments: argparse.Namespace) -> int:
    """Prints the roles; what was never used follows, where there is an API to ask about grants."""
    subject = subject_of(arguments.subject)
    terms = [f"since={escape_field_value(arguments.since)}"] if arguments.since else []
    if subject.user_name:
        terms.append(f"user={escape_field_value(subject.user_name)}")
    seen = observe(_read(arguments, ",".join(terms)), subject, arguments.namespace)
    if not seen.requests:
        raise CommandError(f'the log shows no allowed request of "{subject}" since {arguments.since}: widen --since, or see "audit events"')
    unused: list[Unused] | None = None
    if arguments.kubeconfig is not None or not arguments.file:
        unused = _unused(api_client(arguments), subject, seen, arguments.namespace)
    roles = least_roles(subject, seen.requests)
    if arguments.output == "json":
        print(as_json(roles))
    else:
        sys.stdout.write("".join(_remarks(subject, seen, arguments.since, unused)))
        sys.stdout.write(as_yaml(roles))
    return 0


def _unused(api: ApiClient, subject: Subject, seen: Observed, namespace: str) -> list[Unused]:
    def listed(resource: str) -> list[Object]:
        items: list[Object] = api.list(GroupVersionResource(_RBAC, "v1", resource), limit=_PAGE)["items"]
        return items

    roles = {
        (each["metadata"].get("namespace", ""), each["metadata"]["name"]): each.get("rules") or []
        for resource in ("roles", "clusterroles")
        for each in listed(resource)
    }
    return unused_grants(subject, seen, listed("rolebindings") + listed("clusterrolebindings"), roles, namespace)


def _remarks(subject: Subject, seen: Observed, since: str, unused: list[Unused] | None) -> Iterator[str]:
    """Comments before the roles: what they are made of, and what was granted in vain."""
    yield f"# What {subject} was seen to do since {since}: {seen.events} events, {len(seen.requests)} different requests.\n"
    if seen.constrained:
        yield f"# {seen.constrained} events of constrained impersonation are not covered.\n"
    if unused is None:
        return
    yield "# Grants that were never used, or not in whole:\n" if unused else "# Everything that is granted was used.\n"
    for each in unused:
        kind = "RoleBinding" if each.namespace else "ClusterRoleBinding"
        where = f" in {each.namespace}" if each.namespace else ""
        yield f"# - {kind} {each.binding}{where} of {each.role}: {'nothing of it' if each.whole else 'not all of it'}\n"
        if not each.whole:
            yield from (f"#     {_rule(rule)}\n" for rule in each.rules)


def _rule(rule: Object) -> str:
    """A rule in one line: `get, list pods/log (web, db)`."""
    verbs = ", ".join(rule.get("verbs") or ())
    if rule.get("nonResourceURLs"):
        return f"{verbs} {', '.join(rule['nonResourceURLs'])}"
    group = (rule.get("apiGroups") or [""])[0]
    resources = ", ".join(f"{each}.{group}" if group else each for each in rule.get("resources") or ())
    names = f" ({', '.join(rule['resourceNames'])})" if rule.get("resourceNames") else ""
    return f"{verbs} {resources}{names}"
