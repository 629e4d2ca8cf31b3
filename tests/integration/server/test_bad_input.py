"""What is wrong is refused with Kubernetes' code and Status: never a 500, never a trace."""

from __future__ import annotations

import json
import ssl
from typing import Any

import pytest
import urllib3

from tests.support import ApiServer, start_api_server

CONFIG_MAP = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}


@pytest.fixture(name="configmaps", scope="module")
def configmaps_fixture(api_server: ApiServer) -> str:
    return f"/api/v1/namespaces/{api_server.namespace()}/configmaps"


def nested(depth: int) -> bytes:
    return b'{"metadata":{"name":"a"},"data":' + b'{"a":' * depth + b"1" + b"}" * depth + b"}"


BODIES = [
    ("malformed JSON", b'{"metadata":', "application/json", 400, "BadRequest"),
    ("no JSON at all", b"\xff\xfe\x00", "application/json", 400, "BadRequest"),
    ("an empty body", b"", "application/json", 400, "BadRequest"),
    ("malformed YAML", b"a: [b", "application/yaml", 400, "BadRequest"),
    ("a list", b"[]", "application/json", 400, "BadRequest"),
    ("deep nesting", nested(100_000), "application/json", 400, "BadRequest"),
    ("nesting within bounds of the parser", nested(1_100), "application/json", 400, "BadRequest"),
    ("another content type", b"{}", "text/plain", 415, "UnsupportedMediaType"),
    ("protobuf that is none", b"k8s\x00\xff\xff", "application/vnd.kubernetes.protobuf", 400, "BadRequest"),
    ("protobuf without its prefix", b"{}", "application/vnd.kubernetes.protobuf", 400, "BadRequest"),
    ("another kind", json.dumps({**CONFIG_MAP, "kind": "Pod"}).encode(), "application/json", 400, "BadRequest"),
    ("an unknown kind", json.dumps({**CONFIG_MAP, "kind": "Nonsense"}).encode(), "application/json", 400, "BadRequest"),
    ("another version", json.dumps({**CONFIG_MAP, "apiVersion": "v9"}).encode(), "application/json", 400, "BadRequest"),
    ("a value of the wrong type", b'{"metadata":{"name":"a"},"data":{"x":1}}', "application/json", 400, "BadRequest"),
    ("metadata of the wrong type", b'{"metadata":[]}', "application/json", 400, "BadRequest"),
    ("an enormous number", b'{"metadata":{"name":"a","generation":1' + b"0" * 400 + b"}}", "application/json", 400, "BadRequest"),
    ("a name that is no DNS name", b'{"metadata":{"name":"A_b"}}', "application/json", 422, "Invalid"),
    ("no name", b'{"metadata":{}}', "application/json", 422, "Invalid"),
    ("another namespace", b'{"metadata":{"name":"a","namespace":"x"}}', "application/json", 400, "BadRequest"),
    ("a label that is none", b'{"metadata":{"name":"a","labels":{"-":"x"}}}', "application/json", 422, "Invalid"),
    ("a resourceVersion", b'{"metadata":{"name":"a","resourceVersion":"7"}}', "application/json", 400, "BadRequest"),
]


@pytest.mark.parametrize(("body", "content_type", "code", "reason"), [row[1:] for row in BODIES], ids=[row[0] for row in BODIES])
def test_a_bad_body_is_refused(api_server: ApiServer, configmaps: str, body: bytes, content_type: str, code: int, reason: str) -> None:
    answer = api_server.request("POST", configmaps, body, content_type=content_type)
    assert (answer.code, answer.body["kind"], answer.body["reason"]) == (code, "Status", reason), answer.body
    assert "Traceback" not in json.dumps(answer.body)


def test_a_body_over_the_limit_is_refused(api_server: ApiServer, configmaps: str) -> None:
    body = json.dumps({**CONFIG_MAP, "data": {"x": "y" * (3 * 1024 * 1024)}}).encode()
    answer = api_server.request("POST", configmaps, body)
    assert (answer.code, answer.body["reason"]) == (413, "RequestEntityTooLarge")


