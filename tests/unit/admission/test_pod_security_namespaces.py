"""PodSecurity of namespaces: labels are validated, and who asks for more is told of the pods that would be refused."""

from __future__ import annotations

import copy
import itertools
import math
from typing import Any

import pytest

from admission.attributes import Attributes
from admission.plugins.pod_security import PodSecurity
from admission.pod_security.existing import Bounds, prioritized
from admission.pods import PODS
from cluster.api.errors import Invalid
from cluster.api.names import Object
from tests.unit.admission.pod_security_samples import plain, pod
from tests.unit.admission.pod_security_world import (
    BASELINE_POD,
    CONFIGURATION,
    PRIVILEGED_POD,
    RESTRICTED_POD,
    namespace,
    validated,
)
from tests.unit.admission.writes import write
from tests.unit.rbac.world import World, metadata

RESTRICTED_10 = {"enforce": "restricted", "enforce-version": "v1.0"}


@pytest.fixture
def world() -> World:
    return World()


def labelled(old: dict[str, str] | None, new: dict[str, str], *, name: str = "test", subresource: str = "") -> Attributes:
    what = f"namespaces/{subresource}" if subresource else "namespaces"
    return write("CREATE" if old is None else "UPDATE", what, namespace(name, new), None if old is None else namespace(name, old))


def put_pods(world: World, *pods: Object) -> None:
    for each in pods:
        world.put(PODS, each)


def named(name: str, obj: Object, **more: Any) -> Object:
    made = copy.deepcopy(obj)
    made["metadata"] = metadata(name, "test", **more)
    return made


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (None, {"enforce": "privileged", "enforce-version": "v1.0"}),
        (None, {"enforce": "baseline"}),
        (None, {"enforce": "restricted", "warn-version": "v1.99"}),
        (RESTRICTED_10, RESTRICTED_10),
        ({"enforce": "unknown"}, {"enforce": "unknown"}),
        ({"enforce": "baseline", "enforce-version": "x"}, {"enforce": "baseline", "enforce-version": "x"}),
        (RESTRICTED_10, {"enforce": "baseline", "enforce-version": "v1.0"}),
        ({"enforce": "restricted"}, {"enforce": "baseline"}),
        ({"enforce": "restricted", "enforce-version": "latest"}, {"enforce": "baseline"}),
        (RESTRICTED_10, {"enforce": "privileged"}),
        (RESTRICTED_10, {}),
        ({}, {"audit": "restricted", "warn": "restricted"}),
    ],
)
def test_labels_that_ask_for_no_more_than_before(world: World, old: dict[str, str] | None, new: dict[str, str]) -> None:
    put_pods(world, named("bad", PRIVILEGED_POD))
    assert validated(world, labelled(old, new)) == (None, [], {})


@pytest.mark.parametrize(
    ("old", "new"),
    [(None, {"enforce": "unknown"}), ({}, {"enforce": "unknown"}), ({"enforce": "other"}, {"enforce": "unknown"})],
)
def test_labels_that_say_nothing_sensible_are_refused(world: World, old: dict[str, str] | None, new: dict[str, str]) -> None:
    error, warnings, _ = validated(world, labelled(old, new))
    assert isinstance(error, Invalid)
    why = 'Invalid value: "unknown": must be one of privileged, baseline, restricted'
    path = "metadata.labels[pod-security.kubernetes.io/enforce]"
    assert error.message == f'Namespace "test" is invalid: {path}: {why}'
    assert error.details == {
        "name": "test",
        "kind": "Namespace",
        "causes": [{"reason": "FieldValueInvalid", "message": why, "field": path}],
    }
    assert warnings == []


def test_all_that_is_wrong_with_labels_is_told(world: World) -> None:
    error, _, _ = validated(world, labelled({"enforce": "x"}, {"enforce": "x", "warn-version": "1.2"}))
    assert error is not None
    assert error.message == (
        'Namespace "test" is invalid: [metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: "x": '
        "must be one of privileged, baseline, restricted, metadata.labels[pod-security.kubernetes.io/warn-version]: "
        'Invalid value: "1.2": must be "latest" or "v1.x"]'
    )


@pytest.mark.parametrize("subresource", ["status", "finalize"])
def test_a_namespace_in_part_is_not_looked_at(world: World, subresource: str) -> None:
    assert validated(world, labelled({}, {"enforce": "unknown"}, subresource=subresource)) == (None, [], {})


@pytest.mark.parametrize("old", [None, {}])
def test_the_labels_of_an_exempt_namespace_are_ignored(world: World, old: dict[str, str] | None) -> None:
    new = {**RESTRICTED_10, "audit": "restricted", "warn": "baseline"}
    policy = "enforce=restricted:v1.0, audit=restricted:latest, warn=baseline:latest"
    warning = f'namespace "kube-system" is exempt from Pod Security, and the policy ({policy}) will be ignored'
    assert validated(world, labelled(old, new, name="kube-system")) == (None, [warning], {})


