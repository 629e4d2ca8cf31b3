"""What a verb returned, as the response that the client negotiated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from cluster.api.errors import NotAcceptable
from cluster.api.names import Object
from cluster.registry.codec import Codec
from cluster.registry.read import Page
from cluster.registry.registry import Result
from cluster.server import tables
from cluster.server.context import Context
from cluster.server.negotiation import ACCEPTED, OBJECT, PARTIAL, PARTIAL_LIST, TABLE, Output
from cluster.server.response import Response
from cluster.server.responses import JSON, YAML, compressed, yaml_response
from cluster.storage.contract import Entry


def body_response(context: Context, output: Output, body: bytes, code: int = 200) -> Response:
    """Encoded JSON in the negotiated media type."""
    if context.audit is not None:
        context.audit.response_body(body)
    if output.media_type == YAML:
        return yaml_response(orjson.loads(body), code)
    if output.pretty or (context.query and context.query.get("pretty") in ("true", "1")):
        body = orjson.dumps(orjson.loads(body), option=orjson.OPT_INDENT_2)
    data, headers = compressed(context, body)
    return Response(data, status=code, headers=headers, content_type=JSON)


def value_response(context: Context, output: Output, value: Any, code: int = 200) -> Response:
    """A Status, or an object that no codec knows."""
    return body_response(context, output, orjson.dumps(value), code)


def object_response(context: Context, output: Output, codec: Codec, result: Result, code: int = 200) -> Response:
    """One object, in the negotiated form."""
    if output.form == OBJECT:
        return body_response(context, output, codec.single(result) if isinstance(result, Entry) else orjson.dumps(result), code)
    obj = codec.load(result) if isinstance(result, Entry) else result
    if output.form == TABLE:
        metadata = {"resourceVersion": obj["metadata"].get("resourceVersion", "")}
        body = tables.table(codec.kind, output.version, [obj], metadata, context.query.get("includeObject") or "")
    elif output.form == PARTIAL:
        body = orjson.dumps(tables.partial(obj, output.version))
    else:
        raise NotAcceptable.of(ACCEPTED)
    return body_response(context, output, body, code)


def page_response(context: Context, output: Output, codec: Codec, page: Page) -> Response:
    """A list, in the negotiated form."""
    metadata = list_metadata(page)
    if output.form == OBJECT:
        return body_response(context, output, list_body(codec, metadata, page.entries))
    objects = (codec.load(entry) for entry in page.entries)
    if output.form == TABLE:
        body = tables.table(codec.kind, output.version, objects, metadata, context.query.get("includeObject") or "")
    elif output.form == PARTIAL_LIST:
        body = tables.partial_list(objects, output.version, metadata)
    else:
        raise NotAcceptable.of(ACCEPTED)
    return body_response(context, output, body)


def list_metadata(page: Page) -> Object:
    metadata: Object = {"resourceVersion": str(page.revision)}
    if page.token:
        metadata["continue"] = page.token
    if page.remaining is not None:
        metadata["remainingItemCount"] = page.remaining
    return metadata


def list_body(codec: Codec, metadata: Object, entries: Sequence[Entry]) -> bytes:
    """A list's JSON: the entries' bytes, joined."""
    gvk = codec.kind.gvk
    head = b'{"kind":"%s","apiVersion":"%s","metadata":' % (codec.kind.list_kind.encode(), str(gvk.group_version).encode())
    items = [entry.data for entry in entries] if codec.same else [codec.item(entry) for entry in entries]
    return b"".join((head, orjson.dumps(metadata), b',"items":[', b",".join(items), b"]}\n"))
