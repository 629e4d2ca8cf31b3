"""An API server of two workers that follows its AuthenticationConfiguration file."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import urllib3
import yaml

from cluster.assembly.options import AuthenticationOptions
from tests.integration.server.test_monitoring import figures, followed, reloads
from tests.support import ApiServer, eventually, start_api_server
from tests.support_https import Authority, Request
from tests.support_issuer import AUDIENCE, Issuer, configuration, issuer_service
from tests.support_needs import need_kubectl

CONNECTIONS = 8
"""So many that both workers are among those who answer."""
REVIEW = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
OPEN = {"enabled": True, "conditions": [{"path": "/livez"}, {"path": "/readyz"}, {"path": "/healthz"}]}


@dataclass
class World:
    """A server, its file (which a link leads to, as in a mounted ConfigMap), and two issuers."""

    server: ApiServer
    file: Path
    one: Issuer
    two: Issuer

    def write(self, text: str) -> None:
        """Puts another file in place of the one that the link leads to."""
        target = self.file.parent / f"data-{time.monotonic_ns()}"
        target.write_text(text)
        link = self.file.with_suffix(".new")
        link.symlink_to(target)
        os.replace(link, self.file)

    def configure(self, *authenticators: dict[str, Any], **more: Any) -> None:
        self.write(configuration(*authenticators, **({"anonymous": OPEN} | more)))

    def answers(self, method: str, path: str, token: str = "", body: Any = None) -> list[tuple[int, Any]]:
        """What each of several connections is answered: (status, body)."""
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        found = []
        for _ in range(CONNECTIONS):
            config = self.server.config
            with urllib3.HTTPSConnectionPool(config.host, config.port, ca_certs=str(self.server.ca), retries=False) as pool:
                response = pool.request(method, path, body=json.dumps(body).encode() if body else None, headers=headers, timeout=30)
                found.append((response.status, json.loads(response.data) if response.data.startswith(b"{") else response.data))
        return found

    def users(self, token: str) -> set[str]:
        """Whom the workers take the token's bearer for; "401" where they refuse it."""
        path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
        return {
            answer["status"]["userInfo"]["username"] if code == 201 else str(code)
            for code, answer in self.answers("POST", path, token, REVIEW)
        }

    def people(self, token: str) -> list[dict[str, Any]]:
        """All that workers know of the token's bearer, each once; nothing of one whom they refuse."""
        path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
        told = [answer["status"]["userInfo"] for code, answer in self.answers("POST", path, token, REVIEW) if code == 201]
        return [each for number, each in enumerate(told) if each not in told[:number]]

    def becomes(self, token: str, user: str) -> None:
        eventually(lambda: self.users(token) == {user}, f"every worker takes the bearer for {user}")

    def review(self, token: str) -> Any:
        """The status of a TokenReview."""
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": token}}
        return self.server.request("POST", "/apis/authentication.k8s.io/v1/tokenreviews", body).body["status"]

    def log(self) -> str:
        return (self.server.config.home.root / "server.log").read_text()

    def logged(self, text: str, action: Any) -> None:
        """Waits until each worker has logged the text after the action."""
        before = self.log().count(text)
        action()
        eventually(lambda: self.log().count(text) >= before + 2, lambda: f'both workers log "{text}" in {self.log()[-2000:]}')


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("structured")
    with issuer_service(folder) as one, issuer_service(folder, key=1) as two:
        file = folder / "authentication.yaml"
        first = folder / "data"
        first.write_text(configuration(one.authenticator(), anonymous=OPEN))
        file.symlink_to(first)
        server = start_api_server(folder / "home", authentication=AuthenticationOptions(authentication_config=str(file)))
        yield World(server, file, one, two)
        server.stop()


@pytest.fixture(autouse=True)
def settled(world: World) -> None:
    """Each test begins with the first issuer configured, in both workers."""
    world.one.down = False
    world.one.refreshed = {}
    world.configure(world.one.authenticator())
    world.becomes(world.one.token(), "k8s-john_doe")


