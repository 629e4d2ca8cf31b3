"""Service-account tokens: issued bound and expiring, accepted only while what they are bound to exists.

Upstream: `pkg/serviceaccount/claims.go` and `jwt.go`.
"""

from __future__ import annotations

import hashlib
import re
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson

from cluster.api.names import GroupResource, Object
from cluster.api.protocols import Reader
from cluster.api.user import UserInfo, service_account_groups, service_account_name
from rbac.authn.cache import LruCache
from rbac.authn.errors import BadCredentials
from rbac.authn.keys import PublicKey, discovery_document, key_set, load_public_keys
from rbac.quoting import quoted, quoted_list

LEEWAY: Final = 60.0
"""Seconds that clocks may differ by, and that a deleted object's tokens live on."""
MAX_TOKEN_BYTES: Final = 16384
_CACHE_SIZE: Final = 8192
_COMPACT: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_PREFIX: Final = "authentication.kubernetes.io/"
SERVICE_ACCOUNTS: Final = GroupResource("", "serviceaccounts")
_BOUND: Final = {"secret": GroupResource("", "secrets"), "pod": GroupResource("", "pods"), "node": GroupResource("", "nodes")}


class TokenSigner:
    """Signs tokens with the cluster's service-account key (RS256, or ES256 and the like, by the kind of key)."""

    def __init__(
        self, private_key_pem: bytes, issuer: str, audiences: Sequence[str] = (), *, clock: Callable[[], float] = time.time
    ) -> None:
        self.issuer = issuer
        self.audiences = tuple(audiences) or (issuer,)
        self._pem = private_key_pem
        self._clock = clock
        self._key: Any = None
        self._public: list[PublicKey] = []

    @property
    def public_keys(self) -> list[PublicKey]:
        """The keys that verify what this signs."""
        if not self._public:
            self._public = load_public_keys(self._pem)
        return self._public

    def key_set(self) -> Object:
        return key_set(self.public_keys)

    def discovery_document(self, jwks_uri: str) -> Object:
        return discovery_document(self.issuer, jwks_uri, self.public_keys)

    def issue(
        self,
        service_account: Object,
        *,
        lifetime: int,
        audiences: Sequence[str] = (),
        pod: Object | None = None,
        secret: Object | None = None,
        node: Object | None = None,
        warn_after: int = 0,
    ) -> str:
        """A token for the service account that expires after `lifetime` seconds, bound to the objects given.

        A token is bound to a pod (and says its node), to a secret, or to a node.  `warn_after` seconds: stale from then on.
        """
        import jwt

        if self._key is None:
            from cryptography.hazmat.primitives.serialization import load_pem_private_key

            self._key = load_pem_private_key(self._pem, None)
        claims = self._claims(service_account, lifetime, audiences or self.audiences, {"pod": pod, "secret": secret, "node": node})
        if warn_after:
            claims["kubernetes.io"]["warnafter"] = claims["iat"] + warn_after
        public = self.public_keys[0]
        return jwt.encode(claims, self._key, algorithm=public.algorithm, headers={"kid": public.key_id, "typ": None})

    def _claims(
        self, service_account: Object, lifetime: int, audiences: Sequence[str], bound: Mapping[str, Object | None]
    ) -> dict[str, Any]:
        now = int(self._clock())
        metadata = service_account["metadata"]
        namespace, name = metadata["namespace"], metadata["name"]
        private: Object = {"namespace": namespace}
        for kind in ("node", "pod", "secret"):
            target = bound[kind]
            if target is not None:
                private[kind] = _reference(target["metadata"])
        private["serviceaccount"] = _reference(metadata)
        return {
            "aud": list(audiences),
            "exp": now + lifetime,
            "iat": now,
            "iss": self.issuer,
            "jti": str(uuid.uuid4()),
            "kubernetes.io": private,
            "nbf": now,
            "sub": service_account_name(namespace, name),
        }


def _reference(metadata: Object) -> Object:
    reference = {"name": metadata["name"]}
    if metadata.get("uid"):
        reference["uid"] = metadata["uid"]
    return reference


@dataclass(frozen=True, slots=True)
class _Claims:
    """The claims of a token whose signature and issuer are good."""

    audiences: tuple[str, ...]
    expires: float | None
    not_before: float | None
    issued_at: float | None
    namespace: str
    name: str
    uid: str
    bound: Mapping[str, tuple[str, str]]
    user: UserInfo


