"""Node selectors that namespaces and the cluster choose."""

from __future__ import annotations

import pytest

from admission.attributes import Operation
from admission.plugins.namespace_lifecycle import NAMESPACES
from admission.plugins.pod_node_selector import ANNOTATION, PodNodeSelector, labels_of
from cluster.api.errors import Forbidden, InternalError, StatusError
from cluster.api.names import Object
from tests.unit.admission.writes import write
from tests.unit.rbac.world import World, metadata

CONFLICT = 'pods "web" is forbidden: pod node label selector conflicts with its namespace node label selector'
NOT_ALLOWED = 'pods "web" is forbidden: pod node label selector labels conflict with its namespace whitelist'


def plugin(annotation: str | None = None, **selectors: str) -> PodNodeSelector:
    """For a namespace `dev` with the annotation; `default` is the cluster's selector."""
    world = World()
    annotations = {} if annotation is None else {"annotations": {ANNOTATION: annotation}}
    world.put(NAMESPACES, {"metadata": metadata("dev", **annotations)})
    given = {"clusterDefaultNodeSelector" if name == "default" else name: text for name, text in selectors.items()}
    return PodNodeSelector(world, {"podNodeSelectorPluginConfig": given})


def pod(**selector: str) -> Object:
    return {"metadata": {"name": "web"}, "spec": {"nodeSelector": selector} if selector else {}}


@pytest.mark.parametrize(
    ("given", "annotation", "default", "expected"),
    [
        ({}, None, "", None),
        ({}, None, "env=test", {"env": "test"}),
        ({}, "infra=true", "env=test", {"infra": "true"}),
        ({}, "", "env=test", None),
        ({}, " a = b , c=", "", {"a": "b", "c": ""}),
        ({"disk": "ssd"}, "infra=true", "", {"infra": "true", "disk": "ssd"}),
        ({"infra": "true"}, "infra=true", "", {"infra": "true"}),
    ],
)
def test_what_a_pod_selects(given: dict[str, str], annotation: str | None, default: str, expected: dict[str, str] | None) -> None:
    obj = pod(**given)
    plugin(annotation, default=default).admit(write("CREATE", "pods", obj, namespace="dev"))
    assert obj["spec"].get("nodeSelector") == expected


@pytest.mark.parametrize("phase", ["admit", "validate"])
@pytest.mark.parametrize(
    ("given", "annotation", "selectors", "message"),
    [
        ({"infra": "false"}, "infra=true", {}, CONFLICT),
        ({"env": "prod"}, None, {"default": "env=test"}, CONFLICT),
        ({"other": "x"}, None, {"dev": "infra=true"}, NOT_ALLOWED),
        ({"infra": "false"}, None, {"dev": "infra=true"}, NOT_ALLOWED),
        ({"infra": "true", "other": "x"}, "infra=true", {"dev": "infra=true"}, NOT_ALLOWED),
    ],
)
def test_what_is_refused(phase: str, given: dict[str, str], annotation: str | None, selectors: dict[str, str], message: str) -> None:
    with pytest.raises(Forbidden) as refusal:
        getattr(plugin(annotation, **selectors), phase)(write("CREATE", "pods", pod(**given), namespace="dev"))
    assert refusal.value.message == message


def test_what_the_namespace_adds_must_be_allowed_too() -> None:
    with pytest.raises(Forbidden) as refusal:
        plugin("other=x", dev="infra=true").admit(write("CREATE", "pods", pod(), namespace="dev"))
    assert refusal.value.message == NOT_ALLOWED


def test_a_namespace_without_a_list_is_not_limited() -> None:
    obj = pod(any="thing")
    plugin(stage="infra=true", dev="").admit(write("CREATE", "pods", obj, namespace="dev"))
    assert obj["spec"]["nodeSelector"] == {"any": "thing"}


def test_a_namespace_that_is_missing_is_an_error_of_the_server() -> None:
    with pytest.raises(InternalError, match="Internal error occurred: namespace gone does not exist"):
        plugin().admit(write("CREATE", "pods", pod(), namespace="gone"))


def test_an_annotation_that_is_no_selector_is_an_error_without_a_reason() -> None:
    with pytest.raises(StatusError) as refusal:
        plugin("env").admit(write("CREATE", "pods", pod(), namespace="dev"))
    assert (refusal.value.message, refusal.value.code, refusal.value.reason) == ("invalid selector: [env]", 500, "")


@pytest.mark.parametrize("what", ["pods/binding", "configmaps"])
def test_only_new_pods_are_looked_at(what: str) -> None:
    obj = pod()
    plugin("a=b").admit(write("CREATE", what, obj, namespace="gone"))
    plugin("a=b").validate(write("CREATE", what, obj, namespace="gone"))
    assert obj == pod()
    assert [each for each in Operation if plugin().handles(each)] == [Operation.CREATE]


@pytest.mark.parametrize(
    ("selector", "message"),
    [
        ("a", "invalid selector: [a]"),
        ("a=b,", "invalid selector: []"),
        ("a=b=c", "invalid selector: [a b c]"),
        ("a==b", "invalid selector: [a  b]"),
        ("-a=b", '<nil>: Invalid value: "-a": '),
        ("a=-b", '[a]: Invalid value: "-b": '),
    ],
)
def test_a_selector_is_a_list_of_equalities(selector: str, message: str) -> None:
    with pytest.raises(ValueError, match="nvalid") as refusal:
        labels_of(selector)
    assert str(refusal.value).startswith(message)


@pytest.mark.parametrize(
    ("configuration", "message"),
    [
        ({"podNodeSelectorPluginConfig": ["a"]}, "podNodeSelectorPluginConfig is no object: write"),
        ({"podNodeSelectorPluginConfig": {"dev": 1}}, 'podNodeSelectorPluginConfig of "dev" is no string: write it as KEY=VALUE,...'),
        ({"podNodeSelectorPluginConfig": {"dev": "a"}}, r'podNodeSelectorPluginConfig of "dev": invalid selector: \[a\]'),
    ],
)
def test_a_bad_configuration_is_told_of_at_once(configuration: Object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PodNodeSelector(World(), configuration)


@pytest.mark.parametrize("configuration", [None, {}, {"imagePolicy": {}}, {"podNodeSelectorPluginConfig": None}])
def test_a_configuration_may_say_nothing(configuration: Object | None) -> None:
    world = World()
    world.put(NAMESPACES, {"metadata": metadata("dev")})
    obj = pod()
    PodNodeSelector(world, configuration).admit(write("CREATE", "pods", obj, namespace="dev"))
    assert obj == pod()
