"""Access reviews and explanations say what a kube-apiserver said, of some thousands of questions about generated roles and bindings."""

from __future__ import annotations

import re

from cluster.api.names import Object
from rbac.authz.build import Authorization, build_authorization
from rbac.explain.view import Sources
from rbac.explain.why import why
from rbac.reviews import subject_access_review
from tests.unit.rbac.explain.oracle import Case, cases, world
from tests.unit.rbac.explain.questions import CATALOG

LEAST = 2000


def same_reason(case: Case, reason: str, grants: list[Object]) -> bool:
    """Where several bindings allow, or several roles are missing, upstream names them in the order of a hash table."""
    if reason == case.reason:
        return True
    if len(grants) > 1:
        return any(f'"{_shown(grant["binding"])}" of {grant["role"]["kind"]} "{grant["role"]["name"]}"' in case.reason for grant in grants)
    return not case.allowed and sorted(re.findall(r'\S+ "[^"]+" not found', reason)) == sorted(
        re.findall(r'\S+ "[^"]+" not found', case.reason)
    )


def _shown(binding: Object) -> str:
    return f"{binding['name']}/{binding['namespace']}" if "namespace" in binding else str(binding["name"])


def authorization() -> tuple[Authorization, Sources]:
    reader = world()
    made = build_authorization(reader)
    return made, Sources(made.authorizer, made.index, reader, CATALOG)


def test_there_are_thousands_and_half_of_them_are_allowed() -> None:
    allowed = sum(case.allowed for case in cases())
    assert len(cases()) >= LEAST
    assert len(cases()) * 0.4 < allowed < len(cases()) * 0.6


def test_access_reviews_answer_as_kubernetes_does() -> None:
    made, sources = authorization()
    wrong = []
    for case in cases():
        review = {"kind": "SubjectAccessReview", "apiVersion": "authorization.k8s.io/v1", "metadata": {}, "spec": case.spec}
        status = subject_access_review(review, made.authorizer)["status"]
        explained = why(case.question, sources, limit=100)
        grants = [explained["grantedBy"], *explained.get("alsoGrantedBy", [])] if "grantedBy" in explained else []
        if status["allowed"] != case.allowed or not same_reason(case, status.get("reason", ""), grants):
            wrong.append((case, status))
    assert wrong == []


def test_most_reasons_are_the_same_to_the_letter() -> None:
    made, _ = authorization()
    same = sum(made.authorizer.authorize(case.question).reason == case.reason for case in cases())
    assert same > len(cases()) * 0.9


def test_an_explanation_has_the_verdict_and_reason_of_the_authorizer() -> None:
    made, sources = authorization()
    for case in cases():
        verdict, explained = made.authorizer.authorize(case.question), why(case.question, sources)
        assert (explained["allowed"], explained.get("reason", "")) == (verdict.allowed, verdict.reason)
        assert explained["allowed"] == case.allowed
