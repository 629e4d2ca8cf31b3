"""Makes a certificate of a request: what it forwards, what it leaves out, and how long it is good for.

Upstream: `pkg/controller/certificates/authority/{authority,policies}.go`, `signer/ca_provider.go`; the extensions are those that
Go's `crypto/x509` writes.
"""

from __future__ import annotations

import datetime
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import Struct

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

BACKDATE: Final = datetime.timedelta(minutes=5)
SHORT: Final = datetime.timedelta(hours=8)
"""What is shorter than this is not shortened by what it is backdated."""
LEAST: Final = datetime.timedelta(minutes=10)
_KEY_USAGES: Final = {
    "signing": 0,
    "digital signature": 0,
    "content commitment": 1,
    "key encipherment": 2,
    "data encipherment": 3,
    "key agreement": 4,
    "cert sign": 5,
    "crl sign": 6,
    "encipher only": 7,
    "decipher only": 8,
}
"""A usage to its bit (RFC 5280, 4.2.1.3)."""
_EXTENDED_USAGES: Final = {
    "any": "2.5.29.37.0",
    "server auth": "1.3.6.1.5.5.7.3.1",
    "client auth": "1.3.6.1.5.5.7.3.2",
    "code signing": "1.3.6.1.5.5.7.3.3",
    "email protection": "1.3.6.1.5.5.7.3.4",
    "s/mime": "1.3.6.1.5.5.7.3.4",
    "ipsec end system": "1.3.6.1.5.5.7.3.5",
    "ipsec tunnel": "1.3.6.1.5.5.7.3.6",
    "ipsec user": "1.3.6.1.5.5.7.3.7",
    "timestamping": "1.3.6.1.5.5.7.3.8",
    "ocsp signing": "1.3.6.1.5.5.7.3.9",
    "microsoft sgc": "1.3.6.1.4.1.311.10.3.3",
    "netscape sgc": "2.16.840.1.113730.4.1",
}
"""A usage to its extended key usage, in the order in which they are written."""
_SUBJECT: Final = ("2.5.4.6", "2.5.4.10", "2.5.4.11", "2.5.4.7", "2.5.4.8", "2.5.4.9", "2.5.4.17", "2.5.4.3", "2.5.4.5")
"""What of a subject reaches the certificate, in order: country, organizations, units, locality, province, street, postal code,
common name, serial number.  Anything else could claim what nobody has looked at, such as a user's uid."""
_SINGLE: Final = ("2.5.4.3", "2.5.4.5")


class CannotSign(Exception):
    """The CA cannot be used, or not for this request; the text says why."""


class Authority(Struct, frozen=True):
    """A CA's certificate and the key that belongs to it."""

    certificate: x509.Certificate
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

    @classmethod
    def load(cls, certificate: Path, key: Path) -> Authority:
        """Read anew whenever something is signed, so that a CA that is replaced counts at once.  CannotSign."""
        from cryptography import x509
        from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        try:
            found = x509.load_pem_x509_certificates(certificate.read_bytes())
        except (OSError, ValueError) as error:
            raise CannotSign(f'error reading CA cert file "{certificate}": {error}') from error
        if len(found) != 1:
            raise CannotSign(f'error reading CA cert file "{certificate}": expected 1 certificate, found {len(found)}')
        try:
            private = load_pem_private_key(key.read_bytes(), None)
        except (OSError, ValueError, TypeError) as error:
            raise CannotSign(f'error reading CA key file "{key}": {error}') from error
        if not isinstance(private, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey):
            raise CannotSign(f'error reading CA key file "{key}": use an RSA, EC or Ed25519 key')
        return cls(found[0], private)


def lifetime(requested: int | None, longest: datetime.timedelta) -> datetime.timedelta:
    """What `spec.expirationSeconds` gets: no more than the longest, no less than ten minutes."""
    if requested is None:
        return longest
    asked = datetime.timedelta(seconds=requested)
    return longest if asked > longest else max(asked, LEAST)