def existing_pods(level: str) -> str:
    return f'existing pods in namespace "test" violate the new PodSecurity enforce level "{level}"'


HOST = named("host", pod(plain("c"), hostNetwork=True))
REASONS = "allowPrivilegeEscalation != false, unrestricted capabilities, runAsNonRoot != true, seccompProfile"


@pytest.mark.parametrize(
    ("old", "new", "warnings"),
    [
        (
            {"enforce": "baseline"},
            {"enforce": "restricted"},
            [
                existing_pods("restricted:latest"),
                f"a (and 2 other pods): {REASONS}",
                f"host: host namespaces, {REASONS}",
                f"x (and 1 other pod): privileged, {REASONS}",
            ],
        ),
        ({}, {"enforce": "baseline"}, [existing_pods("baseline:latest"), "host: host namespaces", "x (and 1 other pod): privileged"]),
        (
            {"enforce": "restricted"},
            {"enforce": "baseline", "enforce-version": "v1.2"},
            [existing_pods("baseline:v1.2"), "host: host namespaces", "x (and 1 other pod): privileged"],
        ),
    ],
)
def test_who_asks_for_more_is_told_of_the_pods_that_would_be_refused(
    world: World, old: dict[str, str], new: dict[str, str], warnings: list[str]
) -> None:
    plain_pods = [named(name, BASELINE_POD) for name in ("b", "a", "c")]
    put_pods(world, *plain_pods, HOST, named("y", PRIVILEGED_POD), named("x", PRIVILEGED_POD), named("good", RESTRICTED_POD))
    world.put(PODS, {"metadata": metadata("elsewhere", "dev"), "spec": PRIVILEGED_POD["spec"]})
    assert validated(world, labelled(old, new)) == (None, warnings, {})


def test_pods_of_an_exempt_runtime_class_are_not_told_of(world: World) -> None:
    put_pods(world, named("a", pod(plain("c"), runtimeClassName="gvisor")), named("good", RESTRICTED_POD))
    assert validated(world, labelled({}, {"enforce": "restricted"})) == (None, [], {})


def test_defaults_are_what_a_label_that_goes_falls_back_to(world: World) -> None:
    put_pods(world, named("x", PRIVILEGED_POD))
    attributes = labelled({"enforce": "privileged"}, {})
    PodSecurity(world, CONFIGURATION | {"defaults": {"enforce": "baseline"}}).validate(attributes)
    assert attributes.warnings == [existing_pods("baseline:latest"), "x: privileged"]


def replica(name: str, controller: str, obj: Object = PRIVILEGED_POD) -> Object:
    return named(name, obj, ownerReferences=[{"uid": "other"}, {"uid": controller, "controller": True}])


def test_the_first_pod_of_each_controller_comes_before_the_rest() -> None:
    exempt = named("e", pod(runtimeClassName="gvisor"))
    pods = [replica("a1", "1"), exempt, replica("a2", "1"), named("b", BASELINE_POD), replica("c1", "2"), replica("a3", "1")]
    assert [each["metadata"]["name"] for each in prioritized(pods, {"gvisor"})] == ["a1", "b", "c1", "a2", "a3"]


def test_only_so_many_pods_are_looked_at(world: World) -> None:
    put_pods(world, replica("a1", "1"), replica("a2", "1"), replica("a3", "1"), HOST, named("exempt", pod(runtimeClassName="gvisor")))
    _, warnings, _ = validated(world, labelled({}, {"enforce": "baseline"}), bounds=Bounds(pods=2))
    assert warnings == [
        "new PodSecurity enforce level only checked against the first 2 of 4 existing pods",
        existing_pods("baseline:latest"),
        "a1: privileged",
        "host: host namespaces",
    ]


@pytest.mark.parametrize(
    ("deadline", "checked", "first"),
    [(math.inf, 2, "c (and 1 other pod)"), (10.0, 2, "c (and 1 other pod)"), (1.0, 1, "d")],
    ids=["a second", "a second of many", "half of what is left"],
)
def test_pods_are_looked_at_for_so_long_only(world: World, deadline: float, checked: int, first: str) -> None:
    put_pods(world, *(named(name, PRIVILEGED_POD) for name in "dcba"))
    ticks = itertools.count(0.0, 0.6)
    attributes = labelled({}, {"enforce": "baseline"})
    attributes.deadline = deadline
    _, warnings, _ = validated(world, attributes, bounds=Bounds(clock=lambda: next(ticks)))
    assert warnings == [
        f"new PodSecurity enforce level only checked against the first {checked} of 4 existing pods",
        existing_pods("baseline:latest"),
        f"{first}: privileged",
    ]