REQUESTS = [
    ("GET", "/api/v1/nonsense", 404, "the server could not find the requested resource"),
    ("GET", "/apis/nonsense.io/v1/things", 404, "the server could not find the requested resource"),
    ("GET", "/apis/apps/v9/deployments", 404, "the server could not find the requested resource"),
    ("GET", "/nonsense", 404, "the server could not find the requested resource"),
    ("GET", "/api/v1/namespaces/default/pods/x/nonsense", 404, "the server could not find the requested resource"),
    ("GET", "/api/v1/namespaces/default/nodes", 404, "the server could not find the requested resource"),
    ("GET", "/api/v1/namespaces/default/pods/nope", 404, 'pods "nope" not found'),
    ("PUT", "/api/v1/namespaces", 405, "the server does not allow this method on the requested resource"),
    ("POST", "/api/v1/pods", 405, "the server does not allow this method on the requested resource"),
    ("OPTIONS", "/api/v1/pods", 405, "the server does not allow this method on the requested resource"),
    ("GET", "/api/v1/pods?labelSelector=a%3D%3D%3Db", 400, None),
    ("GET", "/api/v1/pods?fieldSelector=nonsense%3D1", 400, "field label not supported: nonsense"),
    ("GET", "/api/v1/pods?fieldSelector=nonsense", 400, None),
    ("GET", "/api/v1/pods?limit=x", 400, None),
    ("GET", "/api/v1/pods?limit=1&continue=nonsense", 400, None),
    ("GET", "/api/v1/pods?resourceVersion=x", 400, None),
    ("GET", "/api/v1/pods?resourceVersionMatch=Exact", 422, None),
    ("GET", "/api/v1/pods?watch=1&resourceVersion=x", 400, None),
    ("DELETE", "/api/v1/namespaces/default/pods/x?propagationPolicy=Nonsense", 422, None),
    ("GET", "/api/v1/namespaces/default/pods/x/log?tailLines=x", 400, None),
]


@pytest.mark.parametrize(("method", "path", "code", "message"), REQUESTS, ids=[f"{row[0]} {row[1]}" for row in REQUESTS])
def test_a_bad_request_is_refused(api_server: ApiServer, method: str, path: str, code: int, message: str | None) -> None:
    answer = api_server.request(method, path)
    assert (answer.code, answer.body["status"], answer.body["code"]) == (code, "Failure", code), answer.body
    assert message is None or answer.body["message"] == message


OPTIONS: list[tuple[str, int]] = [
    ("dryRun=Some", 422),
    ("fieldValidation=Maybe", 422),
    ("fieldManager=" + "x" * 129, 422),
    ("timeout=soon", 400),
]


@pytest.mark.parametrize(("query", "code"), OPTIONS)
def test_bad_options_are_refused(api_server: ApiServer, configmaps: str, query: str, code: int) -> None:
    assert api_server.request("POST", f"{configmaps}?{query}", CONFIG_MAP).code == code


@pytest.mark.parametrize(
    ("media_type", "patch", "code"),
    [
        ("application/merge-patch+json", b"[]", 400),
        ("application/merge-patch+json", b"{", 400),
        ("application/json-patch+json", b"{}", 400),
        ("application/json-patch+json", b'[{"op":"remove","path":"/nope"}]', 422),
        ("application/strategic-merge-patch+json", b'{"data":[]}', 422),
        ("application/merge-patch+json", b'{"data":{"x":1}}', 422),
        ("application/merge-patch+json", b"", 400),
        ("application/json-patch+json", b"", 400),
        ("application/strategic-merge-patch+json", b"", 400),
        ("application/strategic-merge-patch+json", b"[]", 400),
        ("application/apply-patch+yaml", b"a: b", 415),
        ("application/json", b"{}", 415),
        ("application/merge-patch+json", b'{"metadata":{"name":"b"}}', 400),
        ("application/merge-patch+json", b'{"metadata":{"resourceVersion":"1"}}', 409),
    ],
)
def test_a_bad_patch_is_refused(api_server: ApiServer, configmaps: str, media_type: str, patch: bytes, code: int) -> None:
    api_server.request("POST", configmaps, {**CONFIG_MAP, "metadata": {"name": "patched"}})
    answer = api_server.request("PATCH", f"{configmaps}/patched", patch, content_type=media_type)
    assert (answer.code, answer.body["kind"]) == (code, "Status"), answer.body


UNFIT_PATCHES = [
    (
        "application/merge-patch+json",
        b'{"spec":{"replicas":"many"}}',
        "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32",
    ),
    ("application/strategic-merge-patch+json", b'{"spec":{"replicas":"many"}}', 'patch: Invalid value: "map[spec:map[replicas:many]]"'),
    ("application/merge-patch+json", b'{"spec":{"nonsense":1}}', 'strict decoding error: unknown field "spec.nonsense"'),
    ("application/merge-patch+json", b'{"spec":{"paused":true,"paused":true}}', 'duplicate field "spec.paused"'),
    (
        "application/json-patch+json",
        b'[{"op":"test","op":"test","path":"/kind","value":"Deployment"}]',
        'json patch duplicate field "[0].op"',
    ),
    ("application/json-patch+json", b'[{"op":"test","path":"/kind","value":"Deployment","x":1}]', 'json patch unknown field "[0].x"'),
]


