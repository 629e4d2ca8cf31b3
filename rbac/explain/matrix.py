"""The access matrix: subjects by resources by verbs, each cell the authorizer's own verdict."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Final

from msgspec import Struct

from cluster.api.authorization import Attributes
from cluster.api.names import Object
from cluster.api.user import UserInfo, service_account_name
from rbac.explain.view import Sources, completed, every_binding, subject_shown

MAX_CELLS: Final = 20_000
MAX_SUBJECTS: Final = 50
"""How many subjects are taken from the bindings where none are named."""
VERBS: Final = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")
RESOURCES: Final = (
    ("", "pods"),
    ("", "pods/log"),
    ("", "pods/exec"),
    ("", "services"),
    ("", "configmaps"),
    ("", "secrets"),
    ("", "serviceaccounts"),
    ("", "persistentvolumeclaims"),
    ("apps", "deployments"),
    ("apps", "statefulsets"),
    ("apps", "daemonsets"),
    ("batch", "jobs"),
    ("batch", "cronjobs"),
    ("networking.k8s.io", "ingresses"),
    ("networking.k8s.io", "networkpolicies"),
    ("rbac.authorization.k8s.io", "roles"),
    ("rbac.authorization.k8s.io", "rolebindings"),
)
"""What is asked for where nothing is named: the resources of a namespace that tenants work with."""


class MatrixQuestion(Struct, frozen=True):
    """Subjects as JSON (kind, name, namespace), resources as (group, resource or resource/subresource); empty: the usual ones."""

    subjects: tuple[Object, ...] = ()
    resources: tuple[tuple[str, str], ...] = RESOURCES
    verbs: tuple[str, ...] = VERBS
    namespaces: tuple[str, ...] = ("",)

    def cells(self) -> int:
        return (len(self.subjects) or MAX_SUBJECTS) * len(self.resources) * len(self.verbs) * len(self.namespaces)


def matrix(question: MatrixQuestion, sources: Sources, *, only: str = "", pause: Callable[[], None] = lambda: None) -> Object:
    """The status of an AccessMatrixReview: a row for each subject, namespace and resource, with the verbs that are allowed.

    `pause` is called before each row, so that a big matrix keeps nobody waiting.
    """
    subjects, more = (list(question.subjects), 0) if question.subjects else _bound(question, sources, only)
    rows: list[Object] = []
    for subject, namespace, (group, resource) in product(subjects, question.namespaces, question.resources):
        pause()
        allowed = _allowed(user_of(subject), namespace, group, resource, question.verbs, sources)
        rows.append({"subject": subject, "namespace": namespace, "group": group, "resource": resource, "allowed": allowed})
    status: Object = {"verbs": list(question.verbs), "rows": rows}
    return status | ({"truncated": True, "subjectsLeftOut": more} if more else {})


def _allowed(user: UserInfo, namespace: str, group: str, resource: str, verbs: tuple[str, ...], sources: Sources) -> list[str]:
    name, _, subresource = resource.partition("/")
    questions = [Attributes(user, verb, namespace, group, "*", name, subresource) for verb in verbs]
    return [each.verb for each in questions if sources.authorizer.authorize(each).allowed]


def _bound(question: MatrixQuestion, sources: Sources, only: str) -> tuple[list[Object], int]:
    """The subjects that bindings of these namespaces name, and how many were left out."""
    found: dict[str, None] = {}
    for namespace in [only] if only else question.namespaces:
        for binding in every_binding(sources.index, namespace):
            found |= dict.fromkeys(binding.subjects)
    keys = sorted(found)
    return [subject_shown(key) for key in keys[:MAX_SUBJECTS]], max(len(keys) - MAX_SUBJECTS, 0)


def user_of(subject: Object) -> UserInfo:
    """Who a subject is to authorization: a group alone, or a user with the groups that everyone of their sort has."""
    if subject["kind"] == "Group":
        return UserInfo("", groups=(subject["name"],))
    if subject["kind"] == "ServiceAccount":
        return completed(UserInfo(service_account_name(subject["namespace"], subject["name"])))
    return completed(UserInfo(subject["name"]))
