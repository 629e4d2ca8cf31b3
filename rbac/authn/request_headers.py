"""Proxies that have authenticated their own callers name the user in headers.

They are believed only on a connection with a client certificate that the front proxies' CA signed, for a common name that is allowed.
Upstream: apiserver `pkg/authentication/request/headerrequest`, `NewDynamicCAVerifier` in `pkg/authentication/request/x509`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final
from urllib.parse import unquote

from msgspec import Struct

from cluster.api.authorization import Credentials
from cluster.api.user import UserInfo
from rbac.authn.authorities import Authorities, Validity
from rbac.authn.errors import BadCredentials
from rbac.authn.x509 import common_name
from rbac.lru_cache import LruCache

_CACHE_SIZE: Final = 1024
_BROKEN: Final = re.compile(r"%(?![0-9a-fA-F]{2})")


class HeaderNames(Struct, frozen=True):
    """The headers that name a user, in lower case; of names and uids the first header with a value counts."""

    users: tuple[str, ...]
    uids: tuple[str, ...]
    groups: tuple[str, ...]
    extra_prefixes: tuple[str, ...]

    @classmethod
    def of(cls, users: Sequence[str], uids: Sequence[str], groups: Sequence[str], extra_prefixes: Sequence[str]) -> HeaderNames:
        return cls(*(tuple(name.strip().lower() for name in names) for names in (users, uids, groups, extra_prefixes)))


STANDARD: Final = HeaderNames(("x-remote-user",), ("x-remote-uid",), ("x-remote-group",), ("x-remote-extra-",))


class RequestHeaderAuthenticator:
    """Reads the headers of `Credentials` where the certificate is a proxy's."""

    def __init__(
        self, authorities: Authorities, allowed_names: Sequence[str], names: HeaderNames, *, clock: Callable[[], float] = time.time
    ) -> None:
        """`allowed_names`: the proxies' common names; none allows every certificate that the authorities signed."""
        self._authorities = authorities
        self._allowed = frozenset(allowed_names)
        self._names = names
        self._clock = clock
        self._seen: LruCache[bytes, Validity] = LruCache(_CACHE_SIZE)

    def authenticate(self, credentials: Credentials) -> UserInfo | None:
        """The user named; None without a certificate or a name; Unauthorized where the certificate is no proxy's."""
        der = credentials.certificate
        if der is None:
            return None
        validity = self._seen.get(der)
        if validity is None:
            validity = self._read(der)
            self._seen.put(der, validity)
        fault = validity.fault_at(self._clock())
        if fault:
            raise BadCredentials(fault)
        return _user(credentials.headers(), self._names)

    def _read(self, der: bytes) -> Validity:
        from cryptography import x509

        try:
            certificate = x509.load_der_x509_certificate(der)
            validity = self._authorities.validity(certificate)
            name = common_name(certificate)
        except ValueError as error:
            return Validity(fault=f"x509: malformed certificate: {error}")
        if not validity.fault and self._allowed and name not in self._allowed:
            return Validity(fault=f"x509: subject with cn={name} is not in the allowed list")
        return validity


def _user(headers: Mapping[str, Sequence[str]], names: HeaderNames) -> UserInfo | None:
    name = _first(headers, names.users)
    if not name:
        return None
    groups = tuple(value for header in names.groups for value in headers.get(header, ()) if value)
    extra: dict[str, tuple[str, ...]] = {}
    for prefix in names.extra_prefixes:
        for header, values in headers.items():
            if header.startswith(prefix):
                key = extra_key(header.removeprefix(prefix))
                extra[key] = (*extra.get(key, ()), *values)
    return UserInfo(name, _first(headers, names.uids), groups, extra)


def _first(headers: Mapping[str, Sequence[str]], names: Sequence[str]) -> str:
    return next((values[0] for name in names if (values := headers.get(name)) and values[0]), "")


def extra_key(text: str) -> str:
    """A key of extra as headers carry it, percent-encoded where it must be; what is no encoding stands as it is."""
    if _BROKEN.search(text):
        return text
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        return text
