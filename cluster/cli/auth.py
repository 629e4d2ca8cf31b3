"""`berth auth`: why a request is allowed or denied, who can do something, what someone can do, and a matrix of it.

`why` exits 0 where it is allowed and 1 where it is denied, as `kubectl auth can-i` does; everything else 0.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any, Final

from cluster.api.errors import Forbidden, Invalid, StatusError
from cluster.api.names import GroupVersionResource, Object
from cluster.api.output import as_json, as_yaml, printable
from cluster.api.subjects import FORM
from cluster.cli import auth_text
from cluster.cli.api_access import add_kubeconfig, api_client, kubeconfig_of, refused, unusable
from cluster.cli.auth_question import Asked, Names, manifest, names_of
from cluster.cli.failure import CommandError
from cluster.cli.subjects import subject_of
from cluster.client import kubeconfig
from cluster.client.http import ApiClient
from cluster.client.resources import SELF_SUBJECT_REVIEWS

_VERSION: Final = "berth.io/v1alpha1"
_OUTPUTS: Final = ("text", "json", "yaml")


def add_arguments(parser: argparse.ArgumentParser, home: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    common = argparse.ArgumentParser(add_help=False, parents=[home])
    add_kubeconfig(common)
    common.add_argument("-n", "--namespace", default=None, help='default the context\'s, or "default"')
    why = actions.add_parser("why", parents=[common], help="why a request is allowed or denied; exit code 0 or 1")
    _identity(why)
    why.add_argument("--token", metavar="TOKEN", help="explain whose token this is; - reads it from standard input")
    why.add_argument("--kubeconfig-of", type=Path, metavar="FILE", help="explain the credentials in a kubeconfig")
    _question(why)
    why.add_argument("--url", default="", metavar="PATH", help="a path that is no resource, in place of RESOURCE")
    why.add_argument("-f", "--filename", default="", metavar="FILE", help="the object of a create or update, for admission; - for stdin")
    why.add_argument("-o", "--output", choices=_OUTPUTS, default="text")
    who_can = actions.add_parser("who-can", parents=[common], help="all who may do something")
    _question(who_can)
    who_can.add_argument("--url", default="", metavar="PATH", help="a path that is no resource, in place of RESOURCE")
    who_can.add_argument("-o", "--output", choices=_OUTPUTS, default="text")
    rules = actions.add_parser("rules", parents=[common], help="what someone may do, and by which bindings")
    _identity(rules)
    rules.add_argument("-o", "--output", choices=_OUTPUTS, default="text")
    matrix = actions.add_parser("matrix", parents=[common], help="who may do what with which resources")
    matrix.add_argument("--subjects", nargs="+", default=[], metavar="SUBJECT", help=FORM)
    matrix.add_argument("--resources", nargs="+", default=[], metavar="RESOURCE", help="as kubectl takes them")
    matrix.add_argument("--verbs", nargs="+", default=[], metavar="VERB")
    matrix.add_argument("-A", "--cluster", action="store_true", help="at the cluster scope, not in a namespace")
    matrix.add_argument("-o", "--output", choices=("table", "csv", "json", "yaml"), default="table")


def _identity(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--as", dest="user", default="", metavar="USER", help="whom it is about; default who asks")
    parser.add_argument("--as-group", action="append", default=[], metavar="GROUP", help="a group of theirs (may be repeated)")
    parser.add_argument("--as-uid", default="", metavar="UID")
    parser.add_argument("--as-user-extra", "--as-extra", action="append", default=[], metavar="KEY=VALUE", help="(may be repeated)")


def _question(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("verb", metavar="VERB")
    parser.add_argument("resource", nargs="?", default="", metavar="RESOURCE", help="as kubectl takes it: po, deployments.apps, pods/log")
    parser.add_argument("name", nargs="?", default="", metavar="NAME")
    parser.add_argument("-A", "--all-namespaces", action="store_true", help="at the cluster scope: in all namespaces at once")
    parser.add_argument("--field-selector", default="", metavar="SELECTOR", help="of a list, watch or deletecollection")
    parser.add_argument("-l", "--selector", default="", metavar="SELECTOR", help="likewise, by labels")


def run(arguments: argparse.Namespace) -> int:
    asking = _Asking(api_client(arguments), _namespace(arguments), arguments)
    actions = {"why": asking.why, "who-can": asking.who_can, "rules": asking.rules, "matrix": asking.matrix}
    try:
        return actions[arguments.action]()
    except StatusError as error:
        raise refused(error) from error


def _namespace(arguments: argparse.Namespace) -> str:
    """The namespace that the question is about: the one named, or the context's."""
    if arguments.namespace is not None:
        return str(arguments.namespace)
    path = kubeconfig_of(arguments)
    try:
        return kubeconfig.load(path).namespace
    except (OSError, ValueError) as error:
        raise unusable(path, error) from error


