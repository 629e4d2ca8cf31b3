"""Client certificates: the common name is the user, the organizations are the groups.

One that names the record of its issue (a URI among its alternative names) is good only as long as that record vouches for it.
Upstream: apiserver `pkg/authentication/request/x509/x509.go`.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from cluster.api.authorization import Credentials
from cluster.api.user import UserInfo
from rbac.authn.cache import LruCache
from rbac.authn.errors import BadCredentials
from rbac.credentials.check import CredentialCheck
from rbac.credentials.reference import CREDENTIAL_ID, EXTRA, URI_SCHEME, Reference

UID_OID: Final = "1.3.6.1.4.1.57683.2"
_CACHE_SIZE: Final = 4096


@dataclass(frozen=True, slots=True)
class _Certificate:
    """What a certificate says; `user` is None for one without a common name, `fault` says why one is never good."""

    user: UserInfo | None
    not_before: float
    not_after: float
    fault: str = ""
    issued_as: Reference | None = None
    credential_id: str = ""


class CertificateAuthenticator:
    """Reads `Credentials.certificate`, whose chain TLS has verified; usage and validity are checked here, at each use."""

    name: Final = "X509"

    def __init__(self, credentials: CredentialCheck | None = None, *, clock: Callable[[], float] = time.time) -> None:
        """Without a check of issued credentials, none of those is good."""
        self._credentials = credentials
        self._clock = clock
        self._seen: LruCache[bytes, _Certificate] = LruCache(_CACHE_SIZE)

    def authenticate(self, credentials: Credentials) -> UserInfo | None:
        """The certificate's user; None without a certificate or common name; Unauthorized for one that is not good now."""
        der = credentials.certificate
        if der is None:
            return None
        certificate = self._seen.get(der)
        if certificate is None:
            certificate = _parse(der)
            self._seen.put(der, certificate)
        if certificate.fault:
            raise BadCredentials(certificate.fault)
        if not certificate.not_before <= self._clock() <= certificate.not_after:
            raise BadCredentials("x509: certificate has expired or is not yet valid")
        if certificate.issued_as is not None:
            if self._credentials is None:
                raise BadCredentials("issued kubeconfigs are not accepted here")
            self._credentials.check(certificate.issued_as, certificate.credential_id)
        return certificate.user


def _parse(der: bytes) -> _Certificate:
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    try:
        certificate = x509.load_der_x509_certificate(der)
        not_before, not_after = certificate.not_valid_before_utc.timestamp(), certificate.not_valid_after_utc.timestamp()
        names = [
            _texts(certificate.subject, oid) for oid in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME, x509.ObjectIdentifier(UID_OID))
        ]
        extension = _extension(certificate)
        issued_as = _issued_as(certificate)
    except ValueError as error:
        return _Certificate(None, 0, 0, f"x509: malformed certificate: {error}")
    common_names, organizations, uids = names
    if extension is not None and not {ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE} & set(extension):
        return _Certificate(None, not_before, not_after, "x509: certificate specifies an incompatible key usage")
    if not common_names or not common_names[-1]:
        return _Certificate(None, not_before, not_after)
    if len(uids) > 1:
        return _Certificate(None, not_before, not_after, f"expected 1 UID, but found multiple: [{' '.join(uids)}]")
    if uids == [""]:
        return _Certificate(None, not_before, not_after, "UID cannot be an empty string")
    credential_id = f"X509SHA256={hashlib.sha256(der).hexdigest()}"
    extra = {CREDENTIAL_ID: (credential_id,)} | ({EXTRA: (str(issued_as),)} if issued_as else {})
    user = UserInfo(name=common_names[-1], uid=uids[0] if uids else "", groups=tuple(organizations), extra=extra)
    return _Certificate(user, not_before, not_after, issued_as=issued_as, credential_id=credential_id)


def _texts(subject: object, oid: object) -> list[str]:
    from cryptography import x509

    assert isinstance(subject, x509.Name)
    assert isinstance(oid, x509.ObjectIdentifier)
    values = [attribute.value for attribute in subject.get_attributes_for_oid(oid)]
    return [value if isinstance(value, str) else value.decode() for value in values]


def _extension(certificate: object) -> list[object] | None:
    """The extended key usages; None where the certificate does not restrict them."""
    from cryptography import x509

    assert isinstance(certificate, x509.Certificate)
    try:
        return list(certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    except x509.ExtensionNotFound:
        return None


def _issued_as(certificate: object) -> Reference | None:
    """The record that a certificate names; ValueError for more than one, or for what names none."""
    from cryptography import x509

    assert isinstance(certificate, x509.Certificate)
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return None
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    ours = [each.removeprefix(URI_SCHEME) for each in uris if each.startswith(URI_SCHEME)]
    if len(ours) > 1:
        raise ValueError("it names several kubeconfigs")
    return Reference.parse(ours[0]) if ours else None