def sign(
    authority: Authority,
    request: x509.CertificateSigningRequest,
    usages: Sequence[str],
    lasting: datetime.timedelta,
    now: datetime.datetime,
) -> bytes:
    """The certificate, PEM.  CannotSign for a request that its key did not sign, an unknown usage, or a CA that has expired."""
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import Encoding

    try:
        valid = request.is_signature_valid
        public = request.public_key()
    except (UnsupportedAlgorithm, ValueError) as error:
        raise CannotSign(f"unable to verify certificate request signature: {error}") from error
    if not valid:
        raise CannotSign("unable to verify certificate request signature: x509: signature verification failed")
    start, end = _validity(authority.certificate.not_valid_after_utc, lasting, now)
    subject = _subject(request.subject)
    try:
        builder = (
            x509.CertificateBuilder(subject_name=subject, issuer_name=authority.certificate.subject)
            .public_key(public)
            .serial_number(1 + secrets.randbelow((1 << 128) - 1))
            .not_valid_before(start)
            .not_valid_after(end)
        )
        for extension, critical in _extensions(authority, request, usages, not subject.rdns):
            builder = builder.add_extension(extension, critical)
        return builder.sign(authority.key, _hash(authority)).public_bytes(Encoding.PEM)
    except (TypeError, ValueError) as error:
        raise CannotSign(f"failed to sign certificate: {error}") from error


def _validity(
    authority_ends: datetime.datetime, lasting: datetime.timedelta, now: datetime.datetime
) -> tuple[datetime.datetime, datetime.datetime]:
    start = now - BACKDATE
    end = min(now + lasting if lasting < SHORT else start + lasting, authority_ends)
    if start >= authority_ends:
        raise CannotSign(f"the signer has expired: NotAfter={authority_ends}")
    if now >= authority_ends:
        raise CannotSign(f"refusing to sign a certificate that expired in the past: NotAfter={authority_ends}")
    return start, end


def _subject(asked: x509.Name) -> x509.Name:
    """The attributes that are forwarded, those of one type together in one relative name."""
    from cryptography import x509

    relative = []
    for oid in _SUBJECT:
        attributes = [each for each in asked if each.oid.dotted_string == oid and isinstance(each.value, str)]
        attributes = attributes[-1:] if oid in _SINGLE else attributes
        if attributes:
            relative.append(x509.RelativeDistinguishedName(dict.fromkeys(attributes)))
    return x509.Name(relative)


def _extensions(
    authority: Authority, request: x509.CertificateSigningRequest, usages: Sequence[str], nameless: bool
) -> list[tuple[x509.ExtensionType, bool]]:
    """(extension, whether it is critical); of what the request asks for only its names count."""
    from cryptography import x509
    from cryptography.x509.oid import ExtensionOID

    unknown = [each for each in usages if each not in _KEY_USAGES and each not in _EXTENDED_USAGES]
    if unknown:
        shown = " ".join(f'"{each}"' for each in unknown)
        raise CannotSign(f"unrecognized usage values: [{shown}]")
    found: list[tuple[x509.ExtensionType, bool]] = []
    bits = {_KEY_USAGES[each] for each in usages if each in _KEY_USAGES}
    if bits:
        found.append((x509.UnrecognizedExtension(ExtensionOID.KEY_USAGE, _bit_string(bits)), True))
    extended = dict.fromkeys(oid for usage, oid in _EXTENDED_USAGES.items() if usage in usages)
    if extended:
        found.append((x509.ExtendedKeyUsage([x509.ObjectIdentifier(oid) for oid in extended]), False))
    found.append((x509.BasicConstraints(ca=False, path_length=None), True))
    try:
        own = authority.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        found.append((x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own), False))
    except x509.ExtensionNotFound:
        pass  # a CA that does not name its key is found by its subject
    names = _alternative_names(request)
    if names:
        found.append((x509.SubjectAlternativeName(names), nameless))
    return found


def _bit_string(bits: set[int]) -> bytes:
    """DER.  Not `x509.KeyUsage`, which knows no `encipher only` without `key agreement`."""
    length = max(bits) // 8 + 1
    value = sum(1 << (8 * length - 1 - bit) for bit in bits)
    return bytes([3, length + 1, 8 * length - 1 - max(bits)]) + value.to_bytes(length, "big")


def _alternative_names(request: x509.CertificateSigningRequest) -> list[x509.GeneralName]:
    """The DNS names, mail and IP addresses and URIs, in that order."""
    from cryptography import x509

    try:
        asked = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    kinds = (x509.DNSName, x509.RFC822Name, x509.IPAddress, x509.UniformResourceIdentifier)
    return [each for kind in kinds for each in asked if isinstance(each, kind)]


def _hash(authority: Authority) -> hashes.SHA256 | hashes.SHA384 | hashes.SHA512 | None:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519

    key = authority.key
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return None
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.key_size > 256:
        return hashes.SHA384() if key.curve.key_size <= 384 else hashes.SHA512()
    return hashes.SHA256()
