"""Identity, permission and admission through the real pipeline: the application, its registry, and a store on SQLite."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from app import create_app
from cluster.assembly import pki
from cluster.assembly.api_server import ApiServer
from cluster.assembly.config import Config, Home
from cluster.storage.local import LocalStore
from tests.unit.rbac.keys import authority, certificate, client_certificate, rsa_key

RBAC = "/apis/rbac.authorization.k8s.io/v1"
REVIEWS = "/apis/authorization.k8s.io/v1"


class Peer:
    """A connection whose other end has shown a certificate."""

    def __init__(self, der: bytes | None) -> None:
        self._der = der

    def getpeercert(self, binary_form: bool) -> bytes | None:
        assert binary_form
        return self._der


class Caller:
    """Someone with a certificate or a token."""

    def __init__(self, client: FlaskClient, der: bytes | None = None, token: str | None = None) -> None:
        self._client = client
        self._environ = {"gunicorn.socket": Peer(der)}
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, dict[str, Any]]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = self._client.open(path, method=method, json=body, headers=self._headers | named, environ_overrides=self._environ)
        return answer.status_code, answer.get_json(silent=True) or {}

    def must(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        code, answer = self(method, path, body)
        assert code in (200, 201), answer
        return answer


class People:
    """The callers of one cluster."""

    def __init__(self, client: FlaskClient) -> None:
        self._client = client
        self.admin = Caller(client, client_certificate("admin", "system:masters"))
        self.tina = Caller(client, client_certificate("tina", "ops"))
        self.node = Caller(client, client_certificate("system:node:n1", "system:nodes"))
        self.nobody = Caller(client)

    def with_certificate(self, der: bytes) -> Caller:
        return Caller(self._client, der)

    def with_token(self, token: str) -> Caller:
        return Caller(self._client, token=token)


@pytest.fixture
def people(tmp_path: Path) -> Iterator[People]:
    home = Home(tmp_path)
    home.pki.mkdir()
    home.key("sa").write_bytes(rsa_key())
    home.certificate("ca").write_bytes(authority()[0])
    home.key("ca").write_bytes(authority()[1])
    pki.ensure(Config(home))
    store = LocalStore.temporary()
    server = ApiServer(Config(home), lambda: store)
    people = People(create_app(Config(home), server).test_client())
    people.admin("POST", "/api/v1/namespaces", {"metadata": {"name": "dev"}})
    people.admin.must("POST", "/api/v1/namespaces/dev/serviceaccounts", {"metadata": {"name": "user"}})
    yield people
    server.close()
    store.close()


def bind(people: People, name: str, role: str, subject: dict[str, str], namespace: str = "dev") -> None:
    body = {"metadata": {"name": name}, "roleRef": _reference(role), "subjects": [subject]}
    people.admin.must("POST", f"{RBAC}/namespaces/{namespace}/rolebindings", body)


def _reference(role: str) -> dict[str, str]:
    return {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role}


TINA = {"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "tina"}
CONFIG_MAP = {"metadata": {"name": "c"}, "data": {"a": "b"}}
MAPS = "/api/v1/namespaces/dev/configmaps"


def test_a_stranger_is_refused_in_upstreams_words(people: People) -> None:
    code, status = people.tina("GET", MAPS)
    assert (code, status["message"]) == (
        403,
        'configmaps is forbidden: User "tina" cannot list resource "configmaps" in API group "" in the namespace "dev"',
    )


def test_who_shows_nothing_is_anonymous(people: People) -> None:
    code, status = people.nobody("GET", MAPS)
    assert (code, 'User "system:anonymous" cannot list' in status["message"]) == (403, True)


def test_bad_credentials_are_unauthorized(people: People) -> None:
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    server_only = certificate((NameOID.COMMON_NAME, "admin"), usages=[ExtendedKeyUsageOID.SERVER_AUTH])
    for caller in (people.with_token("abc"), people.with_certificate(server_only)):
        code, status = caller("GET", MAPS)
        assert (code, status["reason"], status["message"]) == (401, "Unauthorized", "Unauthorized")


def test_a_binding_gives_and_takes_at_once(people: People) -> None:
    bind(people, "b", "edit", TINA)
    assert people.tina("POST", MAPS, CONFIG_MAP)[0] == 201
    assert people.tina("GET", "/api/v1/namespaces/default/configmaps")[0] == 403
    people.admin("DELETE", f"{RBAC}/namespaces/dev/rolebindings/b")
    assert people.tina("GET", MAPS)[0] == 403


def test_a_service_accounts_token_works_until_the_account_is_gone(people: People) -> None:
    bind(people, "b", "view", {"kind": "ServiceAccount", "name": "user", "namespace": "dev"})
    request = {"spec": {"expirationSeconds": 600}}
    issued = people.admin.must("POST", "/api/v1/namespaces/dev/serviceaccounts/user/token", request)
    account = people.with_token(issued["status"]["token"])
    assert account("GET", MAPS)[0] == 200
    assert account("POST", MAPS, CONFIG_MAP)[0] == 403
    people.admin("DELETE", "/api/v1/namespaces/dev/serviceaccounts/user")
    assert account("GET", MAPS)[0] == 401


def test_a_namespaces_admin_does_not_become_a_clusters(people: People) -> None:
    bind(people, "b", "admin", TINA)
    body = {"metadata": {"name": "more"}, "roleRef": _reference("cluster-admin"), "subjects": [TINA]}
    code, status = people.tina("POST", f"{RBAC}/namespaces/dev/rolebindings", body)
    assert (code, "is attempting to grant RBAC permissions not currently held" in status["message"]) == (403, True)
    view = {"metadata": {"name": "less"}, "roleRef": _reference("view"), "subjects": [TINA]}
    assert people.tina("POST", f"{RBAC}/namespaces/dev/rolebindings", view)[0] == 201


def test_an_admin_acts_as_another(people: People) -> None:
    code, status = people.admin("GET", MAPS, Impersonate_User="tom")
    assert (code, 'User "tom" cannot list' in status["message"]) == (403, True)
    assert people.admin("GET", MAPS, Impersonate_User="tom", Impersonate_Group="system:masters")[0] == 200
    code, status = people.tina("GET", MAPS, Impersonate_User="tom")
    assert (code, 'User "tina" cannot impersonate-on:user-info:list resource "configmaps"' in status["message"]) == (403, True)


def test_a_node_registers_itself_only(people: People) -> None:
    assert people.node("POST", "/api/v1/nodes", {"metadata": {"name": "n1"}})[0] == 201
    code, status = people.node("POST", "/api/v1/nodes", {"metadata": {"name": "n2"}})
    assert (code, status["message"]) == (403, 'nodes "n2" is forbidden: node "n1" is not allowed to modify node "n2"')


def test_nothing_is_created_in_a_namespace_that_is_missing(people: People) -> None:
    code, status = people.admin("POST", "/api/v1/namespaces/gone/configmaps", CONFIG_MAP)
    assert (code, status["message"]) == (404, 'namespaces "gone" not found')


def test_reviews_answer_what_the_pipeline_would(people: People) -> None:
    bind(people, "b", "view", TINA)
    question = {"spec": {"resourceAttributes": {"verb": "get", "resource": "pods", "namespace": "dev"}}}
    answer = people.tina.must("POST", f"{REVIEWS}/selfsubjectaccessreviews", question)
    reason = 'RBAC: allowed by RoleBinding "b/dev" of ClusterRole "view" to User "tina"'
    assert answer["status"] == {"allowed": True, "reason": reason}
    identity = people.tina.must("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", {})
    assert identity["status"]["userInfo"]["groups"] == ["ops", "system:authenticated"]
