"""Images that are pulled anew, and policies that are put back."""

from __future__ import annotations

import copy

import pytest

from admission.attributes import Operation
from admission.plugins.always_pull_images import AlwaysPullImages
from cluster.api.errors import StatusError
from cluster.api.names import Object
from tests.unit.admission.writes import write


def pod(*policies: str, volume: str | None = None) -> Object:
    """An init container, containers and an ephemeral one, with the policies given in this order."""
    kinds = ("initContainers", "containers", "ephemeralContainers")
    spec: Object = {
        kind: [{"name": kind, "image": f"img-{kind}", "imagePullPolicy": policy}] for kind, policy in zip(kinds, policies, strict=True)
    }
    volumes: list[Object] = [{"name": "e", "emptyDir": {}}]
    if volume is not None:
        volumes.append({"name": "i", "image": {"reference": "img", "pullPolicy": volume}})
    return {"metadata": {"name": "web"}, "spec": spec | {"volumes": volumes}}


def test_a_new_pod_pulls_all_its_images() -> None:
    obj = pod("Never", "IfNotPresent", "", volume="IfNotPresent")
    plugin, attributes = AlwaysPullImages(), write("CREATE", "pods", obj)
    plugin.admit(attributes)
    plugin.validate(attributes)
    assert obj == pod("Always", "Always", "Always", volume="Always")


@pytest.mark.parametrize(
    ("obj", "message"),
    [
        (
            pod("Always", "Never", "Always"),
            'pods "web" is forbidden: spec.containers[0].imagePullPolicy: Unsupported value: "Never": supported values: "Always"',
        ),
        (
            pod("", "Always", "IfNotPresent", volume="Never"),
            '[pods "web" is forbidden: spec.initContainers[0].imagePullPolicy: Unsupported value: "": supported values: "Always", '
            'pods "web" is forbidden: spec.ephemeralContainers[0].imagePullPolicy: Unsupported value: "IfNotPresent": '
            'supported values: "Always", '
            'pods "web" is forbidden: spec.volumes[1].image.pullPolicy: Unsupported value: "Never": supported values: "Always"]',
        ),
    ],
)
def test_what_was_changed_back_is_told_as_a_whole_without_a_reason(obj: Object, message: str) -> None:
    with pytest.raises(StatusError) as refusal:
        AlwaysPullImages().validate(write("CREATE", "pods", obj))
    assert (refusal.value.message, refusal.value.code, refusal.value.reason) == (message, 500, "")


def test_an_update_without_new_images_stays_as_it_is() -> None:
    old, new = pod("Never", "Never", "Never"), pod("Never", "Never", "Never")
    new["metadata"]["labels"] = {"a": "b"}
    expected = copy.deepcopy(new)
    plugin, attributes = AlwaysPullImages(), write("UPDATE", "pods", new, old)
    plugin.admit(attributes)
    plugin.validate(attributes)
    assert new == expected


def test_an_update_with_a_new_image_pulls_all() -> None:
    old, new = pod("Never", "Never", "Never"), pod("Never", "Never", "Never")
    new["spec"]["containers"][0]["image"] = "other"
    AlwaysPullImages().admit(write("UPDATE", "pods", new, old))
    assert {each["imagePullPolicy"] for kind in ("initContainers", "containers", "ephemeralContainers") for each in new["spec"][kind]} == {
        "Always"
    }


@pytest.mark.parametrize("what", ["pods/ephemeralcontainers", "configmaps"])
def test_only_pods_are_looked_at(what: str) -> None:
    obj = pod("Never", "Never", "Never")
    plugin, attributes = AlwaysPullImages(), write("CREATE", what, obj)
    plugin.admit(attributes)
    plugin.validate(attributes)
    assert obj == pod("Never", "Never", "Never")
    assert [each for each in Operation if plugin.handles(each)] == [Operation.CREATE, Operation.UPDATE]
