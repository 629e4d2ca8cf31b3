"""LimitRanger.  Drawn from `plugin/pkg/admission/limitranger/admission_test.go`."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from admission.plugins.limit_ranger import ANNOTATION, LIMIT_RANGES, LimitRanger
from cluster.api.errors import Forbidden
from cluster.api.names import Object
from tests.unit.admission.writes import write
from tests.unit.rbac.world import World


def plugin(*items: Object, name: str = "limits", world: World | None = None) -> LimitRanger:
    """With one limit range of these items."""
    world = world or World()
    world.put(LIMIT_RANGES, {"metadata": {"name": name, "namespace": "dev"}, "spec": {"limits": list(items)}})
    return LimitRanger(world)


def resources(requests: dict[str, str] | None = None, limits: dict[str, str] | None = None) -> Object:
    found = {"requests": requests, "limits": limits}
    return {name: amounts for name, amounts in found.items() if amounts}


def pod(*containers: Object, init: tuple[Object, ...] = (), **spec: Any) -> Object:
    """Each container by its resources."""
    made = {"containers": [{"name": f"c{number}", "resources": each} for number, each in enumerate(containers)]}
    if init:
        made["initContainers"] = [{"name": f"i{number}", **each} for number, each in enumerate(init)]
    return {"metadata": {"name": "p", "namespace": "dev"}, "spec": made | spec}


def cpu(request: str = "", limit: str = "") -> Object:
    return resources({"cpu": request} if request else None, {"cpu": limit} if limit else None)


def memory(request: str = "", limit: str = "") -> Object:
    return resources({"memory": request} if request else None, {"memory": limit} if limit else None)


CONTAINER, POD = "Container", "Pod"


def bound(kind: str, **bounds: dict[str, str]) -> Object:
    return {"type": kind, **bounds}


ALLOWED: list[tuple[Object, Object]] = [
    (pod(cpu("100m")), bound(CONTAINER, min={"cpu": "50m"})),
    (pod(cpu("100m", "200m"), cpu("100m", "200m")), bound(CONTAINER, min={"cpu": "50m"})),
    (pod(memory("250Mi", "500Mi")), bound(CONTAINER, max={"memory": "1Gi"})),
    (pod(memory(limit="500Mi")), bound(CONTAINER, max={"memory": "1Gi"})),
    (pod(cpu("500m", "1")), bound(CONTAINER, maxLimitRequestRatio={"cpu": "2"})),
    (pod(cpu("500m", "750m")), bound(CONTAINER, maxLimitRequestRatio={"cpu": "1500m"})),
    (pod(cpu("75m"), cpu("75m")), bound(POD, min={"cpu": "100m"})),
    (pod(memory("60Mi"), memory("60Mi"), init=({"resources": memory("100Mi")},)), bound(POD, min={"memory": "100Mi"})),
    (pod(cpu(limit="1"), cpu(limit="1")), bound(POD, max={"cpu": "2"})),
    (pod(cpu(limit="1"), cpu(limit="1"), init=({"resources": cpu(limit="2")},) * 2), bound(POD, max={"cpu": "2"})),
    (pod(*[memory("300Mi", "450Mi")] * 3), bound(POD, max={"memory": "2Gi"}, maxLimitRequestRatio={"memory": "1500m"})),
    (pod(cpu("100m", "200m"), cpu("100m", "200m"), resources=cpu("200m", "400m")), bound(POD, max={"cpu": "400m"})),
    (pod(cpu("50m"), resources=cpu("160m")), bound(POD, min={"cpu": "160m"})),
    (pod(resources({"memory": "9E"}, {"memory": "9E"})), bound(CONTAINER, max={"memory": "9E"})),
    (pod(), {"type": "example.com/Thing", "max": {"cpu": "1"}}),
]


@pytest.mark.parametrize(("obj", "item"), ALLOWED)
def test_what_keeps_to_a_limit_range_is_allowed(obj: Object, item: Object) -> None:
    before = copy.deepcopy(obj)
    chosen = plugin(item)
    chosen.admit(write("CREATE", "pods", obj, namespace="dev"))
    chosen.validate(write("CREATE", "pods", obj, namespace="dev"))
    assert obj == before


SIDECAR = {"restartPolicy": "Always", "resources": cpu(limit="1500m")}
DENIED: list[tuple[Object, Object, str]] = [
    (pod(cpu("40m")), bound(CONTAINER, min={"cpu": "50m"}), "minimum cpu usage per Container is 50m, but request is 40m"),
    (pod(resources()), bound(CONTAINER, min={"cpu": "50m"}), "minimum cpu usage per Container is 50m.  No request is specified"),
    (pod(cpu("60m", "40m")), bound(CONTAINER, min={"cpu": "50m"}), "minimum cpu usage per Container is 50m, but limit is 40m"),
    (pod(cpu("500m", "2500m")), bound(CONTAINER, max={"cpu": "2"}), "maximum cpu usage per Container is 2, but limit is 2500m"),
    (pod(cpu("2500m", "2")), bound(CONTAINER, max={"cpu": "2"}), "maximum cpu usage per Container is 2, but request is 2500m"),
    (pod(cpu("1")), bound(CONTAINER, max={"cpu": "2"}), "maximum cpu usage per Container is 2.  No limit is specified"),
    (
        pod(cpu("1250m", "2500m")),
        bound(CONTAINER, maxLimitRequestRatio={"cpu": "1"}),
        "cpu max limit to request ratio per Container is 1, but provided ratio is 2.000000",
    ),
    (
        pod(cpu(limit="1")),
        bound(CONTAINER, maxLimitRequestRatio={"cpu": "1"}),
        "cpu max limit to request ratio per Container is 1, but no request is specified or request is 0",
    ),
    (
        pod(cpu("1")),
        bound(CONTAINER, maxLimitRequestRatio={"cpu": "1"}),
        "cpu max limit to request ratio per Container is 1, but no limit is specified or limit is 0",
    ),
    (pod(cpu("75m")), bound(POD, min={"cpu": "100m"}), "minimum cpu usage per Pod is 100m, but request is 75m"),
    (pod(*[memory(limit="500Mi")] * 3), bound(POD, max={"memory": "1Gi"}), "maximum memory usage per Pod is 1Gi, but limit is 1500Mi"),
    (
        pod(memory(limit="500Mi"), init=({"resources": memory(limit="1536Mi")},)),
        bound(POD, max={"memory": "1Gi"}),
        "maximum memory usage per Pod is 1Gi, but limit is 1536Mi",
    ),
    (pod(cpu(limit="1500m"), init=(SIDECAR,)), bound(POD, max={"cpu": "2"}), "maximum cpu usage per Pod is 2, but limit is 3"),
    (
        pod(cpu(limit="200m"), resources=cpu(limit="500m")),
        bound(POD, max={"cpu": "400m"}),
        "maximum cpu usage per Pod is 400m, but limit is 500m",
    ),
    (
        pod(resources({"cpu": "1", "memory": "1Mi"}), resources({"cpu": "1", "memory": "1Mi"})),
        bound(CONTAINER, min={"memory": "2Mi", "cpu": "2"}, max={"cpu": "3"}),
        "[minimum cpu usage per Container is 2, but request is 1, minimum memory usage per Container is 2Mi, but request is 1Mi, "
        "maximum cpu usage per Container is 3.  No limit is specified]",
    ),
]


@pytest.mark.parametrize(("obj", "item", "why"), DENIED)
def test_what_breaks_a_limit_range_is_denied_with_all_reasons(obj: Object, item: Object, why: str) -> None:
    with pytest.raises(Forbidden) as denial:
        plugin(item).validate(write("CREATE", "pods", obj, namespace="dev"))
    assert denial.value.message == f'pods "p" is forbidden: {why}'


DEFAULTS = bound(CONTAINER, default={"cpu": "75m", "memory": "10Mi"}, defaultRequest={"cpu": "50m", "memory": "5Mi"})


def test_containers_get_what_they_leave_out_and_a_note_says_what() -> None:
    obj = pod(resources({"cpu": "1m"}), resources(None, {"memory": "1Gi"}), init=({},))
    obj["metadata"]["annotations"] = {"mine": "stays"}
    plugin(DEFAULTS).admit(write("CREATE", "pods", obj, namespace="dev"))
    first, second, third = (each["resources"] for each in (*obj["spec"]["containers"], *obj["spec"]["initContainers"]))
    assert first == {"requests": {"cpu": "1m", "memory": "5Mi"}, "limits": {"cpu": "75m", "memory": "10Mi"}}
    assert second == {"requests": {"cpu": "50m", "memory": "5Mi"}, "limits": {"cpu": "75m", "memory": "1Gi"}}
    assert third == {"requests": {"cpu": "50m", "memory": "5Mi"}, "limits": {"cpu": "75m", "memory": "10Mi"}}
    assert obj["metadata"]["annotations"] == {
        "mine": "stays",
        ANNOTATION: "LimitRanger plugin set: memory request for container c0; cpu, memory limit for container c0; "
        "cpu, memory request for container c1; cpu limit for container c1; "
        "cpu, memory request for init container i0; cpu, memory limit for init container i0",
    }


def test_each_limit_range_adds_what_those_before_it_left_out() -> None:
    world = World()
    plugin(bound(CONTAINER, default={"cpu": "1"}), name="a", world=world)
    chosen = plugin(bound(CONTAINER, default={"cpu": "2", "memory": "1Gi"}), name="b", world=world)
    obj = pod(resources())
    chosen.admit(write("CREATE", "pods", obj, namespace="dev"))
    assert obj["spec"]["containers"][0]["resources"] == {"limits": {"cpu": "1", "memory": "1Gi"}}
    assert obj["metadata"]["annotations"][ANNOTATION] == "LimitRanger plugin set: memory limit for container c0"


def test_defaults_of_other_types_and_namespaces_are_none_of_a_containers() -> None:
    obj = pod(resources())
    plugin({**DEFAULTS, "type": "example.com/Thing"}).admit(write("CREATE", "pods", obj, namespace="dev"))
    plugin(DEFAULTS).admit(write("CREATE", "pods", obj, namespace="other"))
    assert obj == pod(resources())


@pytest.mark.parametrize(
    ("operation", "what", "old", "denied"),
    [
        ("CREATE", "pods", None, True),
        ("UPDATE", "pods", {}, False),
        ("UPDATE", "pods/resize", {}, True),
        ("UPDATE", "pods/resize", {"deletionTimestamp": "2026-01-01T00:00:00Z"}, False),
        ("UPDATE", "pods/status", {}, False),
        ("CREATE", "pods/resize", None, False),
        ("CREATE", "configmaps", None, False),
    ],
)
def test_which_writes_are_looked_at(operation: str, what: str, old: Object | None, denied: bool) -> None:
    obj = pod(cpu("40m"))
    before = {"metadata": {"name": "p", **old}, "spec": {}} if old is not None else None
    asked = write(operation, what, obj, before, namespace="dev")
    chosen = plugin(bound(CONTAINER, min={"cpu": "50m"}))
    found = ""
    try:
        chosen.validate(asked)
    except Forbidden as denial:
        found = denial.message
    assert found.endswith("minimum cpu usage per Container is 50m, but request is 40m") is denied


def claim(storage: str = "") -> Object:
    return {"metadata": {"name": "c", "namespace": "dev"}, "spec": {"resources": {"requests": {"storage": storage} if storage else {}}}}


@pytest.mark.parametrize(
    ("obj", "bounds", "why"),
    [
        (claim("5Gi"), {"min": {"storage": "1Gi"}, "max": {"storage": "5Gi"}}, ""),
        (claim("500Mi"), {"min": {"storage": "1Gi"}}, "minimum storage usage per PersistentVolumeClaim is 1Gi, but request is 500Mi"),
        (claim("6Gi"), {"max": {"storage": "5Gi"}}, "maximum storage usage per PersistentVolumeClaim is 5Gi, but request is 6Gi"),
        (claim(), {"max": {"storage": "5Gi"}}, "maximum storage usage per PersistentVolumeClaim is 5Gi.  No request is specified"),
    ],
)
@pytest.mark.parametrize("operation", ["CREATE", "UPDATE"])
def test_claims_are_bounded_when_they_are_made_and_when_they_grow(operation: str, obj: Object, bounds: Object, why: str) -> None:
    asked = write(operation, "persistentvolumeclaims", obj, claim("1Gi") if operation == "UPDATE" else None, namespace="dev")
    chosen = plugin({"type": "PersistentVolumeClaim", **bounds})
    chosen.admit(asked)
    if not why:
        chosen.validate(asked)
        assert asked.object == claim("5Gi")
        return
    with pytest.raises(Forbidden) as denial:
        chosen.validate(asked)
    assert denial.value.message == f'persistentvolumeclaims "c" is forbidden: {why}'
