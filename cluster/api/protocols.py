"""Seams that rooms are handed, so that they need not know the rooms below."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from msgspec import Struct

from cluster.api.names import GroupResource, Object

ChangeCallback = Callable[[Object | None, Object | None], None]
"""Called with (old, new), in revision order; old is None for a creation, new is None for a deletion."""


class Reader(Protocol):
    """Linearizable reads of stored objects (shared with the cache: never change what is returned)."""

    def get(self, resource: GroupResource, namespace: str, name: str) -> Object | None:
        """The object, with apiVersion, kind and resourceVersion; None where there is none.  Cluster scope: namespace ""."""
        ...

    def list(self, resource: GroupResource, namespace: str | None = None) -> Iterable[Object]:
        """All objects of a resource, of one namespace or (None) of all."""
        ...

    def subscribe(self, resource: GroupResource, callback: ChangeCallback) -> None:
        """Calls back for every object that exists now (old None), then for every change before any read can see it."""
        ...


class HttpAnswer(Struct, frozen=True):
    """What came back: the status code, headers with names in lower case, and the body, which was read within a bound."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class HttpFailure(Exception):
    """No whole answer came: the connection failed, TLS did, time ran out, or the body was larger than allowed.

    `why` is the cause alone, in the words of Go's HTTP client, which Kubernetes shows: `context deadline exceeded`.
    """

    def __init__(self, message: str, why: str = "") -> None:
        super().__init__(message)
        self.why = why or message


Resolve = Callable[[], tuple[str, int]]
"""Where a service is at this moment, address and port; HttpFailure where it is nowhere."""


class HttpCaller(Protocol):
    """Calls one remote service; it holds the service's URL, its CA and what the caller shows it (see `cluster.client.caller`)."""

    def call(
        self, method: str, path: str = "", body: bytes | None = None, *, headers: Mapping[str, str] | None = None, timeout: float = 30.0
    ) -> HttpAnswer:
        """One request, `path` appended to the service's URL; HttpFailure.  Never redirected, never retried."""
        ...


class HttpCallers(Protocol):
    """Makes callers, so that rooms which know no HTTP client can be given what their configuration names."""

    def of_url(self, url: str, ca_pem: str = "") -> HttpCaller:
        """A service by its URL, verified by the CA given or by the system's; ValueError for a URL or CA that is none."""
        ...

    def of_kubeconfig(self, path: str, context: str = "") -> HttpCaller:
        """A service by a kubeconfig (a webhook's); ValueError, OSError for a file that is none."""
        ...

    def for_webhooks(self, kubeconfig: str = "") -> WebhookCallers:
        """Of webhooks that are configured while the server runs, each called as the user whom the kubeconfig has for its host.

        ValueError, OSError for a file that is none.
        """
        ...


class WebhookCallers(Protocol):
    """Makes callers of webhooks."""

    def of(self, url: str, ca_pem: bytes, resolve: Resolve | None = None) -> HttpCaller:
        """`url` without a path; `resolve` where its host is a service of the cluster.  ValueError for what can not be called."""
        ...
