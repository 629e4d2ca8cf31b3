"""Laws of explanations, for any roles, bindings and questions."""

from __future__ import annotations

import copy

from hypothesis import given, settings

from cluster.api.authorization import Attributes
from cluster.api.names import Object
from rbac.explain.rules_of import rules_of
from rbac.explain.who_can import who_can
from rbac.explain.why import why
from rbac.rules import rule_allows
from tests.unit.rbac.explain.questions import explained, sources_of
from tests.unit.rbac.test_laws import OBJECTS, QUESTIONS

LAW = settings(deadline=None)


def subjects_of(question: Attributes) -> set[tuple[str, str, str]]:
    """All that bindings can call who asks."""
    name = question.user.name
    account = tuple(name.split(":")[2:]) if name.startswith("system:serviceaccount:") else None
    own = ("ServiceAccount", *account) if account else ("User", "", name)
    return {own, *(("Group", "", group) for group in question.user.groups)}  # type: ignore[arg-type]


@LAW
@given(OBJECTS, QUESTIONS)
def test_the_verdict_is_the_authorizers(objects: list[Object], question: Attributes) -> None:
    sources = sources_of(*objects)
    verdict, status = sources.authorizer.authorize(question), why(question, sources)
    assert (status["allowed"], status.get("reason", "")) == (verdict.allowed, verdict.reason)


@LAW
@given(OBJECTS, QUESTIONS)
def test_the_grant_is_the_one_that_the_reason_names(objects: list[Object], question: Attributes) -> None:
    status = explained(question, *objects)
    if status["allowed"]:
        grant = status["grantedBy"]
        shown = grant["binding"]["name"] + (f"/{grant['binding']['namespace']}" if "namespace" in grant["binding"] else "")
        assert f'{grant["binding"]["kind"]} "{shown}" of {grant["role"]["kind"]} "{grant["role"]["name"]}"' in status["reason"]


@LAW
@given(OBJECTS, QUESTIONS)
def test_the_smallest_grant_allows_and_nothing_smaller_does(objects: list[Object], question: Attributes) -> None:
    status = explained(question, *objects)
    if status["allowed"]:
        return
    role, binding = status["smallestGrant"]["objects"]
    assert explained(question, *objects, role, binding)["allowed"]
    assert not explained(question, *objects, role)["allowed"]
    (rule,) = role["rules"]
    for field in rule:
        assert len(rule[field]) == 1
        if field != "resourceNames":
            less = {**role, "rules": [{**rule, field: []}]}
            assert not explained(question, *objects, less, binding)["allowed"]
    assert rule.get("resourceNames", [question.name]) == [question.name]


@LAW
@given(OBJECTS, QUESTIONS)
def test_a_role_that_would_do_does_once_it_is_bound(objects: list[Object], question: Attributes) -> None:
    for role in explained(question, *objects).get("rolesThatWouldAllow", []):
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": role["kind"], "name": role["name"]}
        scope = {"namespace": question.namespace} if question.is_resource and question.namespace else {}
        kind = "RoleBinding" if scope else "ClusterRoleBinding"
        subject = {"kind": "User", "name": question.user.name}
        bound = {"kind": kind, "metadata": {"name": "new", **scope}, "roleRef": reference, "subjects": [subject]}
        assert explained(question, *objects, bound)["allowed"]


@LAW
@given(OBJECTS, QUESTIONS)
def test_a_near_miss_is_a_binding_that_does_not_allow(objects: list[Object], question: Attributes) -> None:
    status = explained(question, *objects, limit=100)
    for miss in status.get("nearestMisses", []):
        assert miss["failures"]
        failed = {each["dimension"] for each in miss["failures"]}
        if failed & {"verb", "apiGroup", "resource", "subresource", "resourceName", "nonResourceURL"}:
            assert not rule_allows(question, miss["rule"])
        elif failed <= {"namespace", "scope", "subject"}:
            assert rule_allows(question, miss["rule"])


@LAW
@given(OBJECTS, QUESTIONS)
def test_explaining_changes_nothing_and_says_the_same_again(objects: list[Object], question: Attributes) -> None:
    pristine, sources = copy.deepcopy(objects), sources_of(*objects)
    assert (why(question, sources), objects) == (why(question, sources), pristine)


@LAW
@given(OBJECTS, QUESTIONS)
def test_who_can_lists_whoever_is_allowed(objects: list[Object], question: Attributes) -> None:
    sources = sources_of(*objects)
    listed = {(each["kind"], each.get("namespace", ""), each["name"]) for each in who_can(question, sources)["subjects"]}
    assert bool(listed & subjects_of(question)) == sources.authorizer.authorize(question).allowed


@LAW
@given(OBJECTS, QUESTIONS)
def test_the_rules_of_a_subject_allow_what_the_authorizer_allows(objects: list[Object], question: Attributes) -> None:
    sources = sources_of(*objects)
    found = rules_of(question.user, question.namespace, sources)["rules"]
    assert any(rule_allows(question, each["rule"]) for each in found) == sources.authorizer.authorize(question).allowed


@LAW
@given(OBJECTS, QUESTIONS)
def test_nothing_of_other_namespaces_is_told_within_one(objects: list[Object], question: Attributes) -> None:
    """What lies in other namespaces changes no word of what is told within one."""
    near = [obj for obj in objects if obj["metadata"].get("namespace", "") in ("", "dev")]
    if question.is_resource and question.namespace == "dev":
        assert explained(question, *near, only="dev") == explained(question, *objects, only="dev")
        everything, part = sources_of(*objects), sources_of(*near)
        assert who_can(question, everything, only="dev") == who_can(question, part, only="dev")
        assert rules_of(question.user, "dev", everything, only="dev") == rules_of(question.user, "dev", part, only="dev")


@LAW
@given(OBJECTS, QUESTIONS)
def test_cluster_wide_bindings_are_told_of_by_the_reason_alone(objects: list[Object], question: Attributes) -> None:
    """Within a namespace, a denial says the same whoever is bound cluster-wide, but for what is missing, as access reviews tell."""
    if not question.is_resource or question.namespace != "dev":
        return
    narrow = [obj for obj in objects if obj["kind"] != "ClusterRoleBinding"]
    whole, part = explained(question, *objects, only="dev"), explained(question, *narrow, only="dev")
    if not whole["allowed"]:
        told = ("reason", "opinions", "message")
        assert {key: whole[key] for key in whole if key not in told} == {key: part[key] for key in part if key not in told}
    assert who_can(question, sources_of(*objects), only="dev") == who_can(question, sources_of(*narrow), only="dev")
