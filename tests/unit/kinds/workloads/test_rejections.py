"""What Kubernetes refuses, and in which words."""

from __future__ import annotations

import pytest

from cluster.api.names import Object
from cluster.api.validation import name_is_dns_subdomain, validate_object_meta
from tests.unit.kinds.workloads.world import created, load, pod, strategy

REJECTED = load("rejected.yaml")


@pytest.mark.parametrize("row", REJECTED, ids=[row["name"] for row in REJECTED])
def test_a_bad_object_is_refused_in_kubernetes_words(row: Object) -> None:
    obj = created(row["object"])
    kind = strategy(obj["kind"])
    errors = validate_object_meta(obj["metadata"], True, kind.validate_name or name_is_dns_subdomain) + kind.validate(obj)
    assert sorted({str(error) for error in errors}) == sorted(set(row["causes"]))


@pytest.mark.parametrize(
    ("obj", "wanted"),
    [
        (pod(), []),
        (pod(ephemeralContainers=[{"name": "e", "image": "x"}]), ["spec.ephemeralContainers: Forbidden: cannot be set on create"]),
        (
            pod(nodeName="n1", schedulingGates=[{"name": "g"}]),
            ["spec.nodeName: Forbidden: cannot be set until all schedulingGates have been cleared"],
        ),
        (
            pod(volumes=[{"name": "t", "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}}]),
            [
                "spec.volumes[0].projected.sources[0].serviceAccountToken: Forbidden: "
                "must not be specified when serviceAccountName is not set"
            ],
        ),
        (
            pod(hostNetwork=True, containers=[{"name": "c", "image": "x", "ports": [{"containerPort": 80, "hostPort": 81}]}]),
            ["spec.containers[0].ports[0].hostPort: Invalid value: 81: must match `containerPort` when `hostNetwork` is true"],
        ),
    ],
)
def test_rules_of_new_pods(obj: Object, wanted: list[str]) -> None:
    assert [str(error) for error in strategy("Pod").validate(created(obj))] == wanted


def test_a_pod_is_warned_of_a_name_that_makes_a_bad_host_name() -> None:
    named = pod() | {"metadata": {"name": "a.b"}}
    assert strategy("Pod").warnings(created(named), None) == [
        "metadata.name: this is used in the Pod's hostname, which can result in surprising behavior; "
        "a DNS label is recommended: [must not contain dots]"
    ]


def test_a_template_is_warned_of_what_is_deprecated() -> None:
    source = load("golden/deployment-warned.input.yaml")
    found = strategy("Deployment").warnings(created(source), None)
    assert 'spec.template.spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use "kubernetes.io/os" instead' in found
    assert "spec.template.spec.containers[0].env[1]: hides previous definition of" in "\n".join(found)
    assert 'imagePullSecrets[2].name: invalid empty name ""' in "\n".join(found)


def test_an_unchanged_template_is_not_warned_of_again() -> None:
    stored = created(load("golden/deployment-warned.input.yaml"))
    assert strategy("Deployment").warnings(stored, stored) == []
