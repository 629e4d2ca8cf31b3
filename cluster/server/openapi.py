"""/openapi/v2 and /openapi/v3: built when they are first asked for, kept compressed.

Upstream: kube-openapi `pkg/handler`, `pkg/handler3`.
"""

from __future__ import annotations

import email.utils
import hashlib
import time
import zlib
from collections.abc import Callable
from functools import cached_property
from importlib.resources import files
from typing import Any

import orjson

from cluster.api.errors import NotAcceptable, NotFound
from cluster.api.requestinfo import parse
from cluster.kinds.catalog import OWN_GROUP, Catalog, Group
from cluster.kinds.own_paths import paths
from cluster.schema.model import SchemaSet
from cluster.server.context import Context
from cluster.server.negotiation import clauses
from cluster.server.response import Response
from cluster.server.responses import JSON

_V2_PROTOBUF = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
_V2_PROTOBUF_SENT = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"


class OpenApi:
    """The documents of what a catalog serves."""

    def __init__(self, catalog: Catalog, schemas: SchemaSet, version: str) -> None:
        self._catalog = catalog
        self._schemas = schemas
        self._version = version
        self._made: dict[str, tuple[bytes, str]] = {}
        self._since = email.utils.formatdate(time.time(), usegmt=True)

    @cached_property
    def _paths(self) -> dict[str, Any]:
        recorded: dict[str, Any] = orjson.loads((files("cluster.kinds") / "data" / "openapi-paths.json").read_bytes())
        own = paths(kind for kind in self._catalog.all() if kind.gvk.group == OWN_GROUP)
        return {path: methods for path, methods in recorded.items() if self._serves(path)} | dict(own)

    def _serves(self, path: str) -> bool:
        """Whether a recorded path is one of this version's."""
        info = parse("GET", path, lambda _: None)
        if info.is_resource:
            kind = self._catalog.find(info.group, info.version, info.resource)
            return kind is not None and (not info.subresource or info.subresource in kind.subresources)
        parts = path.strip("/").split("/")
        if parts[0] != "apis" or len(parts) == 1:
            return True
        return any(group.name == parts[1] and (len(parts) == 2 or _has(group, parts[2])) for group in self._catalog.groups())

    def v2(self, context: Context) -> Response:
        """/openapi/v2."""
        from cluster.schema.openapi import v2_document

        if _wants_protobuf(context):
            from cluster.schema.openapi_protobuf import encode

            def build() -> bytes:
                return encode(orjson.loads(v2_document(self._schemas, self._paths, self._version)))

            return self._document(context, "v2.pb", build, _V2_PROTOBUF_SENT)
        return self._document(context, "v2", lambda: v2_document(self._schemas, self._paths, self._version))

    def v3(self, context: Context) -> Response:
        """/openapi/v3, the index, and what the index names."""
        from cluster.schema.openapi import document_hash, document_key, v3_document, v3_index

        key = context.path.removeprefix("/openapi/v3").strip("/")
        if not key:
            return self._document(context, "v3", lambda: orjson.dumps(v3_index(self._schemas, self._paths)))
        if not any(document_key(path) == key for path in self._paths):
            raise NotFound.path()
        response = self._document(context, f"v3/{key}", lambda: v3_document(self._schemas, key, self._paths, self._version))
        asked = context.query.get("hash")
        if asked:
            wanted = document_hash(self._schemas, key, self._paths)
            if asked != wanted:
                return Response(status=301, headers={"Location": f"/openapi/v3/{key}?hash={wanted}"})
            response.headers["Cache-Control"] = "public, immutable"
            response.headers["Expires"] = email.utils.formatdate(time.time() + 365 * 86400, usegmt=True)
        return response

    def tree(self, context: Context) -> Response:
        """Whatever is below /openapi."""
        path = context.path.rstrip("/")
        if path == "/openapi/v2":
            return self.v2(context)
        if path == "/openapi/v3" or path.startswith("/openapi/v3/"):
            return self.v3(context)
        raise NotFound.path()

    def _document(self, context: Context, name: str, build: Callable[[], bytes], media_type: str = JSON) -> Response:
        if media_type == JSON:
            _check_accepted(context)
        if name not in self._made:
            data = build()
            compressor = zlib.compressobj(6, zlib.DEFLATED, 31)
            self._made[name] = compressor.compress(data) + compressor.flush(), f'"{hashlib.sha512(data).hexdigest().upper()}"'
        packed, tag = self._made[name]
        headers = {"ETag": tag, "Vary": "Accept-Encoding, Accept", "Last-Modified": self._since}
        if context.header("HTTP_IF_NONE_MATCH") == tag:
            return Response(status=304, headers=headers)
        if "gzip" in context.header("HTTP_ACCEPT_ENCODING"):
            return Response(packed, headers=headers | {"Content-Encoding": "gzip"}, content_type=media_type)
        return Response(zlib.decompress(packed, 31), headers=headers, content_type=media_type)


def _has(group: Group, version: str) -> bool:
    return any(each.version == version for each in group.versions)


def _wants_protobuf(context: Context) -> bool:
    """Whether the client takes protobuf before JSON."""
    accepted = [media_type for media_type, _ in clauses(context.header("HTTP_ACCEPT"))]
    return next((each == _V2_PROTOBUF for each in accepted if each in (_V2_PROTOBUF, JSON, "application/*", "*/*")), False)


def _check_accepted(context: Context) -> None:
    """JSON, beside protobuf for /openapi/v2, is what there is; NotAcceptable for a client that takes none of it."""
    accept = context.header("HTTP_ACCEPT")
    if accept and not any(media_type in (JSON, "application/*", "*/*") for media_type, _ in clauses(accept)):
        raise NotAcceptable.of((JSON,))
