"""Who may write policies with parameters, and bindings that refer to some; as upstream's tests of their strategies have it."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.api.authorization import Attributes, Decision, Verdict
from cluster.api.names import GroupVersionKind, Object
from cluster.api.user import UserInfo
from rbac.parameters import check_binding, check_policy

TINA = UserInfo("tina", "7", ("dev", "system:authenticated"), {"b": ("x", "y"), "a": ("z",)})
SHOWN = "&{tina 7 [dev system:authenticated] map[a:[z] b:[x y]]}"
ADMIN = UserInfo("admin", groups=("system:masters",))
MAPS = {"apiVersion": "v1", "kind": "ConfigMap"}
RULES = {"apiVersion": "rules.example.com/v1", "kind": "Rule"}


class Asked:
    """An authorizer that allows what is named: `get configmaps.v1. a/b`."""

    def __init__(self, *allowed: str, error: str = "") -> None:
        self.allowed = allowed
        self.error = error
        self.questions: list[str] = []

    def authorize(self, attributes: Attributes) -> Verdict:
        what = f"{attributes.resource}.{attributes.api_version}.{attributes.api_group}"
        self.questions.append(f"{attributes.verb} {what} {attributes.namespace}/{attributes.name}")
        decision = Decision.ALLOW if self.questions[-1] in self.allowed else Decision.NO_OPINION
        return Verdict(decision, error=self.error)


def resource_of(gvk: GroupVersionKind) -> str:
    return {"ConfigMap": "configmaps"}.get(gvk.kind, "")


def policy(kind: Any = None) -> Object:
    return {"metadata": {"name": "p"}, "spec": {} if kind is None else {"paramKind": kind}}


@pytest.mark.parametrize(
    ("kind", "question"),
    [(MAPS, "get configmaps.v1. */*"), (RULES, "get *.v1.rules.example.com */*"), ({"apiVersion": "a/b/c", "kind": "K"}, "get *.*.* */*")],
)
def test_a_policy_asks_for_the_right_to_read_all_objects_of_its_kind(kind: Object, question: str) -> None:
    asked = Asked()
    (error,) = check_policy(TINA, policy(kind), None, asked, resource_of)
    named = f"kind={kind['kind']}, apiVersion={kind['apiVersion']}"
    why = f'user {SHOWN} must have "get" permission on all objects of the referenced paramKind ({named})'
    assert (str(error), asked.questions) == (f"spec.paramKind: Forbidden: {why}", [question])
    assert check_policy(TINA, policy(kind), None, Asked(question), resource_of) == []
    assert check_policy(ADMIN, policy(kind), None, Asked(), resource_of) == []
    (error,) = check_policy(TINA, policy(kind), None, Asked(error="broken"), resource_of)
    assert str(error) == "spec.paramKind: Forbidden: broken"


def test_a_policy_asks_again_where_its_kind_changes() -> None:
    assert check_policy(TINA, policy(), policy(MAPS), Asked(), resource_of) == []
    assert check_policy(TINA, policy(MAPS), policy(MAPS), Asked(), resource_of) == []
    assert len(check_policy(TINA, policy(MAPS), policy(RULES), Asked(), resource_of)) == 1
    assert len(check_policy(TINA, policy(MAPS), policy(), Asked(), resource_of)) == 1


def binding(**reference: Any) -> Object:
    return {"metadata": {"name": "b"}, "spec": {"policyName": "p", "paramRef": reference}}


EVERYTHING = "permission for all groups, versions and resources"


@pytest.mark.parametrize(
    ("of", "given", "question", "why"),
    [
        (policy(MAPS), binding(name="n", namespace="a"), "get configmaps.v1. a/n", "object"),
        (policy(MAPS), binding(name="n"), "get configmaps.v1. /n", "object"),
        (policy(MAPS), binding(selector={}), "list configmaps.v1. /", "object"),
        (policy(), binding(name="n"), "get *.*.* /n", "object"),
        (None, binding(name="n"), "get *.*.* /n", "get policy p"),
        (policy(RULES), binding(selector={}), "list *.v1.rules.example.com /", "resolve paramKind &{rules.example.com/v1 Rule}"),
        (policy({"apiVersion": "a/b/c", "kind": "K"}), binding(name="n"), "get *.*.* /n", "parse paramKind &{a/b/c K}"),
    ],
)
def test_a_binding_asks_for_the_right_to_read_what_it_refers_to(of: Object | None, given: Object, question: str, why: str) -> None:
    asked = Asked()
    (error,) = check_binding(TINA, given, asked, resource_of, {"p": of}.get)
    verb = question.split()[0]
    if why == "object":
        told = f'user {SHOWN} does not have "{verb}" permission on the object referenced by paramRef'
    else:
        told = f'unable to {why} to determine minimum required permissions and user {SHOWN} does not have "{verb}" {EVERYTHING}'
    assert (str(error), asked.questions) == (f"spec.paramRef: Forbidden: {told}", [question])
    assert check_binding(TINA, given, Asked(question), resource_of, {"p": of}.get) == []
    assert check_binding(ADMIN, given, Asked(), resource_of, {"p": of}.get) == []
    (error,) = check_binding(TINA, given, Asked(error="broken"), resource_of, {"p": of}.get)
    assert str(error) == "spec.paramRef: Forbidden: failed to authorize request: broken"


def test_a_binding_without_a_reference_asks_for_nothing() -> None:
    given = {"metadata": {"name": "b"}, "spec": {"policyName": "p"}}
    assert check_binding(TINA, given, Asked(), resource_of, {"p": policy(MAPS)}.get) == []
