"""Which class an ingress gets that names none."""

from __future__ import annotations

import pytest

from admission.plugins.default_ingress_class import DefaultIngressClass
from cluster.api.names import GroupResource, Object
from tests.unit.admission.writes import write
from tests.unit.rbac.world import World, metadata

CLASSES = GroupResource("networking.k8s.io", "ingressclasses")
INGRESSES = "ingresses.networking.k8s.io"


def ingress_class(name: str, mark: str = "true", created: str = "2026-01-01T00:00:00Z") -> Object:
    return {"metadata": metadata(name, annotations={"ingressclass.kubernetes.io/is-default-class": mark}, creationTimestamp=created)}


A, B, NEWER = ingress_class("a"), ingress_class("b"), ingress_class("z", created="2026-01-01T00:00:01Z")


@pytest.mark.parametrize(
    ("classes", "what", "annotations", "spec", "expected"),
    [
        ((ingress_class("no", "false"), ingress_class("empty", "")), INGRESSES, {}, {}, {}),
        ((A,), INGRESSES, {}, {}, {"ingressClassName": "a"}),
        ((A,), INGRESSES, {}, {"ingressClassName": ""}, {"ingressClassName": ""}),
        ((A,), INGRESSES, {}, {"ingressClassName": "own"}, {"ingressClassName": "own"}),
        ((A,), INGRESSES, {"kubernetes.io/ingress.class": ""}, {}, {}),
        ((B, A), INGRESSES, {}, {}, {"ingressClassName": "a"}),
        ((A, NEWER, B), INGRESSES, {}, {}, {"ingressClassName": "z"}),
        ((A,), f"{INGRESSES}/status", {}, {}, {}),
        ((A,), "configmaps", {}, {}, {}),
    ],
)
def test_an_ingress_gets_the_newest_default_class(
    classes: tuple[Object, ...], what: str, annotations: Object, spec: Object, expected: Object
) -> None:
    world = World()
    for each in classes:
        world.put(CLASSES, each)
    ingress: Object = {"metadata": {"name": "i", "annotations": annotations}, "spec": dict(spec)}
    DefaultIngressClass(world).admit(write("CREATE", what, ingress, namespace="dev"))
    assert ingress["spec"] == expected
