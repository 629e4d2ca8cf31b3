from __future__ import annotations

import base64
from typing import Any

import pytest

from cluster.api.errors import NotFound
from cluster.api.names import GroupResource
from cluster.kubelet import environment
from cluster.kubelet.runtime import RuntimeFailure
from tests.unit.kubelet.pods import pod

CONFIG = {"metadata": {"name": "config"}, "data": {"a": "1", "b": "2"}}
SECRET = {"metadata": {"name": "secret"}, "data": {"s": base64.b64encode(b"hidden").decode()}}
WEB = {
    "metadata": {"name": "web-app", "namespace": "ns"},
    "spec": {"clusterIP": "10.96.1.1", "ports": [{"name": "http", "port": 80, "protocol": "TCP"}]},
}


def _get(found: dict[str, Any], kind: str) -> environment.Getter:
    def get(namespace: str, name: str) -> dict[str, Any]:
        if name != found["metadata"]["name"]:
            raise NotFound.of(GroupResource("", kind), name)
        return found

    return get


def _build(container: dict[str, Any], services: tuple[dict[str, Any], ...] = (), **spec: Any) -> dict[str, str]:
    sources = environment.Sources(_get(CONFIG, "configmaps"), _get(SECRET, "secrets"), lambda: services)
    return environment.build(pod(**spec), {"name": "c"} | container, ("10.0.0.2",), sources, {"cpu": "2", "memory": "1024Ki"})


def _ref(kind: str, name: str, key: str, **more: Any) -> dict[str, Any]:
    return {"env": [{"name": "X", "valueFrom": {kind: {"name": name, "key": key} | more}}]}


@pytest.mark.parametrize(
    ("container", "expected"),
    [
        ({"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "$(A)2"}]}, {"A": "1", "B": "12"}),
        ({"env": [{"name": "B", "value": "$(A)"}, {"name": "A", "value": "1"}]}, {"B": "$(A)", "A": "1"}),
        ({"envFrom": [{"prefix": "p-", "configMapRef": {"name": "config"}}]}, {"p-a": "1", "p-b": "2"}),
        ({"envFrom": [{"secretRef": {"name": "secret"}}]}, {"s": "hidden"}),
        ({"envFrom": [{"configMapRef": {"name": "none", "optional": True}}]}, {}),
        ({"envFrom": [{"configMapRef": {"name": "config"}}], "env": [{"name": "a", "value": "own"}]}, {"a": "own", "b": "2"}),
        (_ref("configMapKeyRef", "config", "a"), {"X": "1"}),
        (_ref("secretKeyRef", "secret", "s"), {"X": "hidden"}),
        (_ref("secretKeyRef", "none", "s", optional=True), {}),
        (_ref("configMapKeyRef", "config", "none", optional=True), {}),
        ({"env": [{"name": "X", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}]}, {"X": "10.0.0.2"}),
        ({"env": [{"name": "X", "valueFrom": {"resourceFieldRef": {"resource": "limits.memory", "divisor": "1Ki"}}}]}, {"X": "1024"}),
        ({"env": [{"name": "X"}]}, {"X": ""}),
    ],
)
def test_values_come_from_their_sources(container: dict[str, Any], expected: dict[str, str]) -> None:
    assert _build(container) == expected


@pytest.mark.parametrize(
    ("container", "message"),
    [
        (_ref("configMapKeyRef", "none", "a"), 'configmap "none" not found'),
        (_ref("secretKeyRef", "none", "a"), 'secret "none" not found'),
        (_ref("configMapKeyRef", "config", "z"), "couldn't find key z in ConfigMap ns/config"),
        (_ref("secretKeyRef", "secret", "z"), "couldn't find key z in Secret ns/secret"),
        ({"envFrom": [{"secretRef": {"name": "none"}}]}, 'secret "none" not found'),
    ],
)
def test_a_missing_source_is_told_in_upstreams_words(container: dict[str, Any], message: str) -> None:
    with pytest.raises(RuntimeFailure) as caught:
        _build(container)
    assert str(caught.value) == message


def test_services_of_the_namespace_are_told() -> None:
    assert _build({}, (WEB,)) == {
        "WEB_APP_SERVICE_HOST": "10.96.1.1",
        "WEB_APP_SERVICE_PORT": "80",
        "WEB_APP_SERVICE_PORT_HTTP": "80",
        "WEB_APP_PORT": "tcp://10.96.1.1:80",
        "WEB_APP_PORT_80_TCP": "tcp://10.96.1.1:80",
        "WEB_APP_PORT_80_TCP_PROTO": "tcp",
        "WEB_APP_PORT_80_TCP_PORT": "80",
        "WEB_APP_PORT_80_TCP_ADDR": "10.96.1.1",
    }


def test_without_service_links_only_kubernetes_is_told() -> None:
    master = {"metadata": {"name": "kubernetes", "namespace": "default"}, "spec": {"clusterIP": "10.96.0.1", "ports": [{"port": 443}]}}
    found = _build({}, (WEB, master), enableServiceLinks=False)
    assert {key for key in found if key.endswith("_HOST")} == {"KUBERNETES_SERVICE_HOST"}
