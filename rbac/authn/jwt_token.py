"""JSON Web Tokens: taken apart within bounds, their signature verified, their dates checked.

Only asymmetric algorithms exist here, so that nothing public ever serves as a secret; keys come from the issuer's key set alone,
whatever a token's header offers (jwk, jku, x5u, x5c).  Upstream: go-oidc `verify.go`, go-jose.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import orjson
from msgspec import Struct

from cluster.api.field import quoted, quoted_list
from cluster.schema.faults import described
from cluster.schema.parse import MAX_DEPTH
from cluster.schema.scan import syntax_error
from rbac.authn.errors import BadCredentials

ALGORITHMS: Final = ("ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512")
MAX_TOKEN_BYTES: Final = 65536
NOT_BEFORE_LEEWAY: Final = 60.0
"""Seconds that `nbf` may be ahead; `exp` has no leeway."""
_COMPACT: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")
_NUMBER: Final = re.compile(r"-?\d{1,18}(\.\d{1,18})?", re.ASCII)
_GOOGLE: Final = "https://accounts.google.com"
_CURVES: Final = {"ES256": "secp256r1", "ES384": "secp384r1", "ES512": "secp521r1"}

Claims = Mapping[str, Any]


class Key(Struct, frozen=True):
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
    fields = _header_fields(token.split(".")[0])
    algorithm, key_id = fields.get("alg") or "", fields.get("kid") or ""
    for value, what in ((key_id, "key ID"), (algorithm, "algorithm")):
        if not isinstance(value, str):
            fault = f"{wrong_type(value, 'Go value', 'string')}: {quoted(orjson.dumps(value).decode())}"
            raise BadCredentials(f"oidc: malformed jwt: failed to unmarshal {what}: {fault}")
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
            raise _unfit(name, claims[name], "string")
    audiences(claims)
    for name in ("exp", "iat"):
        if name in claims and claims[name] is None:
            raise BadCredentials('oidc: failed to unmarshal claims: strconv.ParseFloat: parsing "": invalid syntax')
    for name in ("exp", "iat", "nbf"):
        seconds(claims, name)
    _check_sources(claims)
    return claims


def audiences(claims: Claims) -> list[str]:
    """Whom a token is for; BadCredentials for what is neither a text nor a list of texts."""
    found = claims.get("aud", [])
    if found is None or isinstance(found, str):
        return [found or ""]
    if not isinstance(found, list):
        raise _unfit("aud", found, "[]string")
    for each in found:
        if not isinstance(each, str):
            raise _unfit("aud", each, "string")
    return found


def check_times(claims: Claims, now: float) -> None:
    """BadCredentials for a token that has expired, or never does, or is not valid yet."""
    expires = seconds(claims, "exp")
    if expires is None or expires < now:
        shown = _shown(expires) if expires is not None else "0001-01-01 00:00:00 +0000 UTC"
        raise BadCredentials(f"oidc: token is expired (Token Expiry: {shown})")
    not_before = seconds(claims, "nbf")
    if not_before is not None and now + NOT_BEFORE_LEEWAY < not_before:
        raise BadCredentials(f"oidc: current time {_shown(now)} before the nbf (not before) time: {_shown(not_before)}")


def wrong_type(value: object, where: str, wanted: str) -> str:
    """What Go's decoder says of a JSON value of another type."""
    return f"json: cannot unmarshal {described(value)} into {where} of type {wanted}"


def seconds(claims: Claims, name: str) -> float | None:
    """A date, in seconds since 1970, cut to whole ones; None where there is none.  BadCredentials for what is no number."""
    value = claims.get(name)
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        value = float(value)
    if value is None:
        return None
    if isinstance(value, str):
        literal = orjson.dumps(value).decode()
        raise BadCredentials(
            f"oidc: failed to unmarshal claims: json: invalid number literal, trying to unmarshal {quoted(literal)} into Number"
        )
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadCredentials(f"oidc: failed to unmarshal claims: {wrong_type(value, 'Go value', 'json.Number')}")
    try:
        return float(int(value))
    except OverflowError:
        raise BadCredentials(f"oidc: failed to unmarshal claims: {name} is out of range") from None


def _check_sources(claims: Claims) -> None:
    """BadCredentials where a token says unclearly which claims are elsewhere."""
    names, sources = claims.get("_claim_names"), claims.get("_claim_sources")
    for field, value, kind in (("_claim_names", names, "map[string]string"), ("_claim_sources", sources, "map[string]oidc.claimSource")):
        if not isinstance(value, dict | None):
            raise _unfit(field, value, kind)
    for source in (names or {}).values():
        if not isinstance(source, str):
            raise _unfit("_claim_names", source, "string")
        if not source:
            raise BadCredentials("oidc: failed to obtain source from claim name")
        if source not in (sources or {}):
            raise BadCredentials("oidc: source does not exist")
    for place in (sources or {}).values():
        if not isinstance(place, dict):
            raise _unfit("_claim_sources", place, "oidc.claimSource")
        for field in ("endpoint", "access_token"):
            if not isinstance(place.get(field, ""), str | None):
                raise _unfit(f"_claim_sources.{field}", place[field], "string")


def _unfit(field: str, value: object, wanted: str) -> BadCredentials:
    return BadCredentials(f"oidc: failed to unmarshal claims: {wrong_type(value, f'Go struct field idToken.{field}', wanted)}")


def _header_fields(segment: str) -> dict[str, Any]:
    """The members of a token's header; BadCredentials."""
    try:
        data = _decode(segment)
        fields = orjson.loads(data)
    except orjson.JSONDecodeError:
        fault = syntax_error(data.decode(errors="replace"), MAX_DEPTH) or "the header is no JSON"
        raise BadCredentials(f"oidc: malformed jwt: {fault}") from None
    except ValueError:
        raise BadCredentials("oidc: malformed jwt: illegal base64 data") from None
    if not isinstance(fields, dict):
        raise BadCredentials(f"oidc: malformed jwt: json: cannot unmarshal {described(fields)} into Go value of type jose.rawHeader")
    return fields


def _shown(seconds: float) -> str:
    try:
        return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%d %H:%M:%S +0000 UTC")
    except (OverflowError, ValueError, OSError):
        return f"{seconds:.0f} s"


def _decode(segment: str) -> bytes:
    """Base64url without padding; ValueError for a length that none has."""
    return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
