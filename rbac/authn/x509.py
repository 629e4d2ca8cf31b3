"""Client certificates: the common name is the user, the organizations are the groups.

One that names the record of its issue (a URI among its alternative names) is good only as long as that record vouches for it.
Upstream: apiserver `pkg/authentication/request/x509/x509.go`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from cluster.api.authorization import Credentials
from cluster.api.user import UserInfo
from rbac.authn.authorities import Authorities, Validity
from rbac.authn.errors import BadCredentials
from rbac.credentials.check import CredentialCheck
from rbac.credentials.reference import CREDENTIAL_ID, EXTRA, URI_SCHEME, Reference
from rbac.lru_cache import LruCache

if TYPE_CHECKING:
    from cryptography import x509

UID_OID: Final = "1.3.6.1.4.1.57683.2"
_CACHE_SIZE: Final = 4096


class _Certificate(Struct, frozen=True):
    """What a certificate says; `user` is None for one without a common name."""

    validity: Validity
    user: UserInfo | None = None
    issued_as: Reference | None = None
    credential_id: str = ""


class CertificateAuthenticator:
    """Reads `Credentials.certificate`.  Who signed it is found out once a certificate, whether it is good now at each use."""

    def __init__(
        self, authorities: Authorities, credentials: CredentialCheck | None = None, *, clock: Callable[[], float] = time.time
    ) -> None:
        """Without a check of issued credentials, none of those is good."""
        self._authorities = authorities
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
            certificate = self._read(der)
            self._seen.put(der, certificate)
        fault = certificate.validity.fault_at(self._clock())
        if fault:
            raise BadCredentials(fault)
        if certificate.issued_as is not None:
            if self._credentials is None:
                raise BadCredentials("issued kubeconfigs are not accepted here")
            self._credentials.check(certificate.issued_as, certificate.credential_id)
        return certificate.user

    def _read(self, der: bytes) -> _Certificate:
        from cryptography import x509

        try:
            certificate = x509.load_der_x509_certificate(der)
            validity = self._authorities.validity(certificate)
            name = common_name(certificate)
            if validity.fault or not name:
                return _Certificate(validity)
            return _certificate(certificate, validity, name, der)
        except ValueError as error:
            return _Certificate(Validity(fault=f"x509: malformed certificate: {error}"))


def common_name(certificate: x509.Certificate) -> str:
    """The last common name of the subject, as Go has it; empty where there is none."""
    from cryptography.x509.oid import NameOID

    return (_texts(certificate, NameOID.COMMON_NAME) or [""])[-1]


def _certificate(certificate: x509.Certificate, validity: Validity, name: str, der: bytes) -> _Certificate:
    """ValueError where it cannot be read."""
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    uids = _texts(certificate, x509.ObjectIdentifier(UID_OID))
    if len(uids) > 1:
        return _Certificate(Validity(fault=f"expected 1 UID, but found multiple: [{' '.join(uids)}]"))
    if uids == [""]:
        return _Certificate(Validity(fault="UID cannot be an empty string"))
    issued_as = _issued_as(certificate)
    import hashlib  # where nobody has a certificate, it need not be loaded

    credential_id = f"X509SHA256={hashlib.sha256(der).hexdigest()}"
    extra = {CREDENTIAL_ID: (credential_id,)} | ({EXTRA: (str(issued_as),)} if issued_as else {})
    groups = tuple(_texts(certificate, NameOID.ORGANIZATION_NAME))
    return _Certificate(validity, UserInfo(name, uids[0] if uids else "", groups, extra), issued_as, credential_id)


def _texts(certificate: x509.Certificate, oid: x509.ObjectIdentifier) -> list[str]:
    values = [attribute.value for attribute in certificate.subject.get_attributes_for_oid(oid)]
    return [value if isinstance(value, str) else value.decode() for value in values]


def _issued_as(certificate: x509.Certificate) -> Reference | None:
    """The record that a certificate names; ValueError for more than one, or for what names none."""
    from cryptography import x509

    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return None
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    ours = [each.removeprefix(URI_SCHEME) for each in uris if each.startswith(URI_SCHEME)]
    if len(ours) > 1:
        raise ValueError("it names several kubeconfigs")
    return Reference.parse(ours[0]) if ours else None
