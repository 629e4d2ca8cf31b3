"""Which authority signed a client certificate, and whether that may.

TLS has verified that one of the CAs that the server trusts for any purpose signed what the peer shows.  For which purpose is judged
here: the cluster's CA makes users, the front proxies' CA makes proxies, and neither makes the other's.
Upstream: Go's `crypto/x509`, `(*Certificate).Verify` for client authentication.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

from msgspec import Struct

if TYPE_CHECKING:
    from cryptography import x509

_UNKNOWN = "x509: certificate signed by unknown authority"
_USAGE = "x509: certificate specifies an incompatible key usage"


class Validity(Struct, frozen=True):
    """When a certificate is good: from and until, in epoch seconds; never, where there is a `fault`."""

    not_before: float = 0.0
    not_after: float = 0.0
    fault: str = ""

    def fault_at(self, now: float) -> str:
        """Why it is not good at that time; empty where it is."""
        if self.fault:
            return self.fault
        if now < self.not_before:
            return _out_of_time(now, "before", self.not_before)
        return _out_of_time(now, "after", self.not_after) if now > self.not_after else ""


class Authorities:
    """The certificates of CAs, each an anchor of trust."""

    def __init__(self, certificates: tuple[x509.Certificate, ...]) -> None:
        self._certificates = certificates

    @classmethod
    def of_pem(cls, pem: bytes) -> Self:
        """ValueError for PEM without certificates."""
        from cryptography import x509

        return cls(tuple(x509.load_pem_x509_certificates(pem)))

    def shared(self, other: Authorities) -> bool:
        """Whether a certificate is among both."""
        return not set(self._certificates).isdisjoint(other._certificates)

    def validity(self, certificate: x509.Certificate) -> Validity:
        """When the certificate is good for a client: within its own time and that of the CA which signed it."""
        authority = next((each for each in self._certificates if _has_signed(each, certificate)), None)
        fault = _UNKNOWN if authority is None else ""
        if authority is not None and not (_for_clients(certificate) and _for_clients(authority)):
            fault = _USAGE
        if authority is None or fault:
            return Validity(fault=f"verifying certificate {_identifier(certificate)} failed: {fault}")
        return Validity(
            max(certificate.not_valid_before_utc, authority.not_valid_before_utc).timestamp(),
            min(certificate.not_valid_after_utc, authority.not_valid_after_utc).timestamp(),
        )


def _has_signed(authority: x509.Certificate, certificate: x509.Certificate) -> bool:
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    extensions = authority.extensions
    try:
        if not extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
            return False
    except x509.ExtensionNotFound:
        return False
    try:
        return extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    except x509.ExtensionNotFound:
        return True


def _for_clients(certificate: x509.Certificate) -> bool:
    """Whether the extended key usages, if there are any, have client authentication among them."""
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID

    try:
        usages = set(certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    except x509.ExtensionNotFound:
        return True
    return not usages.isdisjoint((ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE))


def _identifier(certificate: x509.Certificate) -> str:
    from cryptography import x509

    subject = authority = b""
    for extension in certificate.extensions:
        if isinstance(extension.value, x509.SubjectKeyIdentifier):
            subject = extension.value.digest
        elif isinstance(extension.value, x509.AuthorityKeyIdentifier):
            authority = extension.value.key_identifier or b""
    return f"SN={certificate.serial_number}, SKID={subject.hex(':').upper()}, AKID={authority.hex(':').upper()}"


def _out_of_time(now: float, relation: str, limit: float) -> str:
    shown = [datetime.fromtimestamp(int(moment), UTC).strftime("%Y-%m-%dT%H:%M:%SZ") for moment in (now, limit)]
    return f"x509: certificate has expired or is not yet valid: current time {shown[0]} is {relation} {shown[1]}"
