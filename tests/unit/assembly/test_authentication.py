"""Which options of authentication can be, and what is made of them."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from msgspec.structs import replace

from cluster.api.authorization import Credentials
from cluster.api.errors import Unauthorized
from cluster.assembly import pki
from cluster.assembly.authentication import authentication, check_authentication, front_proxy_trust, token_keys, token_signer
from cluster.assembly.config import Config, Home
from cluster.assembly.options import AuthenticationOptions, AuthorizationOptions
from cluster.client.callers import Callers
from cluster.registry.trust import combined_trust
from rbac.authn.union import UnionAuthenticator
from tests.unit.rbac.world import World

LIMIT = "--service-account-max-token-expiration must be between 1 hour and 2^32 seconds"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Config:
    made = Config(Home(tmp_path_factory.mktemp("authentication")))
    pki.ensure(made)
    return made


def changed(base: Config, **options: Any) -> Config:
    return replace(base, authentication=AuthenticationOptions(**options))


def everyone(config: Config) -> UnionAuthenticator:
    return authentication(config, World(), token_signer(config), Callers(), lambda _secret, _key, _value: None).authenticator


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"service_account_issuer": ("https://a", "https://a")}, "--service-account-issuer names an issuer twice"),
        ({"service_account_issuer": ("a:b",)}, '--service-account-issuer "a:b" contains a ":", so it must be a URL'),
        ({"service_account_jwks_uri": "http://x"}, '--service-account-jwks-uri "http://x" must be an https URL'),
        (
            {"authentication_token_webhook_version": "v2"},
            '--authentication-token-webhook-version "v2" is unknown: choose one of v1, v1beta1',
        ),
        (
            {"service_account_max_token_expiration": 3599.0},
            "--service-account-max-token-expiration must be between 1 hour and 2^32 seconds",
        ),
        (
            {"service_account_max_token_expiration": 2.0**32 + 1},
            "--service-account-max-token-expiration must be between 1 hour and 2^32 seconds",
        ),
        ({"requestheader_username_headers": (" ",)}, "--requestheader-username-headers has an empty name"),
        (
            {"requestheader_extra_headers_prefix": ("X_E-",)},
            '--requestheader-extra-headers-prefix: headers with "_" are never read, use "-"',
        ),
        ({"requestheader_uid_headers": ("X-Uid",)}, "--requestheader-uid-headers must have the standard X-Remote-Uid among them"),
        ({"authentication_token_webhook_config_file": "/none"}, "[Errno 2] No such file or directory: '/none'"),
    ],
)
def test_options_that_cannot_be_are_refused_before_a_cluster_starts(base: Config, options: dict[str, Any], why: str) -> None:
    with pytest.raises((ValueError, OSError)) as refusal:
        check_authentication(changed(base, **options))
    assert str(refusal.value) == why


def test_the_clients_ca_is_no_front_proxies_ca_unless_proxies_are_named(base: Config) -> None:
    own = str(base.home.certificate("ca"))
    check_authentication(changed(base, requestheader_client_ca_file=own))
    with pytest.raises(
        ValueError, match=r"^the front proxies' CA is also the clients' CA: --requestheader-allowed-names must say who is a proxy$"
    ):
        check_authentication(changed(base, requestheader_client_ca_file=own, requestheader_allowed_names=()))


def test_the_options_that_there_are_can_be(base: Config, caplog: pytest.LogCaptureFixture) -> None:
    check_authentication(base)
    check_authentication(changed(base, requestheader_uid_headers=(), requestheader_allowed_names=()))
    assert not caplog.records
    check_authentication(changed(base, service_account_max_token_expiration=7200.0))
    assert "--service-account-extend-token-expiration=false ends that" in caplog.text


def test_keys_of_ones_own_take_the_place_of_the_clusters(base: Config, tmp_path: Path) -> None:
    other = Config(Home(tmp_path))
    pki.ensure(other)
    own, theirs = token_keys(base).current().public[0], token_keys(other).current().public[0]
    added = changed(base, service_account_key_file=(str(other.home.pki / "sa.pub"),))
    assert token_keys(added).current().public == (own, theirs)
    signing = changed(base, service_account_signing_key_file=str(other.home.key("sa")))
    assert token_keys(signing).current().public == (theirs,)
    both = replace(signing.authentication, service_account_key_file=(str(base.home.pki / "sa.pub"),))
    assert token_keys(replace(base, authentication=both)).current().public == (theirs, own)


@pytest.mark.parametrize("mode", ["RBAC", "AlwaysAllow"])
def test_strangers_are_not_almighty(base: Config, mode: str, caplog: pytest.LogCaptureFixture) -> None:
    judge = everyone(replace(base, authorization=AuthorizationOptions(authorization_mode=("Node", mode))))
    if mode == "RBAC":
        assert judge.authenticate(Credentials()).name == "system:anonymous"
        return
    with caplog.at_level(logging.WARNING), pytest.raises(Unauthorized):
        judge.authenticate(Credentials())
    assert "nobody is anonymous where the authorizer is AlwaysAllow" in caplog.text


def test_nobody_is_anonymous_where_the_flag_says_so(base: Config) -> None:
    with pytest.raises(Unauthorized):
        everyone(changed(base, anonymous_auth=False)).authenticate(Credentials())


@pytest.mark.parametrize(("headers", "uid"), [((), ""), (("X-Remote-Uid",), "test-uid"), (("X-My-Uid", "X-Remote-Uid"), "mine")])
def test_a_front_proxy_tells_the_uid_where_a_header_is_named_for_it(base: Config, headers: tuple[str, ...], uid: str) -> None:
    proxy = x509.load_pem_x509_certificate(base.home.certificate("front-proxy-client").read_bytes()).public_bytes(Encoding.DER)
    sent = {"x-remote-user": ["testuser"], "x-remote-group": ["group1", "group2"], "x-remote-uid": ["test-uid"], "x-my-uid": ["mine"]}
    found = everyone(changed(base, requestheader_uid_headers=headers)).authenticate(Credentials(certificate=proxy, headers=lambda: sent))
    assert (found.name, found.uid, found.groups) == ("testuser", uid, ("group1", "group2", "system:authenticated"))


def trust(data: Mapping[str, str] | None) -> dict[str, Any]:
    return {"metadata": {"name": "extension-apiserver-authentication"}, **({"data": data} if data is not None else {})}


def test_what_others_have_written_of_trust_stays(base: Config, tmp_path: Path) -> None:
    other = Config(Home(tmp_path))
    pki.ensure(other)
    data = {"client-ca-file": base.home.certificate("ca").read_text(), **front_proxy_trust(base)}
    assert combined_trust(None, trust(data)) == trust(data)
    assert combined_trust(trust(data), trust(data)) is None
    assert combined_trust(trust(None), trust(data)) == trust(data)
    broken = dict.fromkeys(data, "{")
    assert combined_trust(trust(broken), trust(data)) == trust(data)
    theirs = {"client-ca-file": other.home.certificate("ca").read_text(), "requestheader-group-headers": '["X-G",5]', "note": "kept"}
    united = combined_trust(trust(theirs), trust(data))
    assert united is not None
    assert united["data"]["client-ca-file"] == theirs["client-ca-file"] + data["client-ca-file"]
    assert json.loads(united["data"]["requestheader-group-headers"]) == ["X-G", "X-Remote-Group"]
    assert combined_trust(united, trust(data)) is None


def test_no_uid_headers_are_told_where_there_are_none(base: Config) -> None:
    assert "requestheader-uid-headers" not in front_proxy_trust(changed(base, requestheader_uid_headers=()))
