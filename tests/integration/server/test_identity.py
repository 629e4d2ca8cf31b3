"""Who a request is taken for, over real TLS connections: front proxies, tokens of every kind, keys that change."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
from collections.abc import Iterator
from typing import Any, Final

import jwt
import pytest

from cluster.api.token_keys import legacy_claims
from cluster.assembly import pki
from cluster.assembly.authentication import token_signer
from cluster.assembly.options import AuthenticationOptions
from cluster.assembly.pki import FRONT_PROXY_CA, Leaf
from rbac.credentials.kubeconfig import dump
from tests.integration.server import raw
from tests.support import Answer, ApiServer, eventually, start_api_server
from tests.support_https import Reply, Request, Service, https_service

REVIEW: Final = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
SELF: Final = {"kind": "SelfSubjectReview", "apiVersion": "authentication.k8s.io/v1"}
PROXY: Final = "front-proxy-client"
OLD_ISSUER: Final = "https://old.example.com"
NAMED: Final = {"X-Remote-User": "jürgen".encode().decode("latin-1"), "X-Remote-Group": "ops,dev", "X-Remote-Extra-Acme.io%2FProject": "p"}


USERS: Final[list[dict[str, Any]]] = [
    {"username": "alice"},
    {"username": "alice", "uid": "unique-id", "groups": ["devs", "admins"]},
    {"username": "alice", "extra": {"nicknames": ["cutie", "bestie"]}},
    {"uid": "unique-id"},
]


def enumerated(users: list[dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    return [(f"user-{number}", user) for number, user in enumerate(users)]


def reviewed(request: Request) -> Reply:
    """The webhook: it knows alice, and cannot tell of one token."""
    token = json.loads(request.body)["spec"]["token"]
    if token == "faulty":
        return Reply(b"out of order", 418, {"Content-Type": "text/plain"})
    known = {"rabbit": {"username": "alice", "groups": ["wonderland"]}} | dict(enumerated(USERS))
    status = {"authenticated": True, "user": known[token]} if token in known else {}
    return Reply(json.dumps({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "status": status}).encode())


@pytest.fixture(scope="module")
def webhook(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with https_service(tmp_path_factory.mktemp("webhook"), reviewed) as service:
        yield service


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, webhook: Service) -> Iterator[ApiServer]:
    folder = tmp_path_factory.mktemp("identity")
    cluster = {"server": webhook.url, "certificate-authority-data": base64.b64encode(webhook.ca.encode()).decode()}
    context = {"cluster": "w", "user": "w"}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "w", "cluster": cluster}],
        "users": [{"name": "w", "user": {}}],
        "contexts": [{"name": "w", "context": context}],
        "current-context": "w",
    }
    (folder / "webhook.kubeconfig").write_bytes(dump(document))
    options = AuthenticationOptions(
        authentication_token_webhook_config_file=str(folder / "webhook.kubeconfig"),
        service_account_issuer=("https://new.example.com", OLD_ISSUER),
        service_account_jwks_uri="https://elsewhere.example.com/keys",
        service_account_max_token_expiration=7200.0,
        api_audiences=("api", "other"),
    )
    made = start_api_server(folder / "home", workers=2, authentication=options)
    try:
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="module")
def namespace(server: ApiServer) -> str:
    return server.namespace()


def whoami(server: ApiServer, token: str = "", identity: str = "", **headers: str) -> Answer:
    sent = {name.replace("_", "-"): value for name, value in headers.items()} | ({"Authorization": f"Bearer {token}"} if token else {})
    return server.request("POST", REVIEW, SELF, identity=identity, headers=sent)


def user_of(answer: Answer) -> Any:
    assert answer.code == 201, answer.body
    return answer.body["status"]["userInfo"]


def everywhere(server: ApiServer, token: str) -> set[int]:
    """The codes that every worker answers a token with: each request has a connection of its own."""
    head = f"GET /api HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\r\n"
    return {raw.ask(server, head.encode(), identity="")[0] for _ in range(8)}


def issued(server: ApiServer, namespace: str, account: str = "default", **spec: Any) -> Answer:
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
    answer = server.request("POST", path, {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec})
    assert answer.code == 201, answer.body
    return answer


def token_of(server: ApiServer, namespace: str, **spec: Any) -> str:
    token: str = issued(server, namespace, **spec).body["status"]["token"]
    return token


# front proxies


def test_a_front_proxy_names_the_user(server: ApiServer) -> None:
    user = user_of(server.request("POST", REVIEW, SELF, identity=PROXY, headers=NAMED | {"X-Remote-Uid": "7"}))
    assert user == {
        "username": "jürgen",
        "uid": "7",
        "groups": ["ops,dev", "system:authenticated"],
        "extra": {"acme.io/project": ["p"]},
    }


def test_only_a_front_proxy_does(server: ApiServer) -> None:
    assert user_of(server.request("POST", REVIEW, SELF, headers=NAMED))["username"] == "kubernetes-admin"
    assert server.request("GET", "/api/v1/namespaces", identity="", headers=NAMED).code == 403


def test_a_front_proxy_is_nobody_by_itself(server: ApiServer) -> None:
    assert server.request("GET", "/api", identity=PROXY).code == 401


def test_a_namesake_by_the_clusters_ca_is_no_front_proxy(server: ApiServer) -> None:
    pki.ensure(server.config, [Leaf("namesake", PROXY)])
    assert user_of(server.request("POST", REVIEW, SELF, identity="namesake", headers=NAMED))["username"] == PROXY


def test_an_administrator_by_the_front_proxies_ca_is_none(server: ApiServer) -> None:
    pki.ensure(server.config, [Leaf("impostor", "kubernetes-admin", ("system:masters",), authority=FRONT_PROXY_CA)])
    assert server.request("GET", "/api", identity="impostor").code == 401
    assert server.request("GET", "/api", identity="impostor", headers=NAMED).code == 401, "its name is not allowed either"


@pytest.mark.parametrize("name", ["X_Remote_User", "x_remote_user", "X-Remote_User", "X-Remote-User ", " X-Remote-User"])
def test_a_header_that_is_only_like_a_front_proxys_names_nobody(server: ApiServer, name: str) -> None:
    head = f"GET /api HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{name}: tina\r\n\r\n"
    assert raw.ask(server, head.encode(), identity=PROXY)[0] in (400, 401)


def test_extension_servers_are_told_whom_to_trust(server: ApiServer) -> None:
    path = "/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication"
    home = server.config.home
    expected = {
        "client-ca-file": home.certificate("ca").read_text(),
        "requestheader-allowed-names": '["front-proxy-client"]',
        "requestheader-client-ca-file": home.certificate(FRONT_PROXY_CA).read_text(),
        "requestheader-extra-headers-prefix": '["X-Remote-Extra-"]',
        "requestheader-group-headers": '["X-Remote-Group"]',
        "requestheader-uid-headers": '["X-Remote-Uid"]',
        "requestheader-username-headers": '["X-Remote-User"]',
    }
    assert server.request("GET", path).body["data"] == expected
    change = {"data": {"requestheader-allowed-names": '["another"]', "client-ca-file": None}}
    assert server.request("PATCH", path, change, content_type="application/merge-patch+json").code == 200
    united = expected | {"requestheader-allowed-names": '["another","front-proxy-client"]'}
    eventually(lambda: server.request("GET", path).body["data"] == united, "what others wrote stays, what is ours comes back")


# service accounts


def test_tokens_are_for_the_audiences_of_the_api_server(server: ApiServer, namespace: str) -> None:
    claims = jwt.decode(token_of(server, namespace), options={"verify_signature": False})
    assert (claims["iss"], claims["aud"]) == ("https://new.example.com", ["api", "other"])
    assert user_of(whoami(server, token_of(server, namespace, audiences=["other", "x"])))["uid"]
    assert whoami(server, token_of(server, namespace, audiences=["x"])).code == 401


def test_an_account_that_limits_its_secrets_is_warned_of_and_its_pods_are_not(server: ApiServer, namespace: str) -> None:
    annotation = "kubernetes.io/enforce-mountable-secrets"
    account = {"metadata": {"name": "strict", "annotations": {annotation: "true"}}}
    advice = "deprecated in v1.32+; prefer separate namespaces to isolate access to mounted secrets"
    made = server.request("POST", f"/api/v1/namespaces/{namespace}/serviceaccounts", account)
    assert (made.code, made.headers["Warning"]) == (201, f'299 - "metadata.annotations[{annotation}]: {advice}"')
    pod = {"metadata": {"name": "p"}, "spec": {"serviceAccountName": "strict", "containers": [{"name": "c", "image": "i"}]}}
    made = server.request("POST", f"/api/v1/namespaces/{namespace}/pods", pod)
    assert (made.code, "Warning" in made.headers) == (201, False)


def test_tokens_of_every_issuer_are_accepted(server: ApiServer, namespace: str) -> None:
    claims = jwt.decode(token_of(server, namespace), options={"verify_signature": False})
    keys = token_signer(server.config).keys.current()

    def signed(issuer: str) -> str:
        public = keys.public[0]
        return jwt.encode({**claims, "iss": issuer}, keys.signing, public.algorithm, headers={"kid": public.key_id})

    assert user_of(whoami(server, signed(OLD_ISSUER)))["username"] == f"system:serviceaccount:{namespace}:default"
    assert whoami(server, signed("https://other.example.com")).code == 401


def test_a_lifetime_that_is_too_long_is_cut_with_a_warning(server: ApiServer, namespace: str) -> None:
    answer = issued(server, namespace, expirationSeconds=7801)
    assert answer.headers["Warning"] == '299 - "requested expiration of 7801 seconds shortened to 7200 seconds"'
    assert answer.body["spec"]["expirationSeconds"] == 7200
    claims = jwt.decode(answer.body["status"]["token"], options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == 7200
    assert "Warning" not in issued(server, namespace, expirationSeconds=7200).headers


def test_the_discovery_document_says_where_the_keys_are(server: ApiServer) -> None:
    answer = server.request("GET", "/.well-known/openid-configuration")
    assert (answer.headers["Content-Type"], answer.headers["Cache-Control"]) == ("application/json", "public, max-age=3600")
    assert (answer.body["issuer"], answer.body["jwks_uri"]) == ("https://new.example.com", "https://elsewhere.example.com/keys")


def test_a_key_is_rotated_while_the_server_runs_and_nobody_is_logged_out(server: ApiServer, namespace: str) -> None:
    old = token_of(server, namespace)
    assert everywhere(server, old) == {200}
    home = server.config.home
    pki.rotate_service_account_key(server.config)
    fresh = eventually(lambda: signed_anew(token_of(server, namespace), old), "another key signs")
    assert everywhere(server, fresh) == {200}, "at once, also where nobody has looked at the files yet"
    assert everywhere(server, old) == {200}
    listed = eventually(lambda: key_ids(server, 2), "both keys are listed")
    assert listed == {jwt.get_unverified_header(token)["kid"] for token in (old, fresh)}
    retired = list(home.pki.glob("sa-*.pub"))
    assert len(retired) == 1
    retired[0].unlink()
    eventually(lambda: everywhere(server, old) == {401}, "what the old key signed ends when its public key is taken away")
    assert everywhere(server, fresh) == {200}


def signed_anew(token: str, old: str) -> str:
    return token if jwt.get_unverified_header(token)["kid"] != jwt.get_unverified_header(old)["kid"] else ""


def key_ids(server: ApiServer, count: int) -> set[str]:
    answer = server.request("GET", "/openid/v1/jwks")
    assert answer.headers["Content-Type"] == "application/jwk-set+json"
    found = {key["kid"] for key in answer.body["keys"]}
    return found if len(found) == count else set()


def test_a_token_kept_in_a_secret_works_until_the_secret_is_gone(server: ApiServer, namespace: str) -> None:
    account = server.request("GET", f"/api/v1/namespaces/{namespace}/serviceaccounts/default").body
    path = f"/api/v1/namespaces/{namespace}/secrets"
    token = token_signer(server.config).sign(legacy_claims(account, "legacy"))
    annotations = {"kubernetes.io/service-account.name": "default"}
    body = {"metadata": {"name": "legacy", "annotations": annotations}, "type": "kubernetes.io/service-account-token"}
    answer = server.request("POST", path, body | {"stringData": {"token": token}})
    assert answer.code == 201, answer.body
    assert user_of(whoami(server, token))["username"] == f"system:serviceaccount:{namespace}:default"
    labels = server.request("GET", f"{path}/legacy").body["metadata"]["labels"]
    assert list(labels) == ["kubernetes.io/legacy-token-last-used"]
    sent = {"kind": "TokenReview", "apiVersion": "authentication.k8s.io/v1", "spec": {"token": token}}
    review = "/apis/authentication.k8s.io/v1/tokenreviews"
    assert server.request("POST", review, sent).body["status"]["audiences"] == ["api", "other"]
    assert server.request("DELETE", f"{path}/legacy").code == 200
    assert everywhere(server, token) == {401}
    assert server.request("POST", review, sent).body["status"] == {
        "user": {},
        "error": "[invalid bearer token, Token has been invalidated]",
    }


# other tokens


def test_a_bootstrap_token_works_until_its_secret_is_gone(server: ApiServer) -> None:
    path = "/api/v1/namespaces/kube-system/secrets"
    data = {"token-id": "abcdef", "token-secret": "0123456789abcdef", "usage-bootstrap-authentication": "true"}
    data["auth-extra-groups"] = "system:bootstrappers:nodes"
    body = {"metadata": {"name": "bootstrap-token-abcdef"}, "type": "bootstrap.kubernetes.io/token", "stringData": data}
    assert everywhere(server, "abcdef.0123456789abcdef") == {401}
    answer = server.request("POST", path, body)
    assert answer.code == 201, answer.body
    user = user_of(whoami(server, "abcdef.0123456789abcdef"))
    groups = ["system:bootstrappers", "system:bootstrappers:nodes", "system:authenticated"]
    assert (user["username"], user["groups"]) == ("system:bootstrap:abcdef", groups)
    assert everywhere(server, "abcdef.0123456789abcdee") == {401}
    assert server.request("DELETE", f"{path}/bootstrap-token-abcdef").code == 200
    assert everywhere(server, "abcdef.0123456789abcdef") == {401}


def test_a_webhook_reviews_what_nobody_else_knows(server: ApiServer, webhook: Service) -> None:
    webhook.seen.clear()
    for _ in range(3):
        user = user_of(whoami(server, "rabbit"))
        assert user == {"username": "alice", "groups": ["wonderland", "system:authenticated"]}
    assert whoami(server, "hatter").code == 401
    assert {json.loads(each.body)["spec"]["token"] for each in webhook.seen} == {"rabbit", "hatter"}
    assert json.loads(webhook.seen[0].body)["spec"]["audiences"] == ["api", "other"]
    assert len(webhook.seen) <= 4, "each of two workers asks once"


@pytest.mark.parametrize(("token", "user"), enumerated(USERS))
def test_one_learns_what_the_authenticator_said(server: ApiServer, token: str, user: dict[str, Any]) -> None:
    """Who has no name is somebody nevertheless."""
    assert user_of(whoami(server, token)) == user | {"groups": [*user.get("groups", []), "system:authenticated"]}


def test_one_whose_authenticator_fails_learns_nothing(server: ApiServer) -> None:
    answer = whoami(server, "faulty")
    assert (answer.code, answer.body["reason"], answer.body["message"]) == (401, "Unauthorized", "Unauthorized")


# how tokens are carried


def test_a_web_socket_carries_its_token_among_its_protocols(server: ApiServer, namespace: str) -> None:
    def answer(*protocols: str) -> tuple[int, Any]:
        sent = {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
            "Sec-WebSocket-Version": "13",
        }
        path = f"/api/v1/namespaces/{namespace}/pods/none/exec?command=x&stdout=1"
        connection = http.client.HTTPSConnection(server.config.host, server.config.port, context=raw.context(server), timeout=10)
        with contextlib.closing(connection):
            connection.request("GET", path, headers=sent | {"Sec-WebSocket-Protocol": ", ".join(protocols)})
            response = connection.getresponse()
            return response.status, json.load(response)

    def protocol(token: str) -> str:
        return "base64url.bearer.authorization.k8s.io." + base64.urlsafe_b64encode(token.encode()).rstrip(b"=").decode()

    code, status = answer("v5.channel.k8s.io", protocol(token_of(server, namespace)))
    assert code == 403
    assert f'User "system:serviceaccount:{namespace}:default"' in status["message"]
    assert answer("v5.channel.k8s.io", protocol("bad"))[0] == 401
    assert answer(protocol(token_of(server, namespace)))[0] == 401
    code, status = answer("v5.channel.k8s.io")
    assert (code, 'User "system:anonymous"' in status["message"]) == (403, True)


@pytest.mark.parametrize(
    ("headers", "codes"),
    [
        ("Authorization: Bearer {token}", {201}),
        ("AUTHORIZATION: bearer {token}", {201}),
        ("authorization:Bearer {token} trailing", {201}),
        ("Authorization: Bearer  {token}", {403}),
        ("Authorization: Basic {token}", {403}),
        ("Authorization: Bearer {token}\r\nAuthorization: Bearer {token}", {401}),
        ("Authorization: Bearer bad\r\nAuthorization: Bearer {token}", {401}),
        ("Authorization : Bearer {token}", {400}),
        ("Authorization\t: Bearer {token}", {400}),
        ("X-A: b\r\n Authorization: Bearer {token}", {400, 403}),
        ("X-A: b\rAuthorization: Bearer {token}", {400}),
        ("X-A: b\nAuthorization: Bearer {token}", {201}),  # as Go has it: a line may end so
        ("Authorization: Bearer {token}\x00", {400}),
        ("Authorization_: Bearer {token}", {400, 403}),
    ],
)
def test_headers_are_read_in_one_way(server: ApiServer, namespace: str, headers: str, codes: set[int]) -> None:
    """An anonymous caller may not ask who it is: 403.  What is not read as a token never makes its service account."""
    body = json.dumps(SELF).encode()
    head = f"POST {REVIEW} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    request = head + headers.format(token=token_of(server, namespace)) + "\r\n\r\n"
    assert raw.ask(server, request.encode() + body, identity="")[0] in codes


def test_a_space_too_many_before_the_token_is_warned_of(server: ApiServer) -> None:
    answer = server.request("GET", "/api", identity="", headers={"Authorization": "Bearer  x"})
    assert answer.headers["Warning"] == (
        '299 - "the provided Authorization header contains extra space before the bearer token, and is ignored"'
    )


@pytest.mark.parametrize("name", ["SCRIPT_NAME", "Script-Name", "PATH_INFO", "X-Forwarded-Prefix"])
def test_no_header_changes_the_path(server: ApiServer, name: str) -> None:
    head = f"GET /api/v1/namespaces HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{name}: /api/v1\r\n\r\n"
    code, body = raw.ask(server, head.encode())
    assert code == 400 or (code, body["kind"]) == (200, "NamespaceList")


def test_the_groups_of_an_impersonation_are_those_of_its_headers(server: ApiServer) -> None:
    """Each header is one group, whatever is in it; of several users the first counts."""
    body = json.dumps(SELF).encode()
    head = f"POST {REVIEW} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    head += "Impersonate-User: u\r\nImpersonate-User: v\r\nImpersonate-Group: a,system:masters\r\nimpersonate-group: b\r\n"
    head += "Impersonate_Group: c\r\nImpersonate-Extra-K%2Fx: 1\r\nImpersonate-Extra-k%2fx: 2,3\r\nImpersonate-Extra-a_b: 4\r\n\r\n"
    code, answer = raw.ask(server, head.encode() + body)
    assert code == 201, answer
    expected = {"username": "u", "groups": ["a,system:masters", "b", "system:authenticated"], "extra": {"k/x": ["1", "2,3"], "a_b": ["4"]}}
    assert answer["status"]["userInfo"] == expected


def test_a_key_of_extra_may_have_an_underscore(server: ApiServer) -> None:
    headers = {"X-Remote-User": "tina", "X-Remote-Extra-a_b": "1", "X-Remote-Extra_c": "2"}
    assert user_of(server.request("POST", REVIEW, SELF, identity=PROXY, headers=headers))["extra"] == {"a_b": ["1"]}
    lonely = {"Impersonate-Extra-a_b": "1"}
    assert server.request("GET", "/api", headers=lonely).code == 400, "extra without a user"
