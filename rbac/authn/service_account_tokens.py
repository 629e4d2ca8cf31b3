"""Accepts service-account tokens.  A signature is checked once a token; all else that makes a token good is, at every use.

Upstream: `pkg/serviceaccount/jwt.go`.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

import orjson
from msgspec import Struct

from cluster.api.field import quoted, quoted_list
from cluster.api.user import UserInfo
from rbac.authn.errors import BadCredentials
from rbac.authn.keys import KeySource, PublicKey, TokenKeys
from rbac.authn.remarks import annotate
from rbac.lru_cache import LruCache

MAX_TOKEN_BYTES: Final = 16384
_CACHE_SIZE: Final = 8192
_COMPACT: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_BAD_SIGNATURE: Final = "go-jose/go-jose: error in cryptographic primitive"
_BAD_CLAIMS: Final = "service account token claims could not be validated due to unexpected validation error"
_WITHOUT_AUDIENCE: Final = "authentication.k8s.io/legacy-token"


class TokenKind(Protocol):
    def read(self, claims: Mapping[str, Any]) -> Callable[[str], UserInfo]:
        """Given claims whose signature is good: what tells at each use, of the token's text, whose it is, or raises Unauthorized."""
        ...


class _Token(Struct, frozen=True):
    """A token whose signature is good."""

    audiences: tuple[str, ...]
    subject: str
    user: Callable[[str], UserInfo]


class ServiceAccountTokenAuthenticator:
    """Implements TokenAuthenticator for the issuers given, each with the kind of its tokens."""

    def __init__(self, keys: KeySource, kinds: Mapping[str, TokenKind], audiences: Sequence[str]) -> None:
        """`audiences`: those of the API server, which a token without any is good for."""
        self._keys = keys
        self._kinds = dict(kinds)
        self._audiences = tuple(audiences)
        self._verified: LruCache[bytes, _Token] = LruCache(_CACHE_SIZE)
        self._verified_by = keys.current()

    def authenticate_token(self, token: str, audiences: Sequence[str]) -> tuple[UserInfo, tuple[str, ...]] | None:
        """(service account, audiences it is good for); None for a token of another issuer; Unauthorized for a bad one."""
        if len(token) > MAX_TOKEN_BYTES or not token.isascii():
            return None
        keys = self._keys.current()
        if keys is not self._verified_by:
            self._verified = LruCache(_CACHE_SIZE)
            self._verified_by = keys
        digest = hashlib.sha256(token.encode()).digest()
        known = self._verified.get(digest)
        if known is None:
            known = self._verify(token, keys)
            if known is None:
                return None
            self._verified.put(digest, known)
        if not known.audiences:
            annotate(_WITHOUT_AUDIENCE, known.subject)
        wanted = tuple(audiences) or self._audiences
        have = known.audiences or self._audiences
        good_for = have if have == wanted else tuple(each for each in have if each in wanted)
        if not good_for:
            raise BadCredentials(f"token audiences {quoted_list(have)} is invalid for the target audiences {quoted_list(wanted)}")
        return known.user(token), good_for

    def _verify(self, token: str, keys: TokenKeys) -> _Token | None:
        """The token, if one of our keys has signed it; None where it is no token of our issuers."""
        if not _COMPACT.fullmatch(token):
            return None
        header, unverified = (_decoded(part) for part in token.split(".")[:2])
        if header is None or unverified is None or self._kind_of(unverified) is None:
            return None
        key_id = header.get("kid") or ""
        if not isinstance(key_id, str):
            return None
        candidates = keys.candidates(key_id) or self._keys.refreshed().candidates(key_id)
        if not candidates:
            raise BadCredentials("invalid signature, no keys found")
        if "crit" in header:  # there is no extension that we know
            raise BadCredentials(_BAD_SIGNATURE)
        claims = _signed_claims(token, candidates)
        kind = self._kind_of(claims)
        if kind is None:
            raise BadCredentials(f"token issuer {quoted(str(claims.get('iss', '')))} is invalid")
        try:
            user = kind.read(claims)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise BadCredentials(_BAD_CLAIMS) from None
        audiences = claims.get("aud") or ()
        return _Token(
            audiences=(audiences,) if isinstance(audiences, str) else tuple(map(str, audiences)),
            subject=str(claims.get("sub", "")),
            user=user,
        )

    def _kind_of(self, claims: Mapping[str, Any]) -> TokenKind | None:
        """What a token of that issuer is; before the signature was checked, that is but what it claims."""
        issuer = claims.get("iss")
        return self._kinds.get(issuer) if isinstance(issuer, str) else None


def _decoded(part: str) -> Mapping[str, Any] | None:
    """A part of a token, unverified; None where it is no JSON object."""
    try:
        found = orjson.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _signed_claims(token: str, candidates: Sequence[PublicKey]) -> Mapping[str, Any]:
    """The claims that one of the keys has signed.  A key accepts its own algorithm alone, whatever the token names."""
    import jwt

    for key in candidates:
        try:
            payload = jwt.PyJWS().decode(token, key=key.key, algorithms=[key.algorithm])
        except (jwt.PyJWTError, ValueError, RecursionError):
            continue
        claims = orjson.loads(payload)
        if not isinstance(claims, dict):
            raise BadCredentials(_BAD_CLAIMS)
        return claims
    raise BadCredentials(_BAD_SIGNATURE)