def test_a_token_of_the_issuer_is_authorized_as_its_user(world: World) -> None:
    denied = world.answers("GET", "/api/v1/namespaces/default/pods", world.one.token(sub="reader"))
    message = 'pods is forbidden: User "k8s-reader" cannot list resource "pods" in API group "" in the namespace "default"'
    assert {(code, answer["message"]) for code, answer in denied} == {(403, message)}
    binding = {
        "metadata": {"name": "reader"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "k8s-reader"}],
    }
    path = "/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings"
    assert world.server.request("POST", path, binding).code == 201
    allowed = world.answers("GET", "/api/v1/namespaces/default/pods", world.one.token(sub="reader"))
    assert {code for code, _ in allowed} == {200}


def test_a_user_name_may_be_empty_and_is_nobody_in_particular(world: World) -> None:
    world.configure(world.one.authenticator(username={"claim": "sub", "prefix": ""}))
    world.becomes(world.one.token(), "john_doe")
    denied = world.answers("GET", "/api/v1/namespaces/default/pods", world.one.token(sub=""))
    message = 'pods is forbidden: User "" cannot list resource "pods" in API group "" in the namespace "default"'
    assert {(code, answer["message"]) for code, answer in denied} == {(403, message)}


def test_a_user_name_that_an_expression_makes_may_not_be_empty(world: World) -> None:
    world.configure(world.one.authenticator(username={"expression": "claims.sub"}))
    world.becomes(world.one.token(), "john_doe")
    assert world.users(world.one.token(sub="")) == {"401"}
    error = "[invalid bearer token, oidc: empty username via CEL expression is not allowed]"
    assert world.review(world.one.token(sub=""))["error"] == error


NAMED = {"username": {"expression": "'cel-' + claims.sub"}}
ROLES = "(claims.roles.split(',') + claims.other_roles.split(',')).map(role, '{}:' + role)"
FOO_BAZ = [{"key": "example.org/foo", "valueExpression": "'bar'"}, {"key": "example.org/baz", "valueExpression": "claims.baz"}]
IN_EXTRA = "'bar' in user.extra['example.org/foo'] && 'qux' in user.extra['example.org/baz']"
CREDENTIAL = {"authentication.kubernetes.io/credential-id": ["JTI=0123456789"]}
EXACTLY = "sets.equivalent(claims.aud, ['bar', 'foo', 'baz'])"
TWO_AUDIENCES = {"audiences": ["baz", "foo"], "audienceMatchPolicy": "MatchAny"}
EXPRESSIONS: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any] | str]] = [
    ({}, {"jti": "0123456789"}, {"extra": CREDENTIAL}),
    ({}, {"jti": 1234}, {}),
    (
        {"groups": {"expression": ROLES.format("prefix")}},
        {"roles": "foo,bar", "other_roles": "baz,qux"},
        {"groups": ["prefix:foo", "prefix:bar", "prefix:baz", "prefix:qux", "system:authenticated"]},
    ),
    (
        {"claimValidationRules": [{"expression": "claims.hd == 'example.com'", "message": "the hd claim must be set to example.com"}]},
        {"hd": "notexample.com"},
        "oidc: error evaluating claim validation expression: validation expression 'claims.hd == 'example.com'' failed: "
        "the hd claim must be set to example.com",
    ),
    (
        {"extra": FOO_BAZ, "userValidationRules": [{"expression": IN_EXTRA, "message": "example.org/baz must be qux"}]},
        {"baz": "qux", "jti": "0123456789"},
        {"extra": CREDENTIAL | {"example.org/foo": ["bar"], "example.org/baz": ["qux"]}},
    ),
    ({"uid": {"expression": "claims.uid"}}, {"uid": "1234"}, {"uid": "1234"}),
    (
        {
            "groups": {"expression": ROLES.format("system")},
            "userValidationRules": [{"expression": "user.groups.all(g, !g.startsWith('system:'))", "message": "groups are reserved"}],
        },
        {"roles": "foo,bar", "other_roles": "baz,qux"},
        "oidc: error evaluating user info validation rule: validation expression 'user.groups.all(g, !g.startsWith('system:'))' failed: "
        "groups are reserved",
    ),
    (
        {"issuer": TWO_AUDIENCES, "uid": {"expression": "claims.uid"}, "claimValidationRules": [{"expression": EXACTLY, "message": "m"}]},
        {"aud": ["foo", "bar", "baz"], "uid": "1234"},
        {"uid": "1234"},
    ),
]
SHOWN = ["a user name", "a token ID that is no text", "groups", "a claim rule", "extra", "a UID", "a user rule", "audiences"]


