"""Bound service-account tokens: accepted within their time, while all that they are bound to exists.

Upstream: `pkg/serviceaccount/claims.go`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from msgspec import Struct

from cluster.api.field import quoted
from cluster.api.meta import parse_time
from cluster.api.names import GroupResource, Object
from cluster.api.protocols import Reader
from cluster.api.user import UserInfo, service_account_groups, service_account_name
from rbac.authn.errors import BadCredentials
from rbac.authn.remarks import annotate
from rbac.authn.service_accounts import SECRETS, SERVICE_ACCOUNTS
from rbac.credentials.check import CredentialCheck
from rbac.credentials.reference import CLAIM, CREDENTIAL_ID, EXTRA, Reference

LEEWAY: Final = 60.0
"""Seconds that clocks may differ by, and that a deleted object's tokens live on."""
_PREFIX: Final = "authentication.kubernetes.io/"
_BOUND: Final = {"secret": SECRETS, "pod": GroupResource("", "pods"), "node": GroupResource("", "nodes")}
_STALE: Final = "authentication.k8s.io/stale-token"


class _Claims(Struct, frozen=True):
    """The claims of a token whose signature and issuer are good."""

    expires: float | None
    not_before: float | None
    issued_at: float | None
    stale_from: float
    subject: str
    namespace: str
    name: str
    uid: str
    bound: Mapping[str, tuple[str, str]]
    issued_as: Reference | None
    credential_id: str
    user: UserInfo


class BoundTokens:
    """What tokens of the configured issuers are, and whether they are good now."""

    def __init__(self, reader: Reader, credentials: CredentialCheck, *, clock: Callable[[], float] = time.time) -> None:
        self._reader = reader
        self._credentials = credentials
        self._clock = clock

    def read(self, claims: Mapping[str, Any]) -> Callable[[str], UserInfo]:
        """Given verified claims: what tells, at each use of the token, whose it is.

        KeyError, TypeError, ValueError or AttributeError where the claims are not as `TokenSigner` writes them.
        """
        known = _read(claims)
        return lambda _token: self._user(known)

    def _user(self, claims: _Claims) -> UserInfo:
        now = self._clock()
        _check_times(claims, now)
        self._check_objects(claims, now)
        if claims.issued_as is not None:
            self._credentials.check(claims.issued_as, claims.credential_id)
        if claims.stale_from and now > claims.stale_from:
            late = int(now) - int(claims.stale_from)
            annotate(_STALE, f"subject: {claims.subject}, seconds after warning threshold: {late}")
        return claims.user

    def _check_objects(self, claims: _Claims, now: float) -> None:
        namespace, name = claims.namespace, claims.name
        account = self._reader.get(SERVICE_ACCOUNTS, namespace, name)
        if account is None:
            raise BadCredentials(f"serviceaccounts {quoted(name)} not found")
        metadata = account["metadata"]
        if not claims.uid or metadata.get("uid", "") != claims.uid:
            raise BadCredentials(f"service account UID ({metadata.get('uid', '')}) does not match claim ({claims.uid})")
        if _long_deleted(metadata, now):
            raise BadCredentials(f"service account {namespace}/{name} has been deleted")
        for kind, (bound_name, uid) in claims.bound.items():
            bound = self._reader.get(_BOUND[kind], "" if kind == "node" else namespace, bound_name)
            if bound is None:
                raise BadCredentials("service account token has been invalidated")
            found = bound["metadata"].get("uid", "")
            if found != uid:
                raise BadCredentials(f"{kind} UID ({found}) does not match service account {kind} ref claim ({uid})")
            if _long_deleted(bound["metadata"], now):
                raise BadCredentials("service account token has been invalidated")


def _check_times(claims: _Claims, now: float) -> None:
    if claims.not_before is not None and now + LEEWAY < claims.not_before:
        raise BadCredentials("service account token is not valid yet")
    if claims.expires is not None and now - LEEWAY > claims.expires:
        raise BadCredentials("service account token has expired")
    if claims.issued_at is not None and now + LEEWAY < claims.issued_at:
        raise BadCredentials("service account token is issued in the future")


def _long_deleted(metadata: Object, now: float) -> bool:
    deleted = metadata.get("deletionTimestamp")
    return deleted is not None and parse_time(deleted).timestamp() < now - LEEWAY


def _read(claims: Mapping[str, Any]) -> _Claims:
    private = claims.get("kubernetes.io") or {}
    account = private.get("serviceaccount") or {}
    references = {kind: (private[kind]["name"], private[kind].get("uid", "")) for kind in _BOUND if private.get(kind)}
    namespace, name, uid = private.get("namespace", ""), account.get("name", ""), account.get("uid", "")
    if not all(isinstance(each, str) for each in (namespace, name, uid)):
        raise TypeError("a service account is named by texts")
    if not name:
        raise BadCredentials("resource name may not be empty")
    extra: dict[str, tuple[str, ...]] = {}
    credential_id = f"JTI={claims['jti']}" if claims.get("jti") else ""
    if credential_id:
        extra[CREDENTIAL_ID] = (credential_id,)
    for kind in ("pod", "node"):
        if kind in references:
            extra[f"{_PREFIX}{kind}-name"] = (references[kind][0],)
            if references[kind][1] or kind == "pod":
                extra[f"{_PREFIX}{kind}-uid"] = (references[kind][1],)
    if "pod" in references:
        references.pop("node", None)  # what the token says of its pod's node informs, it does not bind
    issued_as = Reference.parse(claims[CLAIM]["kubeconfig"]) if CLAIM in claims else None
    if issued_as is not None:
        extra[EXTRA] = (str(issued_as),)
    return _Claims(
        expires=_seconds(claims.get("exp")),
        not_before=_seconds(claims.get("nbf")),
        issued_at=_seconds(claims.get("iat")),
        stale_from=_seconds(private.get("warnafter")) or 0.0,
        subject=str(claims.get("sub", "")),
        namespace=namespace,
        name=name,
        uid=uid,
        bound=references,
        issued_as=issued_as,
        credential_id=credential_id,
        user=UserInfo(service_account_name(namespace, name), uid, service_account_groups(namespace), extra),
    )


def _seconds(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadCredentials("go-jose/go-jose/jwt: expected number value to unmarshal NumericDate")
    return float(value)