class ServiceAccountTokenAuthenticator:
    """Accepts tokens of one issuer.  The signature is checked once a token; times and live objects at every use."""

    def __init__(
        self,
        public_keys: Sequence[PublicKey],
        issuer: str,
        audiences: Sequence[str],
        reader: Reader,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._keys = tuple(public_keys)
        self._issuer = issuer
        self._audiences = tuple(audiences) or (issuer,)
        self._reader = reader
        self._clock = clock
        self._verified: LruCache[bytes, _Claims] = LruCache(_CACHE_SIZE)

    def authenticate_token(self, token: str, audiences: Sequence[str]) -> tuple[UserInfo, tuple[str, ...]] | None:
        """(service account, audiences it is good for); None for a token of another issuer; Unauthorized for a bad one."""
        digest = hashlib.sha256(token.encode()).digest()
        claims = self._verified.get(digest)
        if claims is None:
            claims = self._verify(token)
            if claims is None:
                return None
            self._verified.put(digest, claims)
        wanted = tuple(audiences) or self._audiences
        have = claims.audiences or self._audiences
        good_for = have if have == wanted else tuple(each for each in have if each in wanted)
        if not good_for:
            raise BadCredentials(f"token audiences {quoted_list(have)} is invalid for the target audiences {quoted_list(wanted)}")
        self._check_times(claims)
        self._check_objects(claims)
        return claims.user, good_for

    def _verify(self, token: str) -> _Claims | None:
        """The claims of a token that one of our keys has signed; None where it is no token of our issuer."""
        if len(token) > MAX_TOKEN_BYTES or not _COMPACT.fullmatch(token) or self._issuer_of(token) != self._issuer:
            return None
        import jwt

        try:
            key_id = jwt.get_unverified_header(token).get("kid")
        except (jwt.PyJWTError, RecursionError, ValueError):
            return None
        candidates = [key for key in self._keys if not key_id or key.key_id == key_id]
        if not candidates:
            raise BadCredentials("invalid signature, no keys found")
        unchecked: Any = {f"verify_{claim}": False for claim in ("exp", "nbf", "iat", "aud", "iss", "sub", "jti")}
        why = ""
        for key in candidates:
            try:
                return _claims(jwt.decode(token, key=key.key, algorithms=[key.algorithm], options=unchecked))
            except jwt.PyJWTError as error:
                why = str(error)
            except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
                raise BadCredentials("service account token claims could not be validated due to unexpected validation error") from None
        raise BadCredentials(why)

    @staticmethod
    def _issuer_of(token: str) -> object:
        """The issuer that an unverified token claims; to be trusted only once its signature is good."""
        import base64

        payload = token.split(".")[1]
        try:
            claims = orjson.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        except ValueError:
            return None
        return claims.get("iss") if isinstance(claims, dict) else None

    def _check_times(self, claims: _Claims) -> None:
        now = self._clock()
        if claims.not_before is not None and now + LEEWAY < claims.not_before:
            raise BadCredentials("service account token is not valid yet")
        if claims.expires is not None and now - LEEWAY > claims.expires:
            raise BadCredentials("service account token has expired")
        if claims.issued_at is not None and now + LEEWAY < claims.issued_at:
            raise BadCredentials("service account token is issued in the future")

    def _check_objects(self, claims: _Claims) -> None:
        namespace, name = claims.namespace, claims.name
        account = self._reader.get(SERVICE_ACCOUNTS, namespace, name)
        if account is None:
            raise BadCredentials(f"serviceaccounts {quoted(name)} not found")
        metadata = account["metadata"]
        if metadata.get("uid", "") != claims.uid:
            raise BadCredentials(f"service account UID ({metadata.get('uid', '')}) does not match claim ({claims.uid})")
        if self._long_deleted(metadata):
            raise BadCredentials(f"service account {namespace}/{name} has been deleted")
        for kind, (bound_name, uid) in claims.bound.items():
            bound = self._reader.get(_BOUND[kind], "" if kind == "node" else namespace, bound_name)
            if bound is None:
                raise BadCredentials("service account token has been invalidated")
            if bound["metadata"].get("uid", "") != uid:
                shown = f"{kind.capitalize() if kind != 'secret' else kind} UID ({bound['metadata'].get('uid', '')})"
                raise BadCredentials(f"{shown} does not match service account {kind} ref claim ({uid})")
            if self._long_deleted(bound["metadata"]):
                raise BadCredentials("service account token has been invalidated")

    def _long_deleted(self, metadata: Object) -> bool:
        deleted = metadata.get("deletionTimestamp")
        return deleted is not None and datetime.fromisoformat(deleted).timestamp() < self._clock() - LEEWAY


def _claims(claims: Mapping[str, Any]) -> _Claims:
    """KeyError, TypeError or the like where the claims are not as we write them."""
    private = claims["kubernetes.io"]
    account = private["serviceaccount"]
    references = {kind: (private[kind]["name"], private[kind].get("uid", "")) for kind in _BOUND if private.get(kind)}
    namespace, name, uid = private["namespace"], account["name"], account["uid"]
    if not all(isinstance(each, str) and each for each in (namespace, name, uid)):
        raise ValueError("service account reference is incomplete")
    extra: dict[str, tuple[str, ...]] = {}
    if claims.get("jti"):
        extra[_PREFIX + "credential-id"] = (f"JTI={claims['jti']}",)
    for kind in ("pod", "node"):
        if kind in references:
            extra[f"{_PREFIX}{kind}-name"] = (references[kind][0],)
            if references[kind][1] or kind == "pod":
                extra[f"{_PREFIX}{kind}-uid"] = (references[kind][1],)
    if "pod" in references:
        references.pop("node", None)  # what the token says of its pod's node informs, it does not bind
    audiences = claims.get("aud") or ()
    return _Claims(
        audiences=(audiences,) if isinstance(audiences, str) else tuple(map(str, audiences)),
        expires=_seconds(claims.get("exp")),
        not_before=_seconds(claims.get("nbf")),
        issued_at=_seconds(claims.get("iat")),
        namespace=namespace,
        name=name,
        uid=uid,
        bound=references,
        user=UserInfo(service_account_name(namespace, name), uid, service_account_groups(namespace), extra),
    )


def _seconds(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError("a date is a number of seconds")
    return float(value)