@pytest.mark.parametrize(("mapping", "claims", "expected"), EXPRESSIONS, ids=SHOWN)
def test_expressions_make_the_user(world: World, mapping: dict[str, Any], claims: dict[str, Any], expected: dict[str, Any] | str) -> None:
    world.configure(world.one.authenticator(**NAMED, **dict(mapping)))
    token = world.one.token(**claims)
    if isinstance(expected, str):
        world.becomes(token, "401")
        assert world.review(token)["error"] == f"[invalid bearer token, {expected}]"
    else:
        user = {"username": "cel-john_doe", "groups": ["system:authenticated"]} | expected
        eventually(lambda: world.people(token) == [user], lambda: f"every worker knows {user}: {world.people(token)}")


@pytest.mark.parametrize("claims", [{"exp": 1}, {"aud": "another"}, {"iss": "https://other.example"}])
def test_a_bad_token_is_unauthorized_and_not_told_why(world: World, claims: dict[str, Any]) -> None:
    answers = world.answers("GET", "/api", world.one.token(**claims))
    assert {(code, answer["message"]) for code, answer in answers} == {(401, "Unauthorized")}


def test_a_token_review_says_who_it_is_or_why_not(world: World) -> None:
    good = world.review(world.one.token())
    assert (good["authenticated"], good["user"]["username"]) == (True, "k8s-john_doe")
    assert good["user"]["groups"] == ["system:authenticated"]
    bad = world.review(world.one.token(exp=1))
    assert "authenticated" not in bad
    assert "oidc: verify token: oidc: token is expired" in bad["error"]


def test_anonymous_requests_are_allowed_where_the_file_says_only(world: World) -> None:
    assert {code for code, _ in world.answers("GET", "/livez")} == {200}
    assert {code for code, _ in world.answers("GET", "/livez/ping")} == {401}
    assert {code for code, _ in world.answers("GET", "/version")} == {401}


def test_another_valid_file_holds_at_once_and_the_old_no_longer(world: World) -> None:
    before, seen = reloads(world.server, "authentication", "success"), followed(world.server, "authentication")
    world.configure(world.two.authenticator(username={"claim": "sub", "prefix": "panda-"}))
    world.becomes(world.two.token(), "panda-john_doe")
    eventually(lambda: reloads(world.server, "authentication", "success") >= before + 2, "both workers have counted it")
    assert world.users(world.one.token()) == {"401"}
    now = followed(world.server, "authentication")
    assert now["success"] > max(seen["success"], seen["failure"])
    assert (now["failure"], now["hash"]) == (seen["failure"], hashlib.sha256(world.file.read_bytes()).hexdigest())


def keys_told(world: World) -> dict[str, set[str]]:
    """The issuers of whose keys the metrics tell when they came, and the hashes of the keys that are told."""
    prefix = "apiserver_authentication_jwt_authenticator_jwks_fetch_last_"
    found: dict[str, set[str]] = {"timestamp_seconds": set(), "key_set_info": set()}
    for series in figures(world.server, identity="admin"):
        if series.startswith(prefix):
            name, _, labels = series.removeprefix(prefix).partition("{")
            label = "jwt_issuer_hash" if name == "timestamp_seconds" else ",hash"
            found[name] |= set(re.findall(rf'{label}="sha256:(\w+)"', labels))
    return found


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_of_each_issuer_is_told_which_keys_it_has_as_long_as_it_is_configured(world: World) -> None:
    def key_set(issuer: Issuer) -> str:
        return sha(issuer.answer(Request("GET", "/keys", {}, b"", None)).body)

    world.configure(world.one.authenticator(), world.two.authenticator(username={"claim": "sub", "prefix": "two-"}))
    world.becomes(world.two.token(), "two-john_doe")
    world.becomes(world.one.token(), "k8s-john_doe")
    both = (world.one, world.two)
    assert keys_told(world) == {
        "timestamp_seconds": {sha(each.url.encode()) for each in both},
        "key_set_info": {key_set(each) for each in both},
    }
    world.configure(world.two.authenticator(username={"claim": "sub", "prefix": "two-"}))
    left = {"timestamp_seconds": {sha(world.two.url.encode())}, "key_set_info": {key_set(world.two)}}
    eventually(lambda: keys_told(world) == left, lambda: f"only the second issuer's keys are told of: {keys_told(world)}")


