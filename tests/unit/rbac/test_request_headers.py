"""Front proxies, and whose certificate is whose."""

from __future__ import annotations

import datetime
import functools
from collections.abc import Callable

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from cluster.api.authorization import Credentials
from cluster.api.errors import Unauthorized
from cluster.api.user import UserInfo
from rbac.authn.authorities import Authorities
from rbac.authn.build import FrontProxies, Settings, build_authentication
from rbac.authn.request_headers import STANDARD, HeaderNames, RequestHeaderAuthenticator, extra_key
from rbac.authn.union import UnionAuthenticator
from rbac.authn.x509 import CertificateAuthenticator
from rbac.credentials.certificates import issue_client_certificate
from tests.unit.rbac.keys import DAY, Keys, authorities, authority, certificate, client_certificate, der, ec_key
from tests.unit.rbac.world import World

HEADERS = {
    "x-remote-user": ["tina"],
    "x-remote-uid": ["7"],
    "x-remote-group": ["ops", "a,b", ""],
    "x-remote-extra-acme.io%2fproject": ["p1", "p2"],
    "x-remote-users": ["mallory"],
}
TINA = UserInfo("tina", "7", ("ops", "a,b"), {"acme.io/project": ("p1", "p2")})
UNKNOWN = "x509: certificate signed by unknown authority"


@functools.cache
def proxies_authority() -> tuple[bytes, bytes]:
    return made_authority("front-proxy-ca")


def made_authority(
    name: str,
    change: Callable[[x509.CertificateBuilder], x509.CertificateBuilder] = lambda builder: builder,
    *,
    ca: bool = True,
    days: int = 10,
) -> tuple[bytes, bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key()).serial_number(1)
    builder = builder.not_valid_before(now - 10 * DAY).not_valid_after(now + days * DAY)
    builder = change(builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True))
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM), private


def proxy(name: str = "front-proxy-client", *groups: str, by: tuple[bytes, bytes] | None = None) -> bytes:
    return der(issue_client_certificate(*(by or proxies_authority()), name, groups, DAY)[0])


def authenticator(*allowed: str, names: HeaderNames = STANDARD) -> RequestHeaderAuthenticator:
    return RequestHeaderAuthenticator(Authorities.of_pem(proxies_authority()[0]), allowed, names)


def shown(certificate: bytes | None, headers: dict[str, list[str]] | None = None) -> Credentials:
    return Credentials(certificate=certificate, headers=lambda: HEADERS if headers is None else headers)


def everyone() -> UnionAuthenticator:
    front = FrontProxies(Authorities.of_pem(proxies_authority()[0]), ("front-proxy-client",), STANDARD)
    settings = Settings(issuers=("https://issuer",), keys=Keys(ec_key()), client_authorities=authorities(), front_proxies=front)
    return build_authentication(settings, World()).authenticator


def test_a_front_proxy_names_the_user() -> None:
    assert authenticator("other", "front-proxy-client").authenticate(shown(proxy())) == TINA


def test_what_no_header_is_configured_for_is_not_read() -> None:
    names = HeaderNames.of(["X-Remote-User"], [], [], [])
    assert authenticator(names=names).authenticate(shown(proxy())) == UserInfo(TINA.name)


def test_every_certificate_of_the_authority_is_a_proxys_where_no_names_are_given() -> None:
    assert authenticator().authenticate(shown(proxy("anything"))) == TINA


@pytest.mark.parametrize("headers", [{}, {"x-remote-group": ["system:masters"]}, {"x-remote-user": [""]}])
def test_a_proxy_that_names_nobody_is_nobody(headers: dict[str, list[str]]) -> None:
    assert authenticator().authenticate(shown(proxy(), headers)) is None


def test_the_first_header_with_a_value_names_the_user() -> None:
    names = HeaderNames.of([" X-One ", "X-Two"], [], ["X-G1", "X-G2"], ["X-E-", "X-F-"])
    headers = {"x-one": [""], "x-two": ["b", "c"], "x-g2": ["2"], "x-g1": ["1"], "x-f-k": ["f"], "x-e-k": ["e"], "x-remote-uid": ["7"]}
    user = authenticator(names=names).authenticate(shown(proxy(), headers))
    assert user == UserInfo("b", "", ("1", "2"), {"k": ("e", "f")})


@pytest.mark.parametrize(("text", "key"), [("a%2fb", "a/b"), ("a%zzb%2f", "a%zzb%2f"), ("%ff", "%ff"), ("a+b", "a+b")])
def test_keys_of_extra_are_decoded_if_they_can_be(text: str, key: str) -> None:
    assert extra_key(text) == key


