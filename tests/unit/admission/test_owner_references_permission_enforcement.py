"""Who may change an object's owners, and who may block an owner's deletion."""

from __future__ import annotations

from typing import Any

import pytest

from admission.plugins.owner_references_permission_enforcement import OwnerReferencesPermissionEnforcement
from cluster.api.authorization import Attributes as Question
from cluster.api.authorization import Decision, Verdict
from cluster.api.errors import Forbidden
from cluster.api.names import Object
from tests.unit.admission.test_chain import OBJECTS
from tests.unit.admission.writes import write

ANYTHING = "update */finalizers.*"
NO_DELETE = "cannot set an ownerRef on a resource you can't delete: no reason, <nil>"
NO_FINALIZE = "cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set finalizers on: no reason, <nil>"


class Denying:
    """An authorizer that denies some questions: verb, resource, subresource and group as `update pods/finalizers`."""

    def __init__(self, *denied: str) -> None:
        self._denied = denied
        self.questions: list[Question] = []

    def authorize(self, attributes: Question) -> Verdict:
        self.questions.append(attributes)
        asked = "/".join(filter(None, (attributes.resource, attributes.subresource)))
        asked = f"{attributes.verb} {asked}" + (f".{attributes.api_group}" if attributes.api_group else "")
        return Verdict(Decision.NO_OPINION, "no reason") if asked in self._denied else Verdict(Decision.ALLOW)


def owner(name: str, kind: str = "ReplicationController", api_version: str = "v1", *, block: bool | None = None, **more: Any) -> Object:
    made = {"apiVersion": api_version, "kind": kind, "name": name, "uid": f"uid-{name}"} | more
    return made if block is None else made | {"blockOwnerDeletion": block}


def pod(*owners: Object) -> Object:
    return {"metadata": {"name": "web"} | ({"ownerReferences": list(owners)} if owners else {}), "spec": {}}


def refusal(authorizer: Denying, new: Object, old: Object | None = None, what: str = "pods") -> str:
    attributes = write("CREATE" if old is None else "UPDATE", what, new, old, namespace="dev")
    try:
        OwnerReferencesPermissionEnforcement(authorizer, OBJECTS.catalog).validate(attributes)
    except Forbidden as error:
        return error.message.removeprefix('pods "web" is forbidden: ')
    return ""


A, B = owner("a"), owner("b")


@pytest.mark.parametrize(
    ("new", "old", "what", "expected"),
    [
        (pod(), None, "pods", ""),
        (pod(A), None, "pods", ""),
        (pod(A), pod(A), "pods", ""),
        (pod(), pod(), "pods", ""),
        (pod(A), pod(), "pods", NO_DELETE),
        (pod(), pod(A), "pods", NO_DELETE),
        (pod(A, B), pod(A), "pods", NO_DELETE),
        (pod(A | {"controller": True}), pod(A), "pods", NO_DELETE),
        (pod(A), pod(), "pods/status", ""),
        (pod(A), pod(), "pods/resize", ""),
    ],
)
def test_owners_are_changed_by_who_may_delete(new: Object, old: Object | None, what: str, expected: str) -> None:
    assert refusal(Denying("delete pods"), new, old, what) == expected


def test_what_is_asked_about_the_object() -> None:
    authorizer = Denying()
    refusal(authorizer, pod(A), pod())
    (asked,) = authorizer.questions
    assert (asked.verb, asked.namespace, asked.api_version, asked.resource, asked.name) == ("delete", "dev", "v1", "pods", "web")


RC, RC2, DS, NODE = (
    owner("rc", block=True),
    owner("rc2", block=True),
    owner("ds", "DaemonSet", "apps/v1", block=True),
    owner("n", "Node", block=True),
)
NO_RC = ("update replicationcontrollers/finalizers", ANYTHING)


@pytest.mark.parametrize(
    ("denied", "new", "old", "expected"),
    [
        (NO_RC, pod(RC), None, NO_FINALIZE),
        (NO_RC, pod(owner("rc", block=False)), None, ""),
        (NO_RC, pod(owner("rc")), None, ""),
        (NO_RC, pod(DS), None, ""),
        (NO_RC, pod(DS, RC), None, NO_FINALIZE),
        (NO_RC, pod(RC), pod(), NO_FINALIZE),
        (NO_RC, pod(RC), pod(owner("rc")), NO_FINALIZE),
        (NO_RC, pod(RC), pod(owner("rc", block=False)), NO_FINALIZE),
        (NO_RC, pod(RC, A), pod(RC), ""),
        (NO_RC, pod(RC, RC2), pod(RC), NO_FINALIZE),
        (NO_RC, pod(), pod(RC), ""),
        (NO_RC, pod(owner("rc", "replicationcontroller", block=True)), None, NO_FINALIZE),
        (("update nodes/finalizers", ANYTHING), pod(NODE), None, NO_FINALIZE),
        (("update daemonsets/finalizers.apps", ANYTHING), pod(DS), None, NO_FINALIZE),
        (NO_RC[:1], pod(RC), None, ""),
        (
            (ANYTHING,),
            pod(owner("x", "Gizmo", "example.com/v1", block=True)),
            None,
            "cannot set blockOwnerDeletion in this case because cannot find RESTMapping for APIVersion example.com/v1 Kind Gizmo: "
            'no matches for kind "Gizmo" in version "example.com/v1"',
        ),
        (
            (ANYTHING,),
            pod(owner("x", "Pod", "a/b/c", block=True)),
            None,
            "cannot set blockOwnerDeletion in this case because cannot find RESTMapping for APIVersion a/b/c Kind Pod: "
            "unexpected GroupVersion string: a/b/c",
        ),
        ((), pod(owner("x", "Gizmo", "example.com/v1", block=True)), None, ""),
    ],
)
def test_a_deletion_is_blocked_by_who_may_finalize(denied: tuple[str, ...], new: Object, old: Object | None, expected: str) -> None:
    assert refusal(Denying(*denied), new, old) == expected


@pytest.mark.parametrize(("reference", "namespace"), [(RC, "dev"), (NODE, "")], ids=["in the object's namespace", "of the cluster"])
def test_where_the_owner_is(reference: Object, namespace: str) -> None:
    authorizer = Denying(ANYTHING)
    refusal(authorizer, pod(reference))
    assert (authorizer.questions[-1].namespace, authorizer.questions[-1].name) == (namespace, reference["name"])