@pytest.mark.parametrize(("media_type", "patch", "message"), UNFIT_PATCHES)
def test_a_patch_that_makes_no_object_of_its_kind_is_invalid(
    api_server: ApiServer, configmaps: str, media_type: str, patch: bytes, message: str
) -> None:
    deployments = configmaps.replace("/api/v1/", "/apis/apps/v1/").replace("configmaps", "deployments")
    labels = {"app": "a"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    body = {"metadata": {"name": "patched"}, "spec": {"replicas": 0, "selector": {"matchLabels": labels}, "template": template}}
    api_server.request("POST", deployments, body)
    answer = api_server.request("PATCH", f"{deployments}/patched?fieldValidation=Strict", patch, content_type=media_type)
    assert (answer.code, answer.body["reason"]) == (422, "Invalid"), answer.body
    assert answer.body["message"].startswith(' "" is invalid: patch: Invalid value: ')
    assert message in answer.body["message"]


def test_unknown_fields_are_an_error_a_warning_or_nothing(api_server: ApiServer, configmaps: str) -> None:
    body: dict[str, Any] = {"metadata": {"generateName": "a-"}, "nonsense": 1}
    strict = api_server.request("POST", f"{configmaps}?fieldValidation=Strict", body)
    assert (strict.code, 'strict decoding error: unknown field "nonsense"' in strict.body["message"]) == (400, True)
    warned = api_server.request("POST", f"{configmaps}?fieldValidation=Warn", body)
    assert warned.headers["Warning"] == '299 - "unknown field \\"nonsense\\""'
    assert "Warning" not in api_server.request("POST", f"{configmaps}?fieldValidation=Ignore", body).headers


@pytest.mark.parametrize(
    "accept", ["application/xml", "application/vnd.kubernetes.protobuf", "application/json;as=Nonsense;g=meta.k8s.io;v=v1"]
)
def test_what_cannot_be_answered_is_not_acceptable(api_server: ApiServer, configmaps: str, accept: str) -> None:
    answer = api_server.request("GET", configmaps, headers={"Accept": accept})
    assert (answer.code, answer.body["reason"]) == (406, "NotAcceptable")


@pytest.mark.parametrize("token", ["nonsense", "a.b.c", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9."])
def test_a_forged_token_is_unauthorized(api_server: ApiServer, token: str) -> None:
    answer = api_server.request("GET", "/api/v1/pods", identity="", headers={"Authorization": f"Bearer {token}"})
    assert (answer.code, answer.body["message"], answer.body["reason"]) == (401, "Unauthorized", "Unauthorized")


def test_the_anonymous_are_forbidden_in_upstreams_words(api_server: ApiServer) -> None:
    answer = api_server.request("GET", "/api/v1/namespaces/default/pods", identity="")
    assert (answer.code, answer.body["details"]) == (403, {"kind": "pods"})
    assert answer.body["message"] == (
        'pods is forbidden: User "system:anonymous" cannot list resource "pods" in API group "" in the namespace "default"'
    )
    path = api_server.request("GET", "/nonsense", identity="")
    assert (path.code, path.body["message"]) == (403, 'forbidden: User "system:anonymous" cannot get path "/nonsense"')


def test_a_certificate_of_another_authority_is_refused(api_server: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> None:
    from cluster.assembly import pki
    from cluster.assembly.config import Config, Home

    other = Config(home=Home(tmp_path_factory.mktemp("other")))
    pki.ensure(other)
    pool = urllib3.HTTPSConnectionPool(
        api_server.config.host,
        api_server.config.port,
        ca_certs=str(api_server.ca),
        cert_file=str(other.home.certificate("admin")),
        key_file=str(other.home.key("admin")),
        retries=False,
    )
    try:
        code = pool.request("GET", "/api/v1/namespaces").status
    except (urllib3.exceptions.HTTPError, ssl.SSLError):
        code = 0
    pool.close()
    assert code in (0, 401)


def test_a_wrong_name_in_the_body_of_an_update_is_refused(api_server: ApiServer, configmaps: str) -> None:
    answer = api_server.request("PUT", f"{configmaps}/b", CONFIG_MAP)
    assert (answer.code, answer.body["message"]) == (400, "the name of the object (a) does not match the name on the URL (b)")


def test_every_answer_has_its_headers(api_server: ApiServer) -> None:
    headers = api_server.request("GET", "/api/v1/namespaces", headers={"Audit-ID": "my-own-id"}).headers
    assert headers["Audit-Id"] == "my-own-id"
    assert headers["Cache-Control"] == "no-cache, private"
    assert headers["Content-Type"] == "application/json"


def test_older_versions_of_kubernetes_are_served(tmp_path_factory: pytest.TempPathFactory) -> None:
    server = start_api_server(tmp_path_factory.mktemp("older"), workers=1, kubernetes_version="1.29")
    try:
        assert server.request("GET", "/version").body["minor"] == "29"
        assert server.request("GET", "/apis/flowcontrol.apiserver.k8s.io/v1beta3/flowschemas").code == 200
        assert server.request("POST", "/api/v1/namespaces", {"metadata": {"name": "a"}}).code == 201
    finally:
        server.stop()
