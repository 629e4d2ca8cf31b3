"""What explanations answer is what their schemas say."""

from __future__ import annotations

import pytest

from cluster.api.names import GroupVersionKind, Object
from cluster.schema.decode import decoder
from cluster.schema.model import SchemaSet
from rbac.explain.matrix import MatrixQuestion, matrix
from rbac.explain.rules_of import rules_of
from rbac.explain.who_can import who_can
from tests.unit.rbac.explain.questions import explained, sources_of
from tests.unit.rbac.explain.situations import ALLOWED, DENIED, GET_POD, TINA, VIEW, Situation, dev, lasting, wide

SCHEMAS = SchemaSet.for_version("1.36")


def problems(kind: str, status: Object) -> list[str]:
    """What strict decoding has against an answer, and what it loses."""
    gvk = GroupVersionKind("berth.io", "v1alpha1", kind)
    answer = {"kind": kind, "apiVersion": "berth.io/v1alpha1", "metadata": {}, "spec": {}, "status": status}
    return decoder(SCHEMAS, gvk).decode(answer, strict=True).problems


@pytest.mark.parametrize("situation", [*ALLOWED, *DENIED], ids=lambda each: each.name)
def test_of_an_explanation(situation: Situation) -> None:
    status = explained(situation.question, *situation.objects)
    assert problems("AccessExplanation", status) == []
    assert problems("LocalAccessExplanation", status) == []


def test_of_the_lists() -> None:
    sources = sources_of(VIEW, lasting(dev("b", "ClusterRole/view", "User:tina")), wide("w", "ClusterRole/gone", "Group:ops"))
    question = MatrixQuestion(resources=(("", "pods"),), verbs=("get",), namespaces=("dev",))
    assert problems("WhoCanReview", who_can(GET_POD, sources)) == []
    assert problems("SubjectRulesReview", rules_of(TINA, "dev", sources)) == []
    assert problems("AccessMatrixReview", matrix(question, sources)) == []


def test_a_field_that_the_schema_lacks_would_be_found() -> None:
    assert problems("WhoCanReview", {"subjects": [], "total": 0, "colour": "red"}) == ['unknown field "status.colour"']
