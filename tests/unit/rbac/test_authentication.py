"""Client certificates, and all authenticators as one."""

from __future__ import annotations

import datetime
import hashlib

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from cluster.api.authorization import Credentials
from cluster.api.errors import Unauthorized
from cluster.api.user import UserInfo
from rbac.authn.build import Settings, build_authentication
from rbac.authn.union import UnionAuthenticator
from rbac.authn.users import ANONYMOUS_USER, authenticated
from rbac.authn.x509 import UID_OID, CertificateAuthenticator
from tests.unit.rbac.keys import DAY, Keys, authorities, certificate, client_certificate, ec_key
from tests.unit.rbac.world import World

CN, UID = NameOID.COMMON_NAME, x509.ObjectIdentifier(UID_OID)
CLIENT, SERVER = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH


def everyone(*, anonymous: bool = True) -> UnionAuthenticator:
    """All authenticators of a cluster where nothing is."""
    settings = Settings(
        issuers=("https://issuer",), keys=Keys(ec_key()), client_authorities=authorities(), may_be_anonymous=lambda _path: anonymous
    )
    return build_authentication(settings, World()).authenticator


def test_a_certificate_names_its_user_and_groups() -> None:
    der = client_certificate("tina", "ops", "dev")
    user = CertificateAuthenticator(authorities()).authenticate(Credentials(certificate=der))
    extra = {"authentication.kubernetes.io/credential-id": (f"X509SHA256={hashlib.sha256(der).hexdigest()}",)}
    assert user == UserInfo("tina", "", ("ops", "dev"), extra)


def test_a_certificate_is_parsed_once() -> None:
    authenticator, shown = CertificateAuthenticator(authorities()), Credentials(certificate=client_certificate("tina"))
    assert authenticator.authenticate(shown) is authenticator.authenticate(shown)


@pytest.mark.parametrize("days", [-1, 2], ids=["not yet", "no longer"])
def test_a_certificate_is_good_in_its_time_only_although_it_was_seen_before(days: int) -> None:
    now = datetime.datetime.now(datetime.UTC)
    moment = [now.timestamp()]
    authenticator = CertificateAuthenticator(authorities(), clock=lambda: moment[0])
    shown = Credentials(certificate=client_certificate("tina"))
    assert authenticator.authenticate(shown) is not None
    moment[0] = (now + days * DAY).timestamp()
    with pytest.raises(Unauthorized):
        authenticator.authenticate(shown)


@pytest.mark.parametrize(
    ("attributes", "usages"),
    [
        ([(CN, "tina")], [SERVER]),
        ([(CN, "tina"), (UID, "a"), (UID, "b")], [CLIENT]),
        ([(CN, "tina"), (UID, "")], [CLIENT]),
    ],
    ids=["for servers", "two UIDs", "empty UID"],
)
def test_a_certificate_that_is_not_for_clients_is_refused(
    attributes: list[tuple[x509.ObjectIdentifier, str]], usages: list[x509.ObjectIdentifier]
) -> None:
    authenticator, der = CertificateAuthenticator(authorities()), certificate(*attributes, usages=usages)
    for _ in range(2):
        with pytest.raises(Unauthorized, match=r".") as refusal:
            authenticator.authenticate(Credentials(certificate=der))
        assert refusal.value.message == "Unauthorized"


@pytest.mark.parametrize("usages", [None, [ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE], [SERVER, CLIENT]])
def test_a_certificate_for_any_use_is_good(usages: list[x509.ObjectIdentifier] | None) -> None:
    der = certificate((CN, "tina"), (UID, "7"), usages=usages)
    user = CertificateAuthenticator(authorities()).authenticate(Credentials(certificate=der))
    assert user is not None
    assert (user.name, user.uid) == ("tina", "7")


def test_sloppy_alternative_names_are_nobodys_business() -> None:
    """A client is known by its subject; what a CA wrote beside it need not be well formed."""
    sloppy = [x509.DNSName(""), x509.DNSName("example.com."), x509.RFC822Name._init_without_validation("not-an-email")]
    der = certificate((CN, "sloppy"), usages=[CLIENT], names=sloppy)
    user = CertificateAuthenticator(authorities()).authenticate(Credentials(certificate=der))
    assert user is not None
    assert user.name == "sloppy"


def test_rubbish_is_refused() -> None:
    with pytest.raises(Unauthorized):
        CertificateAuthenticator(authorities()).authenticate(Credentials(certificate=b"rubbish"))


def test_a_certificate_without_a_name_is_nobodys() -> None:
    der = certificate((NameOID.ORGANIZATION_NAME, "ops"), usages=[CLIENT])
    assert everyone().authenticate(Credentials(certificate=der)) is ANONYMOUS_USER


def test_who_shows_nothing_is_anonymous() -> None:
    assert everyone().authenticate(Credentials()) == UserInfo("system:anonymous", groups=("system:unauthenticated",))


def test_who_shows_nothing_is_refused_where_nobody_is_anonymous() -> None:
    with pytest.raises(Unauthorized):
        everyone(anonymous=False).authenticate(Credentials())


def test_a_bad_token_is_refused() -> None:
    with pytest.raises(Unauthorized):
        everyone().authenticate(Credentials(bearer_token="abc"))


def test_a_good_certificate_beats_a_bad_token() -> None:
    shown = Credentials(bearer_token="abc", certificate=client_certificate("tina"))
    user = everyone().authenticate(shown)
    assert (user.name, user.groups) == ("tina", ("system:authenticated",))


def test_a_bad_certificate_is_refused_without_a_token() -> None:
    with pytest.raises(Unauthorized):
        everyone().authenticate(Credentials(certificate=certificate((CN, "tina"), usages=[SERVER])))


@pytest.mark.parametrize(
    ("user", "groups"),
    [
        (UserInfo("tina"), ("system:authenticated",)),
        (UserInfo("tina", groups=("system:authenticated",)), ("system:authenticated",)),
        (UserInfo("tina", groups=("system:unauthenticated",)), ("system:unauthenticated",)),
        (UserInfo("system:anonymous"), ()),
    ],
)
def test_who_belongs_to_the_authenticated(user: UserInfo, groups: tuple[str, ...]) -> None:
    assert authenticated(user).groups == groups
