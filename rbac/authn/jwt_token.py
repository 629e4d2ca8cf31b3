"""JSON Web Tokens: taken apart within bounds, their signature verified, their dates checked.

Only asymmetric algorithms exist here, so that nothing public ever serves as a secret; keys come from the issuer's key set alone,
whatever a token's header offers (jwk, jku, x5u, x5c).  Upstream: go-oidc `verify.go`, go-jose.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from cluster.schema.faults import described
from rbac.authn.errors import BadCredentials
from rbac.quoting import quoted, quoted_list

ALGORITHMS: Final = ("ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512")
MAX_TOKEN_BYTES: Final = 65536
NOT_BEFORE_LEEWAY: Final = 60.0
"""Seconds that `nbf` may be ahead; `exp` has no leeway."""
_COMPACT: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")
_GOOGLE: Final = "https://accounts.google.com"
_CURVES: Final = {"ES256": "secp256r1", "ES384": "secp384r1", "ES512": "secp521r1"}

Claims = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Key:
    """A public key of an issuer's key set."""

    key: Any
    key_id: str
    family: str
    """`RSA` or the name of an elliptic curve."""

    def fits(self, algorithm: str) -> bool:
        return self.family == _CURVES.get(algorithm, "RSA")


def unverified_issuer(token: str) -> str | None:
    """Whom a compact token claims to be of; None for what is no token.  To be trusted only once the signature is good."""
    if len(token) > MAX_TOKEN_BYTES or not _COMPACT.fullmatch(token):
        return None
    try:
        claims = orjson.loads(_decode(token.split(".")[1]))
    except ValueError:
        return None
    issuer = claims.get("iss") if isinstance(claims, dict) else None
    if not isinstance(issuer, str):
        return None
    return _GOOGLE if issuer == "accounts.google.com" else issuer


def header(token: str) -> tuple[str, str]:
    """(algorithm, key ID or "") of a compact token; BadCredentials where it is malformed or its algorithm is not allowed."""
    try:
        fields = orjson.loads(_decode(token.split(".")[0]))
    except ValueError:
        raise BadCredentials("oidc: malformed jwt: the header is no JSON") from None
    if not isinstance(fields, dict):
        raise BadCredentials("oidc: malformed jwt: the header is no object")
    algorithm, key_id = fields.get("alg"), fields.get("kid", "")
    if not isinstance(algorithm, str) or not isinstance(key_id, str):
        raise BadCredentials("oidc: malformed jwt: alg and kid must be strings")
    if algorithm not in ALGORITHMS:
        expected = quoted_list(ALGORITHMS)
        raise BadCredentials(f"oidc: id token signed with unsupported algorithm, expected {expected} got {quoted(algorithm)}")
    if "crit" in fields or "b64" in fields:
        raise BadCredentials("failed to verify signature: failed to verify id token signature")
    return algorithm, key_id


def verified_payload(token: str, algorithm: str, key_id: str, keys: Sequence[Key]) -> bytes | None:
    """The payload, if one of the keys has signed it: that of the token's key ID, or any where the token names none."""
    import jwt

    for key in keys:
        if (key_id and key.key_id != key_id) or not key.fits(algorithm):
            continue
        try:
            payload: bytes = jwt.PyJWS().decode(token, key=key.key, algorithms=[algorithm])
        except (jwt.PyJWTError, ValueError, TypeError):
            continue
        return payload
    return None


def parse_claims(payload: bytes) -> dict[str, Any]:
    """The claims of a verified payload, those that everyone must be able to read checked; BadCredentials."""
    try:
        claims = orjson.loads(payload)
    except ValueError as error:
        raise BadCredentials(f"oidc: failed to unmarshal claims: {error}") from None
    if not isinstance(claims, dict):
        raise BadCredentials(
            f"oidc: failed to unmarshal claims: json: cannot unmarshal {described(claims)} into Go value of type oidc.idToken"
        )
    for name in ("iss", "sub", "nonce", "at_hash"):
        if not isinstance(claims.get(name, ""), str | None):
            raise BadCredentials(
                f"oidc: failed to unmarshal claims: {wrong_type(claims[name], f'Go struct field idToken.{name}', 'string')}"
            )
    audiences(claims)
    for name in ("exp", "iat", "nbf"):
        _seconds(claims, name)
    return claims


def audiences(claims: Claims) -> list[str]:
    """Whom a token is for; BadCredentials for what is neither a text nor a list of texts."""
    found = claims.get("aud")
    if found is None or isinstance(found, str):
        return [found or ""] if found is not None else []
    if isinstance(found, list) and all(isinstance(each, str) for each in found):
        return found
    raise BadCredentials("oidc: failed to unmarshal claims: the audience is neither a string nor a list of strings")


def check_times(claims: Claims, now: float) -> None:
    """BadCredentials for a token that has expired, or never does, or is not valid yet."""
    expires = _seconds(claims, "exp") or 0.0
    if expires < now:
        raise BadCredentials(f"oidc: token is expired (Token Expiry: {_shown(expires)})")
    not_before = _seconds(claims, "nbf")
    if not_before is not None and now + NOT_BEFORE_LEEWAY < not_before:
        raise BadCredentials(f"oidc: current time {_shown(now)} before the nbf (not before) time: {_shown(not_before)}")


def wrong_type(value: object, where: str, wanted: str) -> str:
    """What Go's decoder says of a JSON value of another type."""
    return f"json: cannot unmarshal {described(value)} into {where} of type {wanted}"


def _seconds(claims: Claims, name: str) -> float | None:
    """A date, in seconds since 1970, cut to whole ones; None where there is none."""
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadCredentials(f"oidc: failed to unmarshal claims: {wrong_type(value, 'Go value', 'json.Number')}")
    return float(int(value))


def _shown(seconds: float) -> str:
    try:
        return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%d %H:%M:%S +0000 UTC")
    except (OverflowError, ValueError, OSError):
        return f"{seconds:.0f} s"


def _decode(segment: str) -> bytes:
    """Base64url without padding; ValueError for a length that none has."""
    return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