def test_the_same_issuer_may_map_claims_otherwise(world: World) -> None:
    world.configure(world.one.authenticator(username={"claim": "sub", "prefix": "panda-"}))
    world.becomes(world.one.token(), "panda-john_doe")


def test_a_file_without_issuers_stops_tokens_and_one_with_an_issuer_starts_them(world: World) -> None:
    world.configure()
    world.becomes(world.one.token(), "401")
    world.configure(world.one.authenticator(username={"claim": "sub", "prefix": "snorlax-"}))
    world.becomes(world.one.token(), "snorlax-john_doe")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("apiVersion: apiserver.config.k8s.io/v1\nkind: AuthenticationConfiguration\njwt:\n- issuer: [", "yaml: line"),
        ("", "empty config data"),
        ("apiVersion: apiserver.config.k8s.io/v1\nkind: AuthenticationConfiguration\njwtt: []\n", 'unknown field "jwtt"'),
        (configuration({"issuer": {"url": "http://a.example"}}), "URL scheme must be https"),
        (
            configuration(
                {"issuer": {"url": "https://a.example", "audiences": ["a"]}, "claimMappings": {"username": {"expression": "sub"}}}
            ),
            "compilation failed: ERROR: <input>:1:1: undeclared reference to 'sub'",
        ),
        (configuration(), "anonymous: Forbidden: changed from initial configuration file"),
        (configuration(anonymous={"enabled": True}), "anonymous: Forbidden: changed from initial configuration file"),
    ],
)
def test_a_bad_file_is_logged_and_what_the_last_one_said_is_kept(world: World, text: str, why: str) -> None:
    before, seen = reloads(world.server, "authentication", "failure"), followed(world.server, "authentication")
    world.logged(why, lambda: world.write(text))
    assert world.users(world.one.token()) == {"k8s-john_doe"}
    assert reloads(world.server, "authentication", "failure") >= before + 2
    now = followed(world.server, "authentication")
    assert now["failure"] > max(seen["failure"], seen["success"])
    assert (now["success"], now["hash"]) == (seen["success"], seen["hash"])


def test_a_file_that_is_gone_for_a_while_changes_nothing(world: World) -> None:
    where = os.readlink(world.file)
    world.logged("failed to read authentication config file", world.file.unlink)
    assert world.users(world.one.token()) == {"k8s-john_doe"}
    world.file.symlink_to(where)


def test_a_file_that_is_written_in_place_is_read_too(world: World) -> None:
    target = world.file.resolve()
    target.write_text(configuration(world.one.authenticator(username={"claim": "sub", "prefix": "inplace-"}), anonymous=OPEN))
    world.becomes(world.one.token(), "inplace-john_doe")


def test_a_new_issuer_that_cannot_be_discovered_keeps_the_old_file_in_force_until_another_comes(world: World) -> None:
    world.two.down = True
    asked = len(world.two.service.seen)
    world.configure(world.two.authenticator())
    eventually(lambda: len(world.two.service.seen) >= asked + 2, "both workers try to discover it")
    assert world.users(world.one.token()) == {"k8s-john_doe"}
    world.two.down = False
    world.becomes(world.two.token(), "k8s-john_doe")
    assert world.users(world.one.token()) == {"401"}


def workers(world: World) -> set[int]:
    master = world.server.gunicorn.pid
    return {int(each) for each in Path(f"/proc/{master}/task/{master}/children").read_text().split()}