def test_a_proxy_whose_name_is_not_allowed_is_refused() -> None:
    with pytest.raises(Unauthorized) as refusal:
        authenticator("front-proxy-client").authenticate(shown(proxy("eve")))
    assert str(refusal.value) == "x509: subject with cn=eve is not in the allowed list"


def test_headers_without_a_certificate_are_worth_nothing() -> None:
    assert authenticator().authenticate(shown(None)) is None
    assert everyone().authenticate(shown(None)).name == "system:anonymous"


def test_a_users_certificate_does_not_make_a_proxy() -> None:
    """Not even with the proxy's name: another authority signed it.  It authenticates as itself, whatever the headers say."""
    user = everyone().authenticate(shown(client_certificate("front-proxy-client", "ops")))
    assert (user.name, user.uid, user.groups) == ("front-proxy-client", "", ("ops", "system:authenticated"))


def test_a_proxys_certificate_does_not_make_a_user() -> None:
    with pytest.raises(Unauthorized, match=UNKNOWN):
        everyone().authenticate(shown(proxy("front-proxy-client", "system:masters"), {}))
    with pytest.raises(Unauthorized, match=UNKNOWN):
        everyone().authenticate(shown(proxy("kubernetes-admin", "system:masters")))


def test_a_namesake_of_an_authority_is_none() -> None:
    forged = client_by(made_authority("test-ca"))
    with pytest.raises(Unauthorized, match=UNKNOWN):
        CertificateAuthenticator(authorities()).authenticate(shown(forged))


def client_by(by: tuple[bytes, bytes]) -> bytes:
    return der(issue_client_certificate(*by, "tina", (), DAY)[0])


def no_signing(builder: x509.CertificateBuilder) -> x509.CertificateBuilder:
    names = "content_commitment key_encipherment data_encipherment key_agreement crl_sign encipher_only decipher_only"
    usage = dict.fromkeys(names.split(), False)
    return builder.add_extension(x509.KeyUsage(digital_signature=True, key_cert_sign=False, **usage), critical=True)


def for_servers(builder: x509.CertificateBuilder) -> x509.CertificateBuilder:
    return builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)


@pytest.mark.parametrize(
    ("by", "why"),
    [
        (made_authority("a", ca=False), UNKNOWN),
        (made_authority("a", no_signing), UNKNOWN),
        (made_authority("a", for_servers), "x509: certificate specifies an incompatible key usage"),
    ],
    ids=["it is no CA", "its key signs no certificates", "it signs for servers"],
)
def test_what_an_authority_may_not_sign(by: tuple[bytes, bytes], why: str) -> None:
    with pytest.raises(Unauthorized, match=why):
        CertificateAuthenticator(Authorities.of_pem(by[0])).authenticate(shown(client_by(by)))


def test_a_certificate_is_good_no_longer_than_its_authority() -> None:
    ca = made_authority("short", days=1)
    now = datetime.datetime.now(datetime.UTC)
    moment = [now.timestamp()]
    judge = CertificateAuthenticator(Authorities.of_pem(ca[0]), clock=lambda: moment[0])
    assert judge.authenticate(shown(client_by(ca))) is not None
    moment[0] = (now + 1.5 * DAY).timestamp()
    with pytest.raises(Unauthorized, match=r"^x509: certificate has expired or is not yet valid: current time \S+Z is after \S+Z$"):
        judge.authenticate(shown(client_by(ca)))


def test_one_of_several_authorities_suffices() -> None:
    both = Authorities.of_pem(made_authority("other")[0] + authority()[0])
    assert CertificateAuthenticator(both).authenticate(shown(client_certificate("tina"))) is not None


def test_the_refusal_names_the_certificate() -> None:
    with pytest.raises(Unauthorized) as refusal:
        CertificateAuthenticator(authorities()).authenticate(
            shown(certificate((NameOID.COMMON_NAME, "x"), usages=[ExtendedKeyUsageOID.SERVER_AUTH]))
        )
    assert str(refusal.value) == "verifying certificate SN=2, SKID=, AKID= failed: x509: certificate specifies an incompatible key usage"


def test_what_was_seen_of_proxies_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rbac.authn.request_headers._CACHE_SIZE", 2)
    judge = authenticator()
    for number in range(4):
        assert judge.authenticate(shown(proxy(f"p{number}"))) == TINA
    assert len(judge._seen) == 2
