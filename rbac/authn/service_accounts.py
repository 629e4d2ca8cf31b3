"""Issues service-account tokens: bound and expiring ones, and the legacy ones that live as long as their secret.

Upstream: `pkg/serviceaccount/claims.go`, `legacy.go`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from cluster.api.meta import new_uid
from cluster.api.names import GroupResource, Object
from cluster.api.user import service_account_name
from rbac.authn.keys import KeySource, PublicKey, discovery_document, key_set
from rbac.credentials.reference import CLAIM, Reference

SERVICE_ACCOUNTS: Final = GroupResource("", "serviceaccounts")
SECRETS: Final = GroupResource("", "secrets")
"""What the private claims of a legacy token begin with."""


class TokenSigner:
    """Signs tokens with the service-account key (RS256, or ES256 and the like, by the kind of key) that is current."""

    def __init__(
        self,
        keys: KeySource,
        issuer: str,
        audiences: Sequence[str] = (),
        *,
        longest: int = 0,
        extends: bool = True,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`audiences`: those of the API server; empty: its issuer.

        What is granted on request (see `rbac.reviews.token_request`): lifetimes of `longest` seconds at most, 0 for no limit, and,
        where it `extends`, a year for tokens that are mounted into pods.
        """
        self.issuer = issuer
        self.audiences = tuple(audiences) or (issuer,)
        self.keys = keys
        self.longest = longest
        self.extends = extends
        self._clock = clock

    @property
    def public_keys(self) -> tuple[PublicKey, ...]:
        """The keys that verify tokens, the one that signs first."""
        return self.keys.current().public

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
        token_id: str = "",
        issued_as: Reference | None = None,
    ) -> str:
        """A token for the service account that expires after `lifetime` seconds, bound to the objects given.

        A token is bound to a pod (and says its node), to a secret, or to a node.  `warn_after` seconds: stale from then on.
        `token_id`: its `jti`, default a new one.  `issued_as`: the record of its issue, which it ends with.
        """
        bound = {"pod": pod, "secret": secret, "node": node}
        claims = self._claims(service_account, lifetime, audiences or self.audiences, bound, token_id or new_uid())
        if warn_after:
            claims["kubernetes.io"]["warnafter"] = claims["iat"] + warn_after
        if issued_as is not None:
            claims[CLAIM] = {"kubeconfig": str(issued_as)}
        return self.sign(claims)

    def sign(self, claims: Mapping[str, Any]) -> str:
        """A token that says just that."""
        import jwt

        keys = self.keys.current()
        public = keys.public[0]
        return jwt.encode(dict(claims), keys.signing, algorithm=public.algorithm, headers={"kid": public.key_id, "typ": None})

    def _claims(
        self, service_account: Object, lifetime: int, audiences: Sequence[str], bound: Mapping[str, Object | None], token_id: str
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
            "jti": token_id,
            "kubernetes.io": private,
            "nbf": now,
            "sub": service_account_name(namespace, name),
        }


def _reference(metadata: Object) -> Object:
    reference = {"name": metadata["name"]}
    if metadata.get("uid"):
        reference["uid"] = metadata["uid"]
    return reference
