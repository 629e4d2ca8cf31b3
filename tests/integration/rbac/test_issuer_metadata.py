"""What a server publishes of the tokens that it issues suffices to verify them; what it did not issue so, or no more, is nobody's."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import urlsplit

import jwt
import pytest

from cluster.assembly.authentication import token_signer
from tests.support import Answer, ApiServer

WELL_KNOWN = "/.well-known/openid-configuration"


@pytest.fixture(name="account", scope="module")
def account_fixture(api_server: ApiServer) -> str:
    """The path of a service account."""
    return f"/api/v1/namespaces/{api_server.namespace()}/serviceaccounts/default"


def token_of(api_server: ApiServer, account: str) -> str:
    answer = api_server.request("POST", f"{account}/token", {"spec": {}})
    assert answer.code == 201, answer.body
    token: str = answer.body["status"]["token"]
    return token


def reviewed(api_server: ApiServer, token: str) -> dict[str, Any]:
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": token}}
    found: dict[str, Any] = api_server.request("POST", "/apis/authentication.k8s.io/v1/tokenreviews", body).body["status"]
    return found


def kept_by_caches(answer: Answer) -> tuple[int, str]:
    return answer.code, answer.headers["Cache-Control"]


def test_a_token_is_verified_by_what_is_published(api_server: ApiServer, account: str) -> None:
    document = api_server.request("GET", WELL_KNOWN)
    assert (kept_by_caches(document), document.headers["Content-Type"]) == ((200, "public, max-age=3600"), "application/json")
    where = urlsplit(document.body["jwks_uri"])
    assert (where.scheme, where.port) == ("https", api_server.config.port)
    published = api_server.request("GET", where.path)
    assert (kept_by_caches(published), published.headers["Content-Type"]) == ((200, "public, max-age=3600"), "application/jwk-set+json")
    token = token_of(api_server, account)
    keys = jwt.PyJWKSet.from_dict(published.body)
    key = keys[jwt.get_unverified_header(token)["kid"]]
    algorithms = document.body["id_token_signing_alg_values_supported"]
    claims = jwt.decode(token, key, algorithms, issuer=document.body["issuer"], audience=document.body["issuer"])
    assert claims["sub"] == f"system:serviceaccount:{account.split('/')[4]}:default"


@pytest.mark.parametrize("path", [WELL_KNOWN, "/openid/v1/jwks"])
def test_who_has_not_shown_who_they_are_does_not_read_it(api_server: ApiServer, account: str, path: str) -> None:
    bearer = {"Authorization": f"Bearer {token_of(api_server, account)}"}
    codes = [api_server.request("GET", path, identity="", headers=headers).code for headers in ({}, bearer)]
    assert codes == [403, 200]


def test_of_a_token_for_an_account_alone_nothing_more_is_told(api_server: ApiServer, account: str) -> None:
    user = reviewed(api_server, token_of(api_server, account))["user"]
    assert list(user["extra"]) == ["authentication.kubernetes.io/credential-id"]


def test_a_token_of_the_clusters_own_key_ends_with_its_time(api_server: ApiServer, account: str) -> None:
    claims = jwt.decode(token_of(api_server, account), options={"verify_signature": False})
    keys, now = token_signer(api_server.config).keys.current(), int(time.time())

    def until(end: int) -> dict[str, Any]:
        changed = claims | {"iat": end - 3600, "nbf": end - 3600, "exp": end}
        public = keys.public[0]
        return reviewed(api_server, jwt.encode(changed, keys.signing, public.algorithm, headers={"kid": public.key_id}))

    assert until(now + 60)["authenticated"] is True
    assert until(now - 3600) == {"user": {}, "error": "[invalid bearer token, service account token has expired]"}
