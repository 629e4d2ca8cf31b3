"""The tolerations that extended resources bring."""

from __future__ import annotations

import pytest

from admission.attributes import Operation
from admission.plugins.extended_resource_toleration import ExtendedResourceToleration
from cluster.api.names import Object
from tests.unit.admission.writes import write


def requesting(*names: str) -> Object:
    return {"name": "c", "resources": {"requests": dict.fromkeys(names, "1")}}


def added(key: str, **more: object) -> Object:
    return {"key": key, "operator": "Exists", "effect": "NoSchedule", **more}


OTHER = {"key": "other", "operator": "Equal", "value": "x", "effect": "NoSchedule"}


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"containers": [{"name": "c"}]}, None),
        ({"containers": [requesting("cpu", "memory", "hugepages-2Mi", "kubernetes.io/x", "requests.a/b")]}, None),
        ({"containers": [{"name": "c", "resources": {"limits": {"example.com/gpu": "1"}}}]}, None),
        ({"containers": [requesting("example.com/gpu")]}, [added("example.com/gpu")]),
        ({"initContainers": [requesting("example.com/gpu")], "containers": [requesting("cpu")]}, [added("example.com/gpu")]),
        (
            {"containers": [requesting("b.com/x"), requesting("a.com/x", "b.com/x")], "tolerations": [OTHER]},
            [OTHER, added("a.com/x"), added("b.com/x")],
        ),
        ({"containers": [requesting("a.com/x")], "tolerations": [added("a.com/x"), OTHER]}, [added("a.com/x"), OTHER]),
        (
            {"containers": [requesting("a.com/x")], "tolerations": [added("a.com/x", tolerationSeconds=5), OTHER]},
            [added("a.com/x"), OTHER],
        ),
        (
            {"containers": [requesting("a.com/x")], "tolerations": [added("a.com/x", effect="NoExecute")]},
            [added("a.com/x", effect="NoExecute"), added("a.com/x")],
        ),
    ],
)
def test_what_a_pod_tolerates_for_what_it_requests(spec: Object, expected: list[Object] | None) -> None:
    pod: Object = {"metadata": {"name": "web"}, "spec": spec}
    ExtendedResourceToleration().admit(write("CREATE", "pods", pod))
    assert pod["spec"].get("tolerations") == expected


@pytest.mark.parametrize("what", ["pods/status", "configmaps"])
def test_only_pods_are_looked_at(what: str) -> None:
    pod: Object = {"metadata": {"name": "web"}, "spec": {"containers": [requesting("a.com/x")]}}
    ExtendedResourceToleration().admit(write("UPDATE", what, pod))
    assert "tolerations" not in pod["spec"]
    assert [each for each in Operation if ExtendedResourceToleration().handles(each)] == [Operation.CREATE, Operation.UPDATE]
