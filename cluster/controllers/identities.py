"""Each controller's own identity: a service account in kube-system, and a token for it that is renewed before it runs out.

Upstream: `staging/src/k8s.io/controller-manager/pkg/clientbuilder` (DynamicControllerClientBuilder).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from cluster.api.errors import AlreadyExists, NotFound
from cluster.api.names import Object
from cluster.client.http import ApiClient
from cluster.client.resources import SERVICE_ACCOUNTS
from cluster.client.transport import Transport

NAMESPACE: Final = "kube-system"
_LIFETIME: Final = 3600
_RENEWED_AT: Final = 0.8


class ServiceAccountToken:
    """Asked for at first use, and renewed when four fifths of its time are over; calling it gives the token."""

    def __init__(self, client: ApiClient, account: str, *, now: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._account = account
        self._now = now
        self._lock = threading.Lock()
        self._token = ""
        self._until = 0.0

    def __call__(self) -> str:
        with self._lock:
            if self._now() >= self._until:
                self._token = str(self._request()["status"]["token"])
                self._until = self._now() + _LIFETIME * _RENEWED_AT
            return self._token

    def refused(self) -> None:
        """The server no longer takes it: the account may have been made anew."""
        with self._lock:
            self._until = 0.0

    def _request(self) -> Object:
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": _LIFETIME}}
        try:
            return self._client.create(SERVICE_ACCOUNTS, NAMESPACE, body, name=self._account, subresource="token")
        except NotFound:
            self._make_account()
            return self._client.create(SERVICE_ACCOUNTS, NAMESPACE, body, name=self._account, subresource="token")

    def _make_account(self) -> None:
        metadata = {"name": self._account, "namespace": NAMESPACE}
        try:
            self._client.create(SERVICE_ACCOUNTS, NAMESPACE, {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata})
        except AlreadyExists:
            return


def client_as(client: ApiClient, account: str, transport: Transport) -> ApiClient:
    """A client that acts as the service account; nothing is asked of the server before its first call."""
    token = ServiceAccountToken(client, account)
    agent = f"{client.user_agent}/system:serviceaccount:{NAMESPACE}:{account}"
    return client.with_token(token, user_agent=agent, transport=transport, token_refused=token.refused)
