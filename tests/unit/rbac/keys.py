"""Keys and certificates made once a test run."""

from __future__ import annotations

import datetime
import functools
from collections.abc import Sequence

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from rbac.authn.authorities import Authorities
from rbac.authn.keys import PublicKey, TokenKeys, load_public_keys
from rbac.credentials.certificates import issue_client_certificate

DAY = datetime.timedelta(days=1)


def _pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


@functools.cache
def rsa_key(number: int = 0) -> bytes:
    return _pem(rsa.generate_private_key(public_exponent=65537, key_size=2048))


@functools.cache
def ec_key() -> bytes:
    return _pem(ec.generate_private_key(ec.SECP256R1()))


@functools.cache
def authority() -> tuple[bytes, bytes]:
    """A CA's certificate and key, PEM, good for ten days."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test-ca")])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
    builder = builder.not_valid_before(now - 10 * DAY).not_valid_after(now + 10 * DAY)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM), _pem(key)


def der(pem: bytes) -> bytes:
    return x509.load_pem_x509_certificate(pem).public_bytes(serialization.Encoding.DER)


def client_certificate(name: str, *groups: str, lifetime: datetime.timedelta = DAY) -> bytes:
    """A client certificate by the CA, DER."""
    return der(issue_client_certificate(*authority(), name, groups, lifetime)[0])


def certificate(
    *attributes: tuple[x509.ObjectIdentifier, str], usages: list[x509.ObjectIdentifier] | None, names: Sequence[x509.GeneralName] = ()
) -> bytes:
    """A certificate with any subject, alternative names and extended key usages (None: without that extension), DER."""
    ca = serialization.load_pem_private_key(authority()[1], None)
    assert isinstance(ca, ec.EllipticCurvePrivateKey)
    now = datetime.datetime.now(datetime.UTC)
    issuer = x509.load_pem_x509_certificate(authority()[0]).subject
    subject = x509.Name([x509.NameAttribute(oid, value, _validate=False) for oid, value in attributes])
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(ca.public_key()).serial_number(2)
    builder = builder.not_valid_before(now - DAY).not_valid_after(now + DAY)
    if usages is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(ca, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def authorities() -> Authorities:
    """The CA as what authenticators trust."""
    return Authorities.of_pem(authority()[0])


@functools.cache
def token_keys(signing: bytes, *verifying: bytes) -> TokenKeys:
    """Loading a private RSA key, which checks it, takes longer than most tests."""
    public: list[PublicKey] = [key for pem in verifying for key in load_public_keys(pem)]
    return TokenKeys.of(signing, public)


class Keys:
    """A KeySource: one key signs, others verify too; `change` swaps them all at once."""

    def __init__(self, signing: bytes, *verifying: bytes) -> None:
        self.change(signing, *verifying)

    def change(self, signing: bytes, *verifying: bytes) -> None:
        self._keys = token_keys(signing, *verifying)

    def current(self) -> TokenKeys:
        return self._keys

    def refreshed(self) -> TokenKeys:
        return self._keys
