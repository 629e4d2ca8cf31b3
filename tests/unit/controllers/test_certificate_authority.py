"""What is in a certificate, and how long it is good for."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID

from cluster.controllers.certificates.authority import Authority, CannotSign, lifetime, sign
from tests.unit.controllers.signing_requests import DNS, IP, MAIL, NOW, URI, pkcs10

HOUR, DAY, MINUTE = datetime.timedelta(hours=1), datetime.timedelta(days=1), datetime.timedelta(minutes=1)
Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


def authority(key: Key | None = None, ends: datetime.datetime = NOW + 30 * DAY, *, named_key: bool = True) -> Authority:
    key = key or ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ca")])
    builder = x509.CertificateBuilder(name, name).public_key(key.public_key()).serial_number(7)
    builder = builder.not_valid_before(NOW - 300 * DAY).not_valid_after(ends)
    if named_key:
        builder = builder.add_extension(x509.SubjectKeyIdentifier(b"key-of-the-ca"), critical=False)
    return Authority(builder.sign(key, None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()), key)


AUTHORITY = authority()


def made(
    request: x509.CertificateSigningRequest, usages: Sequence[str] = ("client auth",), lasting: datetime.timedelta = DAY
) -> x509.Certificate:
    return x509.load_pem_x509_certificate(sign(AUTHORITY, request, usages, lasting, NOW))


def test_a_certificate_is_the_ca_s_for_the_key_that_asked() -> None:
    request = pkcs10("jane", ["dev"])
    certificate = made(request)
    certificate.verify_directly_issued_by(AUTHORITY.certificate)
    assert certificate.public_key() == request.public_key()


@pytest.mark.parametrize(
    ("lasting", "ends"),
    [
        (DAY, DAY - 5 * MINUTE),
        (8 * HOUR, 8 * HOUR - 5 * MINUTE),
        (8 * HOUR - MINUTE, 8 * HOUR - MINUTE),
        (10 * MINUTE, 10 * MINUTE),
        (400 * DAY, 30 * DAY),
    ],
)
def test_it_is_backdated_never_outlives_the_ca_and_keeps_a_short_life_whole(lasting: datetime.timedelta, ends: datetime.timedelta) -> None:
    certificate = made(pkcs10(), lasting=lasting)
    assert (certificate.not_valid_before_utc - NOW, certificate.not_valid_after_utc - NOW) == (-5 * MINUTE, ends)


@pytest.mark.parametrize(
    ("asked", "given"),
    [(None, DAY), (86400, DAY), (172800, DAY), (7200, 2 * HOUR), (600, 10 * MINUTE), (599, 10 * MINUTE), (-1, 10 * MINUTE)],
)
def test_a_request_gets_the_time_it_asks_for_within_bounds(asked: int | None, given: datetime.timedelta) -> None:
    assert lifetime(asked, DAY) == given


@pytest.mark.parametrize(
    ("ends", "why"),
    [
        (NOW - HOUR, "the signer has expired: NotAfter="),
        (NOW - MINUTE, "refusing to sign a certificate that expired in the past: NotAfter="),
    ],
)
def test_a_ca_that_has_expired_signs_nothing(ends: datetime.datetime, why: str) -> None:
    with pytest.raises(CannotSign, match=why):
        sign(authority(ends=ends), pkcs10(), ["client auth"], HOUR, NOW)


def _bits(certificate: x509.Certificate) -> set[str]:
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    names = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
    )
    found = {name for name in names if getattr(usage, name)}
    return found | ({"decipher_only"} if usage.key_agreement and usage.decipher_only else set())


@pytest.mark.parametrize(
    ("usages", "bits"),
    [
        (["signing"], {"digital_signature"}),
        (["digital signature", "signing"], {"digital_signature"}),
        (["content commitment", "data encipherment"], {"content_commitment", "data_encipherment"}),
        (["key encipherment", "cert sign", "crl sign"], {"key_encipherment", "key_cert_sign", "crl_sign"}),
        (["key agreement", "decipher only"], {"key_agreement", "decipher_only"}),
    ],
)
def test_key_usages(usages: list[str], bits: set[str]) -> None:
    certificate = made(pkcs10(), usages)
    assert _bits(certificate) == bits
    assert certificate.extensions.get_extension_for_class(x509.KeyUsage).critical


def test_encipher_only_needs_nothing_beside_it() -> None:
    assert b"\x06\x03\x55\x1d\x0f\x01\x01\xff\x04\x04\x03\x02\x00\x01" in made(pkcs10(), ["encipher only"]).public_bytes(
        serialization.Encoding.DER
    )


def test_extended_usages_are_in_order_and_once() -> None:
    usages = ["netscape sgc", "s/mime", "client auth", "email protection", "server auth", "any"]
    found = made(pkcs10(), usages).extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    expected = ["2.5.29.37.0", "1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2", "1.3.6.1.5.5.7.3.4", "2.16.840.1.113730.4.1"]
    assert ([each.dotted_string for each in found.value], found.critical) == (expected, False)


def test_usages_that_nobody_knows_are_refused() -> None:
    with pytest.raises(CannotSign, match='unrecognized usage values: \\["fly" "swim"\\]'):
        made(pkcs10(), ["fly", "client auth", "swim"])


def test_names_are_forwarded_and_nothing_else_that_was_asked_for() -> None:
    other = x509.DirectoryName(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "other")]))
    certificate = made(pkcs10(names=[URI, other, IP, MAIL, DNS]))
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert (list(names.value), names.critical) == ([DNS, MAIL, IP, URI], False)
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    assert (constraints.value.ca, constraints.critical) == (False, True)


def test_a_certificate_without_a_subject_has_critical_names() -> None:
    certificate = made(pkcs10("", [], names=[DNS]))
    assert certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).critical
    assert not certificate.subject.rdns


def test_a_uid_or_a_second_common_name_does_not_reach_the_certificate() -> None:
    uid, serial, country = ("1.3.6.1.4.1.57683.2", "root"), ("2.5.4.5", "12"), ("2.5.4.6", "NO")
    certificate = made(pkcs10("first", ["b", "a", "b"], more=[uid, ("2.5.4.3", "jane"), serial, country]))
    assert certificate.subject.rfc4514_string() in ("2.5.4.5=12,CN=jane,O=a+O=b,C=NO", "2.5.4.5=12,CN=jane,O=b+O=a,C=NO")


def test_the_ca_s_key_is_named_where_the_ca_names_it() -> None:
    found = made(pkcs10()).extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    assert found.key_identifier == b"key-of-the-ca"
    without = x509.load_pem_x509_certificate(sign(authority(named_key=False), pkcs10(), ["client auth"], DAY, NOW))
    with pytest.raises(x509.ExtensionNotFound):
        without.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier)


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (rsa.generate_private_key(65537, 2048), "sha256"),
        (ec.generate_private_key(ec.SECP384R1()), "sha384"),
        (ec.generate_private_key(ec.SECP521R1()), "sha512"),
        (ed25519.Ed25519PrivateKey.generate(), None),
    ],
    ids=["rsa", "p384", "p521", "ed25519"],
)
def test_every_kind_of_ca_signs(key: Key, algorithm: str | None) -> None:
    ca = authority(key)
    certificate = x509.load_pem_x509_certificate(sign(ca, pkcs10(), ["client auth"], DAY, NOW))
    certificate.verify_directly_issued_by(ca.certificate)
    found = certificate.signature_hash_algorithm
    assert (found.name if found else None) == algorithm


def test_a_request_that_another_key_signed_is_refused() -> None:
    der = bytearray(pkcs10().public_bytes(serialization.Encoding.DER))
    der[-1] ^= 1
    with pytest.raises(CannotSign, match="unable to verify certificate request signature"):
        made(x509.load_der_x509_csr(bytes(der)))


def _files(folder: Path, certificates: int = 1, key: str = "") -> tuple[Path, Path]:
    ca, private = folder / "ca.crt", folder / "ca.key"
    ca.write_bytes(AUTHORITY.certificate.public_bytes(serialization.Encoding.PEM) * certificates)
    encoded = AUTHORITY.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    private.write_bytes(key.encode() or encoded)
    return ca, private


def test_a_ca_is_read_from_its_files(tmp_path: Path) -> None:
    assert Authority.load(*_files(tmp_path)).certificate == AUTHORITY.certificate


@pytest.mark.parametrize(
    ("certificates", "key", "why"),
    [(2, "", "expected 1 certificate, found 2"), (0, "", "error reading CA cert file"), (1, "none", "error reading CA key file")],
)
def test_files_that_are_no_ca_are_named(tmp_path: Path, certificates: int, key: str, why: str) -> None:
    with pytest.raises(CannotSign, match=why):
        Authority.load(*_files(tmp_path, certificates, key))