@pytest.mark.parametrize("text", ["spoilt: [", configuration(anonymous={"enabled": True})])
def test_a_worker_that_is_replaced_while_the_file_is_bad_goes_on_as_the_others(world: World, text: str) -> None:
    world.configure(world.one.authenticator(username={"claim": "sub", "prefix": "kept-"}))
    world.becomes(world.one.token(), "kept-john_doe")
    world.logged("failed to load authentication config:", lambda: world.write(text))
    before = workers(world)
    os.kill(min(before), signal.SIGKILL)
    eventually(lambda: len(workers(world)) == len(before) and workers(world) != before, "the worker is replaced")
    world.becomes(world.one.token(), "kept-john_doe")
    assert {code for code, _ in world.answers("GET", "/version")} == {401}


def test_certificates_and_service_accounts_do_not_depend_on_the_file(world: World) -> None:
    namespace = world.server.namespace()
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/default/token"
    token = world.server.request("POST", path, request).body["status"]["token"]
    world.configure()
    world.becomes(world.one.token(), "401")
    assert world.users(token) == {f"system:serviceaccount:{namespace}:default"}


def kubectl(world: World, folder: Path, token: str, *, issuer_ca: str = "") -> tuple[int, str, dict[str, Any]]:
    """(exit code, what it prints, what it keeps in its kubeconfig) of kubectl that logs in by OpenID Connect and holds the token."""
    authority, file = folder / "issuer.crt", folder / "kubeconfig"
    authority.write_text(issuer_ca or world.one.service.ca)
    settings = {"idp-issuer-url": world.one.url, "client-id": AUDIENCE, "client-secret": "s", "refresh-token": "old", "id-token": token}
    content = json.loads(world.server.kubeconfig(file).read_text())
    content["users"][0]["user"] = {"auth-provider": {"name": "oidc", "config": settings | {"idp-certificate-authority": str(authority)}}}
    file.write_text(json.dumps(content))
    command = [need_kubectl(), "--kubeconfig", str(file), "auth", "whoami", "-o", "jsonpath={.status.userInfo.username}"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, env=os.environ | {"HOME": str(folder)})
    kept = yaml.safe_load(file.read_text())["users"][0]["user"]["auth-provider"]["config"]
    return result.returncode, result.stdout + result.stderr, kept


def test_kubectl_shows_the_token_that_it_holds(world: World, tmp_path: Path) -> None:
    assert kubectl(world, tmp_path, world.one.token())[:2] == (0, "k8s-john_doe")


def test_kubectl_gets_another_token_for_one_that_is_expired_and_keeps_the_new_refresh_token(world: World, tmp_path: Path) -> None:
    world.one.refreshed = {"access_token": "a", "refresh_token": "new", "id_token": world.one.token(sub="jane")}
    code, said, kept = kubectl(world, tmp_path, world.one.token(exp=1))
    assert (code, said, kept["refresh-token"]) == (0, "k8s-jane", "new")


@pytest.mark.parametrize(
    ("refreshed", "said"),
    [
        ({}, "failed to refresh token"),
        ({"access_token": "a"}, "token response did not contain an id_token"),
    ],
)
def test_kubectl_without_another_token_does_not_get_in(world: World, tmp_path: Path, refreshed: dict[str, str], said: str) -> None:
    world.one.refreshed = refreshed
    code, output, _ = kubectl(world, tmp_path, world.one.token(exp=1))
    assert code != 0
    assert said in output


def test_kubectl_that_trusts_another_ca_does_not_ask_the_issuer(world: World, tmp_path: Path) -> None:
    world.one.refreshed = {"access_token": "a", "id_token": world.one.token()}
    code, output, _ = kubectl(world, tmp_path, world.one.token(exp=1), issuer_ca=Authority("other").pem.decode())
    assert code != 0
    assert "certificate signed by unknown authority" in output


def test_a_token_that_another_key_has_signed_is_unauthorized_for_kubectl(world: World, tmp_path: Path) -> None:
    code, output, _ = kubectl(world, tmp_path, world.two.token(iss=world.one.url, headers={"kid": "first"}))
    assert code != 0
    assert "Unauthorized" in output


def test_no_token_is_logged(world: World) -> None:
    token = world.one.token(aud="another")
    world.answers("GET", "/api", token)
    assert token.split(".")[2] not in world.log()