class _Asking:
    """The four questions, put to one API server."""

    def __init__(self, client: ApiClient, namespace: str, arguments: argparse.Namespace) -> None:
        self._client = client
        self._namespace = namespace
        self._arguments = arguments

    def why(self) -> int:
        given = self._arguments
        spec = self._who() | self._what()
        if given.filename:
            spec["object"] = manifest(given.filename)
        answer = self._ask("accessexplanations", "AccessExplanation", spec, _namespace_of(spec))
        self._print(answer, auth_text.why)
        return 0 if answer["status"]["allowed"] else 1

    def who_can(self) -> int:
        spec = self._what()
        self._print(self._ask("whocanreviews", "WhoCanReview", spec, _namespace_of(spec)), auth_text.who_can)
        return 0

    def rules(self) -> int:
        spec = self._subject() | {"namespace": self._namespace}
        self._print(self._ask("subjectrulesreviews", "SubjectRulesReview", spec, self._namespace), auth_text.rules)
        return 0

    def matrix(self) -> int:
        given = self._arguments
        spec: Object = {"namespaces": ["" if given.cluster else self._namespace]}
        if given.subjects:
            spec["subjects"] = [subject_of(each) for each in given.subjects]
        if given.resources:
            names = names_of(self._client)
            spec["resources"] = [self._matrix_resource(names, each) for each in given.resources]
        if given.verbs:
            spec["verbs"] = given.verbs
        answer = self._ask("accessmatrixreviews", "AccessMatrixReview", spec, spec["namespaces"][0])
        self._print(answer, auth_text.csv_of if given.output == "csv" else auth_text.matrix)
        return 0

    @staticmethod
    def _matrix_resource(names: Names, text: str) -> Object:
        asked = names.resolve(text)
        return {"group": asked.group, "resource": f"{asked.resource}/{asked.subresource}" if asked.subresource else asked.resource}

    def _what(self) -> Object:
        """The question's verb and object."""
        given = self._arguments
        if bool(given.url) == bool(given.resource):
            raise CommandError("name a RESOURCE, or a path with --url, and not both")
        if given.url:
            return {"nonResourceAttributes": {"verb": given.verb, "path": given.url}}
        return {"resourceAttributes": self._attributes(names_of(self._client).resolve(given.resource))}

    def _attributes(self, asked: Asked) -> Object:
        given = self._arguments
        name = given.name or asked.name
        namespace = "" if given.all_namespaces or not asked.namespaced else self._namespace
        found: Object = {"verb": given.verb, "group": asked.group, "resource": asked.resource, "namespace": namespace}
        found |= {"version": asked.version} if asked.version else {}
        found |= {"subresource": asked.subresource} if asked.subresource else {}
        found |= {"name": name} if name else {}
        if given.field_selector:
            found["fieldSelector"] = {"rawSelector": given.field_selector}
        if given.selector:
            found["labelSelector"] = {"rawSelector": given.selector}
        return found

    def _who(self) -> Object:
        """Whom the question is about: credentials, someone named, or who asks."""
        given = self._arguments
        chosen = [bool(given.token), bool(given.kubeconfig_of), bool(given.user or given.as_group)]
        if sum(chosen) > 1:
            raise CommandError("name one of --as, --token and --kubeconfig-of")
        if given.token:
            token = sys.stdin.readline().strip() if given.token == "-" else given.token  # noqa: S105 - where it is read from
            return {"token": token}
        return _credentials_of(given.kubeconfig_of) if given.kubeconfig_of else self._subject()

    def _subject(self) -> Object:
        """Someone named, with the groups that authentication gives to everyone of their sort; without a name, who asks."""
        given = self._arguments
        if given.user or given.as_group:
            return auth_text.completed(given.user, given.as_group) | _more(given.as_uid, given.as_user_extra)
        review = {"kind": "SelfSubjectReview", "apiVersion": "authentication.k8s.io/v1"}
        found = self._client.create(SELF_SUBJECT_REVIEWS, "", review)["status"]["userInfo"]
        return {"user": found["username"]} | {name: found[name] for name in ("uid", "groups", "extra") if found.get(name)}

    def _ask(self, resource: str, kind: str, spec: Object, namespace: str) -> Object:
        """Who may not ask about the cluster is answered as far as they may ask in the namespace."""
        try:
            return self._create(resource, kind, spec, "")
        except Forbidden as refused:
            if not namespace:
                raise
            try:
                return self._create(f"local{resource}", f"Local{kind}", spec, namespace)
            except (Forbidden, Invalid):
                raise refused from None

    def _create(self, resource: str, kind: str, spec: Object, namespace: str) -> Object:
        body = {"kind": kind, "apiVersion": _VERSION, "spec": spec}
        return self._client.create(GroupVersionResource("berth.io", "v1alpha1", resource), namespace, body)

    def _print(self, answer: Object, text: Any) -> None:
        output = self._arguments.output
        if output == "json":
            print(as_json(answer))
        elif output == "yaml":
            print(as_yaml([answer]), end="")
        else:
            print(printable(text(answer)), end="")


def _namespace_of(spec: Object) -> str:
    """The namespace that a question is about; none for paths and for the cluster scope."""
    return str((spec.get("resourceAttributes") or {}).get("namespace") or "")


def _more(uid: str, extra: list[str]) -> Object:
    found: Object = {"uid": uid} if uid else {}
    values: dict[str, list[str]] = {}
    for each in extra:
        key, equals, value = each.partition("=")
        if not key or not equals:
            raise CommandError(f'extra "{each}" is not KEY=VALUE')
        values.setdefault(key.lower(), []).append(value)
    return found | ({"extra": values} if values else {})


def _credentials_of(path: Path) -> Object:
    """The token or certificate of a kubeconfig's current context; never its key."""
    try:
        found = kubeconfig.load(path)
        token = found.token or (found.token_file.read_text().strip() if found.token_file else "")
    except (OSError, ValueError) as error:
        raise CommandError(f'kubeconfig "{path}" cannot be read: {error}') from error
    spec: Object = {"token": token} if token else {}
    spec |= {"certificate": found.certificate.decode(errors="replace")} if found.certificate else {}
    if not spec:
        raise CommandError(f'kubeconfig "{path}" has no token and no certificate in its current context')
    return spec
