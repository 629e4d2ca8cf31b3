"""Discovery, OpenAPI, tables, version and health."""

from __future__ import annotations

import gzip
import json
from importlib.resources import files
from typing import Any

import pytest

from cluster.kinds.catalog import OWN_GROUP
from tests.support import ApiServer

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"
RECORDED: list[dict[str, Any]] = json.loads((files("cluster.kinds") / "data" / "discovery.json").read_bytes())


def test_aggregated_discovery_names_exactly_what_was_recorded(api_server: ApiServer) -> None:
    found = [
        (group["metadata"].get("name", ""), version["version"], resource["resource"], tuple(resource["verbs"]))
        for path in ("/api", "/apis")
        for group in api_server.request("GET", path, headers={"Accept": AGGREGATED}).body["items"]
        for version in group["versions"]
        for resource in version["resources"]
    ]
    of_kubernetes = [each for each in found if each[0] != OWN_GROUP]
    assert sorted(of_kubernetes) == sorted((each["group"], each["version"], each["resource"], tuple(each["verbs"])) for each in RECORDED)
    assert (OWN_GROUP, "v1alpha1", "tenantnamespaces", ("create", "delete", "get", "list", "patch", "watch")) in found


def test_discovery_is_answered_304_to_a_client_that_knows_it(api_server: ApiServer) -> None:
    first = api_server.request("GET", "/apis", headers={"Accept": AGGREGATED})
    assert "as=APIGroupDiscoveryList" in first.headers["Content-Type"]
    again = api_server.request("GET", "/apis", headers={"Accept": AGGREGATED, "If-None-Match": first.headers["ETag"]})
    assert again.code == 304
    assert again.headers["ETag"] == first.headers["ETag"]
    assert not {"Content-Type", "Content-Length"} & {*again.headers}  # a client would take them for those of what it has


def test_plain_discovery_names_groups_and_resources(api_server: ApiServer) -> None:
    assert api_server.request("GET", "/api").body["versions"] == ["v1"]
    groups = [group["name"] for group in api_server.request("GET", "/apis").body["groups"]]
    assert "apps" in groups
    assert api_server.request("GET", "/apis/apps").body["preferredVersion"] == {"groupVersion": "apps/v1", "version": "v1"}
    names = [resource["name"] for resource in api_server.request("GET", "/apis/apps/v1").body["resources"]]
    assert {"deployments", "deployments/scale", "deployments/status"} <= set(names)


def test_openapi_v3_is_indexed_and_named_by_hash(api_server: ApiServer) -> None:
    index = api_server.request("GET", "/openapi/v3").body["paths"]
    url = index["apis/apps/v1"]["serverRelativeURL"]
    document = api_server.request("GET", url)
    assert "io.k8s.api.apps.v1.Deployment" in document.body["components"]["schemas"]
    assert "immutable" in document.headers["Cache-Control"]


def test_openapi_v2_has_the_definitions(api_server: ApiServer) -> None:
    assert "io.k8s.api.core.v1.Pod" in api_server.request("GET", "/openapi/v2").body["definitions"]


@pytest.mark.parametrize(("form", "kind"), [("Table", "Table"), ("PartialObjectMetadataList", "PartialObjectMetadataList")])
def test_a_list_is_shown_in_the_form_asked_for(api_server: ApiServer, form: str, kind: str) -> None:
    accept = f"application/json;as={form};v=v1;g=meta.k8s.io,application/json"
    assert api_server.request("GET", "/api/v1/namespaces", headers={"Accept": accept}).body["kind"] == kind


def test_yaml_is_understood_and_answered(api_server: ApiServer) -> None:
    configmaps = f"/api/v1/namespaces/{api_server.namespace()}/configmaps"
    yaml = "application/yaml"
    body = b"metadata: {name: a}\ndata: {x: '1'}\n"
    made = api_server.request("POST", configmaps, body, content_type=yaml, headers={"Accept": yaml})
    assert (made.code, made.headers["Content-Type"]) == (201, "application/yaml")
    assert b"kind: ConfigMap" in made.body


