"""The client of the API server that every component uses: verbs over plain dictionaries."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode

import orjson
import urllib3

from cluster.api.names import GroupVersionResource, Object
from cluster.client import kubeconfig
from cluster.client.status import from_status
from cluster.client.transport import READ_SECONDS, Transport
from cluster.client.watch import Watch

JSON: Final = "application/json"
JSON_PATCH: Final = "application/json-patch+json"
MERGE_PATCH: Final = "application/merge-patch+json"
STRATEGIC_MERGE_PATCH: Final = "application/strategic-merge-patch+json"
APPLY_PATCH: Final = "application/apply-patch+yaml"
METADATA: Final = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
METADATA_LIST: Final = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"

TokenProvider = Callable[[], str]
Objects = list[Object]
_MAX_THROTTLE_SECONDS: Final = 5.0
_THROTTLE_TRIES: Final = 5
_WATCH_SLACK_SECONDS: Final = 30.0


def resource_path(resource: GroupVersionResource, namespace: str | None = None, name: str = "", subresource: str = "") -> str:
    """The URL path of a collection, object or subresource; cluster scope and all namespaces: "" or None."""
    group, version = resource.group, resource.version
    parts = ["apis", group, version] if group else ["api", version]
    if namespace:
        parts += ["namespaces", quote(namespace, safe="")]
    parts.append(resource.resource)
    if name:
        parts.append(quote(name, safe=""))
    if subresource:
        parts.append(quote(subresource, safe="/"))
    return "/" + "/".join(parts)


class ApiClient:
    """One identity at one API server; safe for threads.

    Every failure is a StatusError of its reason's class; `status.Unreachable` (a ServiceUnavailable) where no answer came.
    """

    def __init__(
        self,
        server: str,
        *,
        ca_file: Path | None = None,
        ca_data: bytes | None = None,
        cert_file: Path | None = None,
        key_file: Path | None = None,
        token: str | None = None,
        token_provider: TokenProvider | None = None,
        token_refused: Callable[[], None] | None = None,
        user_agent: str = "berth",
        transport: Transport | None = None,
    ) -> None:
        """`ca_data` is PEM.  With `transport`, its connections are shared and the files are ignored.

        `token_refused` is called when the server answers 401; the call is then made once more, with what the provider gives then.
        """
        self.server = server.rstrip("/")
        self.user_agent = user_agent
        self._token_provider = token_provider or ((lambda: token) if token else None)
        self._token_refused = token_refused
        self._transport = transport or Transport(
            server,
            ca=ca_data if ca_data is not None else (ca_file.read_bytes() if ca_file else None),
            certificate=cert_file.read_bytes() if cert_file else None,
            key=key_file.read_bytes() if key_file else None,
        )

    @classmethod
    def from_kubeconfig(cls, path: Path, *, user_agent: str) -> ApiClient:
        """The current context of a kubeconfig; OSError or ValueError where it can't be read."""
        found = kubeconfig.load(path)
        transport = Transport(found.server, ca=found.ca, certificate=found.certificate, key=found.key)
        token_file = found.token_file
        provider = (lambda: token_file.read_text().strip()) if token_file else None
        return cls(found.server, token=found.token, token_provider=provider, user_agent=user_agent, transport=transport)

    def with_token(
        self,
        provider: TokenProvider,
        *,
        user_agent: str,
        transport: Transport | None = None,
        token_refused: Callable[[], None] | None = None,
    ) -> ApiClient:
        """Another identity at the same server; pass one `transport` (see `bare_transport`) to share connections among several."""
        return ApiClient(
            self.server,
            token_provider=provider,
            token_refused=token_refused,
            user_agent=user_agent,
            transport=transport or self._transport.without_certificate(),
        )

    def bare_transport(self) -> Transport:
        """Connections to the same server that show no certificate."""
        return self._transport.without_certificate()

    def get(
        self, resource: GroupVersionResource, namespace: str, name: str, *, subresource: str = "", metadata_only: bool = False
    ) -> Object:
        path = resource_path(resource, namespace, name, subresource)
        return self._object("GET", path, accept=METADATA if metadata_only else JSON)

    def list(
        self,
        resource: GroupVersionResource,
        namespace: str | None = None,
        *,
        label_selector: str = "",
        field_selector: str = "",
        resource_version: str | None = None,
        limit: int = 0,
        metadata_only: bool = False,
    ) -> Object:
        """The whole list, read in pages of `limit` (0: in one); items carry no kind and apiVersion."""
        query: dict[str, str | None] = {"labelSelector": label_selector, "fieldSelector": field_selector}
        query["resourceVersion"] = resource_version
        path, accept = resource_path(resource, namespace), METADATA_LIST if metadata_only else JSON
        items: Objects = []
        following = ""
        while True:
            page = {"limit": str(limit) if limit else "", "continue": following}
            if following:
                query["resourceVersion"] = None  # the continue token names the snapshot
            answer = self._object("GET", path, query=query | page, accept=accept)
            items += answer.get("items") or []
            following = (answer.get("metadata") or {}).get("continue") or ""
            if not following:
                answer["items"] = items
                return answer

    def create(self, resource: GroupVersionResource, namespace: str, obj: Object, *, name: str = "", subresource: str = "") -> Object:
        return self._object("POST", resource_path(resource, namespace, name, subresource), body=orjson.dumps(obj))

    def update(self, resource: GroupVersionResource, namespace: str, obj: Object, *, subresource: str = "", once: bool = False) -> Object:
        """`once`: not sent again where no answer came, so that a Conflict is never with this very update."""
        path = resource_path(resource, namespace, obj["metadata"]["name"], subresource)
        return self._object("PUT", path, body=orjson.dumps(obj), once=once)

    def patch(
        self,
        resource: GroupVersionResource,
        namespace: str,
        name: str,
        patch: Object | Objects,
        *,
        content_type: str = MERGE_PATCH,
        subresource: str = "",
        query: Mapping[str, str | None] | None = None,
    ) -> Object:
        """`patch` is sent as JSON, which an apply patch may be too (`query` then names its fieldManager)."""
        path = resource_path(resource, namespace, name, subresource)
        return self._object("PATCH", path, body=orjson.dumps(patch), content_type=content_type, query=query)

    def delete(self, resource: GroupVersionResource, namespace: str, name: str, *, options: Object | None = None) -> Object:
        """The object deleted, or a Status; `options` is a DeleteOptions without kind and apiVersion."""
        return self._object("DELETE", resource_path(resource, namespace, name), body=_delete_options(options))

    def delete_collection(
        self,
        resource: GroupVersionResource,
        namespace: str,
        *,
        label_selector: str = "",
        field_selector: str = "",
        options: Object | None = None,
    ) -> Object:
        query = {"labelSelector": label_selector, "fieldSelector": field_selector}
        return self._object("DELETE", resource_path(resource, namespace), query=query, body=_delete_options(options))

    def watch(
        self,
        resource: GroupVersionResource,
        namespace: str | None = None,
        *,
        resource_version: str = "",
        label_selector: str = "",
        field_selector: str = "",
        timeout_seconds: int = 300,
        bookmarks: bool = True,
        metadata_only: bool = False,
    ) -> Watch:
        """Events after `resource_version`; raises before the first event where the server refuses the watch."""
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true" if bookmarks else "",
            "resourceVersion": resource_version,
            "labelSelector": label_selector,
            "fieldSelector": field_selector,
            "timeoutSeconds": str(timeout_seconds),
        }
        path = _with_query(resource_path(resource, namespace), query)
        headers = self._headers(METADATA if metadata_only else JSON)
        response = self._transport.stream(path, headers=headers, read_seconds=timeout_seconds + _WATCH_SLACK_SECONDS)
        if response.status != 200:
            raise _failure(response)
        return Watch(response, resource_version)

    def stream(self, path: str, *, query: Mapping[str, str | None] | None = None, read_seconds: float = 3600.0) -> urllib3.BaseHTTPResponse:
        """A GET whose body the caller reads as it comes, and closes (pod logs)."""
        response = self._transport.stream(_with_query(path, query), headers=self._headers("*/*"), read_seconds=read_seconds)
        if response.status != 200:
            raise _failure(response)
        return response

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | None] | None = None,
        body: bytes | None = None,
        content_type: str = JSON,
        accept: str = JSON,
        read_seconds: float = READ_SECONDS,
        once: bool = False,
    ) -> bytes:
        """The body of a response below 300, raw; a server that is throttling is asked again for a while, as it asks for."""
        refused = self._token_refused
        for remaining in reversed(range(_THROTTLE_TRIES)):
            headers = self._headers(accept)
            if body is not None:
                headers["Content-Type"] = content_type
            response = self._transport.call(
                method, _with_query(path, query), headers=headers, body=body, read_seconds=read_seconds, once=once
            )
            if response.status < 300:
                return response.data
            if response.status == 401 and refused is not None:
                refused()
                refused = None
                continue
            after = response.headers.get("Retry-After", "")
            if response.status != 429 or not after.isdigit() or not remaining:
                break
            time.sleep(min(float(after), _MAX_THROTTLE_SECONDS))
        raise _failure(response)

    def close(self) -> None:
        """Closes idle connections; watches in progress are closed by whoever holds them."""
        self._transport.close()

    def _object(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | None] | None = None,
        body: bytes | None = None,
        content_type: str = JSON,
        accept: str = JSON,
        once: bool = False,
    ) -> Object:
        data = self.request(method, path, query=query, body=body, content_type=content_type, accept=accept, once=once)
        answer: Object = orjson.loads(data)
        return answer

    def _headers(self, accept: str) -> dict[str, str]:
        headers = {"Accept": accept, "User-Agent": self.user_agent}
        if self._token_provider is not None:
            headers["Authorization"] = f"Bearer {self._token_provider()}"
        return headers


def _with_query(path: str, query: Mapping[str, str | None] | None) -> str:
    given = {name: value for name, value in (query or {}).items() if value not in (None, "")}
    return f"{path}?{urlencode(given)}" if given else path


def _delete_options(options: Object | None) -> bytes | None:
    return orjson.dumps({"kind": "DeleteOptions", "apiVersion": "v1"} | options) if options is not None else None


def _failure(response: urllib3.BaseHTTPResponse) -> Exception:
    data = response.data
    response.release_conn()
    body: Any = None
    text = ""
    try:
        body = orjson.loads(data)
    except ValueError:
        text = data[:2048].decode(errors="replace").strip()
    return from_status(response.status, body, headers=dict(response.headers), text=text)
