"""The OpenAPI documents."""

import json
from pathlib import Path
from typing import Any

import pytest

from cluster.api.names import GroupVersion
from cluster.schema import openapi
from cluster.schema.model import SchemaSet

SCHEMAS = SchemaSet.for_version("1.36")
DEPLOYMENT = {"group": "apps", "version": "v1", "kind": "Deployment"}
PATHS: Any = {
    "/apis/": {"get": {"id": "getAPIVersions"}},
    "/apis/apps/": {"get": {"id": "getAppsAPIGroup"}},
    "/apis/apps/v1/": {"get": {"id": "getAppsV1APIResources"}},
    "/apis/apps/v1/namespaces/{namespace}/deployments": {
        "get": {"id": "listAppsV1NamespacedDeployment", "action": "list", "gvk": DEPLOYMENT},
        "post": {"id": "createAppsV1NamespacedDeployment", "action": "post", "gvk": DEPLOYMENT},
    },
    "/apis/apps/v1/namespaces/{namespace}/deployments/{name}": {
        "patch": {"id": "patchAppsV1NamespacedDeployment", "action": "patch", "gvk": DEPLOYMENT},
        "delete": {"id": "deleteAppsV1NamespacedDeployment", "action": "delete", "gvk": DEPLOYMENT},
    },
    "/version/": {"get": {"id": "getCodeVersion"}},
}
ITEM = "/apis/apps/v1/namespaces/{namespace}/deployments/{name}"


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("/api/", "api"),
        ("/api/v1/pods", "api/v1"),
        ("/apis/apps/", "apis/apps"),
        ("/apis/apps/v1/namespaces/{namespace}/deployments", "apis/apps/v1"),
        ("/version/", "version"),
        ("/.well-known/openid-configuration/", ".well-known/openid-configuration"),
    ],
)
def test_each_path_is_in_one_document(path: str, key: str) -> None:
    assert openapi.document_key(path) == key


def test_keys_of_group_versions() -> None:
    assert openapi.group_version_key(GroupVersion("", "v1")) == "api/v1"
    assert openapi.group_version_key(GroupVersion("apps", "v1")) == "apis/apps/v1"


def test_the_index_names_each_document_by_its_content() -> None:
    index = openapi.v3_index(SCHEMAS, PATHS)["paths"]
    assert list(index) == ["apis", "apis/apps", "apis/apps/v1", "version"]
    url = index["apis/apps/v1"]["serverRelativeURL"]
    assert url.startswith("/openapi/v3/apis/apps/v1?hash=")
    fewer = {path: methods for path, methods in PATHS.items() if path != ITEM}
    assert openapi.v3_index(SCHEMAS, fewer)["paths"]["apis/apps/v1"]["serverRelativeURL"] != url


def references(value: Any) -> Any:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for each in value.values():
            yield from references(each)
    elif isinstance(value, list):
        for each in value:
            yield from references(each)


def test_a_v3_document_is_complete_in_itself() -> None:
    document = json.loads(openapi.v3_document(SCHEMAS, "apis/apps/v1", PATHS))
    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert set(references(document)) <= known
    assert {path for path in PATHS if path.startswith("/apis/apps/v1/")} == document["paths"].keys()


def test_operations_say_what_clients_look_for() -> None:
    patch = json.loads(openapi.v3_document(SCHEMAS, "apis/apps/v1", PATHS))["paths"][ITEM]["patch"]
    assert patch["x-kubernetes-group-version-kind"] == DEPLOYMENT
    assert patch["x-kubernetes-action"] == "patch"
    assert [each["name"] for each in patch["parameters"]] == ["dryRun", "fieldManager", "fieldValidation", "force"]
    assert "application/strategic-merge-patch+json" in patch["requestBody"]["content"]


def test_a_v2_document_is_complete_in_itself() -> None:
    document = json.loads(openapi.v2_document(SCHEMAS, PATHS))
    assert set(references(document)) <= {f"#/definitions/{name}" for name in document["definitions"]}
    assert document["definitions"]["io.k8s.apimachinery.pkg.util.intstr.IntOrString"]["type"] == "string"
    assert document["paths"][ITEM]["delete"]["parameters"][0]["in"] == "body"


RECORDED = Path(__file__).parents[2] / "data" / "openapi-schemas.json"
KINDS_OF_THE_SERVER = {"io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions", "io.k8s.apimachinery.pkg.apis.meta.v1.WatchEvent"}


def without_descriptions(value: Any, names: bool = False) -> Any:
    if isinstance(value, dict):
        kept = value.items() if names else ((key, each) for key, each in value.items() if key != "description")
        return {key: without_descriptions(each, key == "properties" and not names) for key, each in kept}
    return [without_descriptions(each) for each in value] if isinstance(value, list) else value


def test_schemas_are_those_recorded_from_kubernetes() -> None:
    recorded = json.loads(RECORDED.read_bytes())
    kinds = {name: each for name in recorded for each in recorded[name].get("x-kubernetes-group-version-kind", ())[:1]}
    paths = {f"/apis/all/v1/{name}": {"get": {"id": name, "action": "get", "gvk": gvk}} for name, gvk in kinds.items()}
    served = json.loads(openapi.v3_document(SCHEMAS, "apis/all/v1", paths))["components"]["schemas"]
    compared = served.keys() & recorded.keys()
    assert len(compared) > 500
    for name in sorted(compared - KINDS_OF_THE_SERVER):
        assert without_descriptions(served[name]) == recorded[name], name