def test_a_big_list_is_compressed_for_those_who_take_it(api_server: ApiServer) -> None:
    configmaps = f"/api/v1/namespaces/{api_server.namespace()}/configmaps"
    api_server.request("POST", configmaps, {"metadata": {"name": "a"}, "data": {"x": "y" * 200_000}})
    response = api_server.pool().request("GET", configmaps, headers={"Accept-Encoding": "gzip"}, decode_content=False)
    assert response.headers["Content-Encoding"] == "gzip"
    assert len(response.data) < 10_000 < len(gzip.decompress(response.data))


def test_version_is_one_that_clients_parse(api_server: ApiServer) -> None:
    version = api_server.request("GET", "/version").body
    assert (version["major"], version["minor"], version["gitVersion"]) == ("1", "36", "v1.36.2")


def test_health_can_be_asked_in_part_and_at_length(api_server: ApiServer) -> None:
    assert api_server.request("GET", "/livez", identity="").body == b"ok"
    assert api_server.request("GET", "/healthz/ping").body == b"ok"
    assert b"[+]store ok\n" in api_server.request("GET", "/readyz?verbose").body
    assert api_server.request("GET", "/healthz/nonsense").code == 404


def test_the_keys_of_service_account_tokens_are_published(api_server: ApiServer) -> None:
    keys = api_server.request("GET", "/openid/v1/jwks").body["keys"]
    assert keys[0]["use"] == "sig"
    assert api_server.request("GET", "/.well-known/openid-configuration").body["issuer"] == api_server.config.issuer


def test_the_first_objects_exist(api_server: ApiServer) -> None:
    service = api_server.request("GET", "/api/v1/namespaces/default/services/kubernetes").body
    assert service["spec"]["clusterIP"] == api_server.config.service_ip
    path = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes"
    assert api_server.request("GET", path).body["ports"][0]["port"] == api_server.config.port
    for name in ("default", "kube-system", "kube-public", "kube-node-lease"):
        assert api_server.request("GET", f"/api/v1/namespaces/{name}").code == 200
    assert api_server.request("GET", "/apis/rbac.authorization.k8s.io/v1/clusterroles/cluster-admin").code == 200


def test_reviews_answer_who_and_whether(api_server: ApiServer) -> None:
    alice = api_server.issue("alice", "alice", "team")
    whoami = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    answer = api_server.request("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", whoami, identity=alice)
    assert (answer.code, answer.body["status"]["userInfo"]["groups"]) == (201, ["team", "system:authenticated"])
    question = {"spec": {"user": "alice", "resourceAttributes": {"verb": "get", "resource": "pods", "namespace": "default"}}}
    review = api_server.request("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", question)
    assert review.body["status"]["allowed"] is False


def test_a_service_accounts_token_authenticates_it(api_server: ApiServer) -> None:
    namespace = api_server.namespace()
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/default/token"
    token = api_server.request("POST", path, {"spec": {"expirationSeconds": 600}}).body["status"]["token"]
    bearer = {"Authorization": f"Bearer {token}"}
    refused = api_server.request("GET", f"/api/v1/namespaces/{namespace}/pods", identity="", headers=bearer)
    assert (refused.code, f"system:serviceaccount:{namespace}:default" in refused.body["message"]) == (403, True)


def test_one_may_act_as_another_where_that_is_allowed(api_server: ApiServer) -> None:
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
    headers = {"Impersonate-User": "bob", "Impersonate-Group": "team"}
    became = api_server.request("POST", path, review, headers=headers).body["status"]["userInfo"]
    assert (became["username"], became["groups"]) == ("bob", ["team", "system:authenticated"])
    carol = api_server.issue("carol", "carol")
    assert api_server.request("POST", path, review, headers=headers, identity=carol).code == 403


def test_nobody_grants_what_they_do_not_hold(api_server: ApiServer) -> None:
    namespace = api_server.namespace()
    roles = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}"
    writer = {"metadata": {"name": "writer"}, "rules": [{"apiGroups": ["*"], "resources": ["roles"], "verbs": ["create"]}]}
    assert api_server.request("POST", f"{roles}/roles", writer).code == 201
    binding = {
        "metadata": {"name": "writer"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "writer"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "dave"}],
    }
    assert api_server.request("POST", f"{roles}/rolebindings", binding).code == 201
    dave = api_server.issue("dave", "dave")
    more = {"metadata": {"name": "more"}, "rules": [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}]}
    refused = api_server.request("POST", f"{roles}/roles", more, identity=dave)
    assert (refused.code, "attempting to grant RBAC permissions not currently held" in refused.body["message"]) == (403, True)
