"""Whose credentials these are: the real authenticators' answer, and what each of them had to say."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final, Protocol, runtime_checkable

from msgspec import Struct

from cluster.api.authorization import Authenticator, Credentials, TokenAuthenticator
from cluster.api.errors import Unauthorized
from cluster.api.names import Object
from cluster.api.user import UserInfo
from rbac.authn.build import Authentication
from rbac.reviews.identity import user_info

_CERTIFICATE: Final = re.compile(r"-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----")


@runtime_checkable
class _Several(Protocol):
    @property
    def members(self) -> Sequence[Authenticator | TokenAuthenticator]: ...


class Shown(Struct, frozen=True):
    """The credentials in question, and the URL's path that they are shown at; the certificate in DER."""

    token: str = ""
    certificate: bytes | None = None
    audiences: tuple[str, ...] = ()
    path: str = "/"

    @property
    def credentials(self) -> Credentials:
        return Credentials(self.token or None, self.certificate, self.path)


def read_certificate(pem: str) -> bytes:
    """The first certificate of a PEM text, in DER; ValueError where there is none."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    found = _CERTIFICATE.search(pem)
    if found is None:
        raise ValueError("there is no certificate in it: give it in PEM, without its key")
    try:
        return x509.load_pem_x509_certificate(found[0].encode()).public_bytes(Encoding.DER)
    except ValueError as error:
        raise ValueError(f"the certificate cannot be read: {error}") from None


def who_is(shown: Shown, authentication: Authentication) -> tuple[UserInfo | None, Object]:
    """(the user, None where the credentials are refused; `status.authentication` of an AccessExplanation)."""
    user: UserInfo | None = None
    why = ""
    try:
        if shown.audiences:
            user, _ = authentication.tokens.authenticate_token(shown.token, shown.audiences)
        else:
            user = authentication.authenticator.authenticate(shown.credentials)
    except Unauthorized as error:
        why = str(error)
    attempts = _attempts(shown, authentication)
    status: Object = {"accepted": user is not None, "attempts": attempts}
    if user is None:
        return None, status | {"reason": why}
    accepted = [each["authenticator"] for each in attempts if each["outcome"] == "Accepted"]
    return user, status | ({"authenticator": accepted[0]} if accepted else {}) | {"user": user_info(user)}


def _attempts(shown: Shown, authentication: Authentication) -> list[Object]:
    """What each authenticator says, up to the one that accepts."""
    said: list[Object] = []
    for each in _flattened([authentication.authenticator]):
        name = type(each).__name__.removesuffix("Authenticator")
        outcome, reason = _ask(each, shown)
        said.append({"authenticator": name, "outcome": outcome} | ({"reason": reason} if reason else {}))
        if outcome == "Accepted":
            break
    return [each for each in said if each["outcome"] != "NotItsOwn"] or said


def _flattened(authenticators: Iterable[object]) -> list[object]:
    found: list[object] = []
    for each in authenticators:
        found += _flattened(each.members) if isinstance(each, _Several) else [each]
    return found


def _ask(authenticator: object, shown: Shown) -> tuple[str, str]:
    """(outcome, reason)"""
    try:
        if hasattr(authenticator, "authenticate_token"):
            token: TokenAuthenticator = authenticator
            answer: object = token.authenticate_token(shown.token, shown.audiences) if shown.token else None
        else:
            request: Authenticator = authenticator  # type: ignore[assignment] # a union's members are of either protocol
            answer = request.authenticate(shown.credentials)
    except Unauthorized as error:
        return "Refused", str(error)
    return ("NotItsOwn", "") if answer is None else ("Accepted", "")
