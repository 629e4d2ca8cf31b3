"""What a pod asks for as a whole.  Drawn from component-helpers `resource/helpers_test.go`."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.api.names import Object
from cluster.api.pod_resources import aggregate, is_pod_level, limits_of, qos_class, requests_of
from cluster.api.resource_lists import texts_of


def container(cpu: str = "", *, name: str = "c", limit: str = "", sidecar: bool = False) -> Object:
    resources: Object = {}
    if cpu:
        resources["requests"] = {"cpu": cpu}
    if limit:
        resources["limits"] = {"cpu": limit}
    return {"name": name, "resources": resources} | ({"restartPolicy": "Always"} if sidecar else {})


def pod(*containers: Object, init: tuple[Object, ...] = (), status: Object | None = None, **spec: Any) -> Object:
    return {"spec": {"containers": list(containers), "initContainers": list(init), **spec}, "status": status or {}}


def reported(name: str = "c", *, cpu: str = "", limit: str = "", allocated: str = "", infeasible: bool = False) -> Object:
    """A status that says what a container has."""
    found: Object = {"name": name, "resources": {}}
    if cpu:
        found["resources"]["requests"] = {"cpu": cpu}
    if limit:
        found["resources"]["limits"] = {"cpu": limit}
    if allocated:
        found["allocatedResources"] = {"cpu": allocated}
    conditions = [{"type": "PodResizePending", "reason": "Infeasible" if infeasible else "Deferred"}]
    return {"containerStatuses": [found], "conditions": conditions}


@pytest.mark.parametrize(
    ("obj", "requests"),
    [
        (pod(container("1"), container("500m")), {"cpu": "1500m"}),
        (pod(container("1"), init=(container("2"), container("1"))), {"cpu": "2"}),
        (pod(container("1"), init=(container("500m", sidecar=True),)), {"cpu": "1500m"}),
        (pod(container("1"), init=(container("1", sidecar=True), container("3"))), {"cpu": "4"}),
        (pod(container("1"), init=(container("3"), container("1", sidecar=True))), {"cpu": "3"}),
        (pod(container("1"), overhead={"cpu": "100m", "memory": "1Mi"}), {"cpu": "1100m", "memory": "1Mi"}),
        (pod(container("1"), resources={"requests": {"cpu": "3", "example.com/x": "1"}}), {"cpu": "3"}),
        (pod(container()), {}),
        (pod(container("1"), status=reported(cpu="2")), {"cpu": "2"}),
        (pod(container("1"), status=reported(cpu="500m", allocated="1500m")), {"cpu": "1500m"}),
        (pod(container("4"), status=reported(cpu="2", allocated="1", infeasible=True)), {"cpu": "2"}),
        (pod(container("1"), status=reported("other", cpu="9")), {"cpu": "1"}),
        (pod(container("1"), init=(container("2", name="i"),), status=reported("i", cpu="9")), {"cpu": "2"}),
        (pod(container("1"), init=(container("2", name="i", sidecar=True),), status=reported("i", cpu="9")), {"cpu": "10"}),
    ],
)
def test_requests(obj: Object, requests: dict[str, str]) -> None:
    assert texts_of(requests_of(obj)) == requests


@pytest.mark.parametrize(
    ("obj", "limits"),
    [
        (pod(container(limit="1"), container(limit="1")), {"cpu": "2"}),
        (pod(container(limit="1"), overhead={"cpu": "100m", "memory": "1Mi"}), {"cpu": "1100m"}),
        (pod(container(limit="0"), overhead={"cpu": "100m"}), {"cpu": "0"}),
        (pod(container(limit="1"), resources={"limits": {"cpu": "3"}}), {"cpu": "3"}),
        (pod(container(limit="1"), status=reported(limit="2", allocated="9")), {"cpu": "2"}),
        (pod(container(limit="3"), status=reported(limit="2", infeasible=True)), {"cpu": "2"}),
    ],
)
def test_limits(obj: Object, limits: dict[str, str]) -> None:
    assert texts_of(limits_of(obj)) == limits


def test_the_aggregate_of_a_spec_knows_no_status_and_no_overhead() -> None:
    obj = pod(container("1"), overhead={"cpu": "1"}, status=reported(cpu="9"))
    assert texts_of(aggregate(obj["spec"], "requests")) == {"cpu": "1"}


@pytest.mark.parametrize(
    ("resources", "wanted"),
    [
        (None, False),
        ({}, False),
        ({"requests": {"example.com/x": "1"}}, False),
        ({"requests": {"cpu": "1"}}, True),
        ({"limits": {"hugepages-2Mi": "2Mi"}}, True),
    ],
)
def test_whether_resources_are_set_for_the_pod(resources: Object | None, wanted: bool) -> None:
    assert is_pod_level({"resources": resources}) is wanted


def test_the_class_that_a_pod_was_given_stands() -> None:
    assert qos_class(pod(container("1"))) == "Burstable"
    assert qos_class(pod(container("1"), status={"qosClass": "BestEffort"})) == "BestEffort"
