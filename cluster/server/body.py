"""Request bodies: read within the limit, parsed from JSON or YAML.  Upstream: apiserver `pkg/endpoints/handlers/rest.go`."""

from __future__ import annotations

from typing import Final

from cluster.api.errors import BadRequest, RequestEntityTooLarge
from cluster.api.names import GroupVersionKind, Object
from cluster.schema.model import SchemaSet
from cluster.schema.parse import parse_json, parse_yaml
from cluster.server.context import Context
from cluster.server.responses import PROTOBUF, YAML

MAX_BODY: Final = 3 * 1024 * 1024


def read(context: Context) -> bytes:
    """The body; RequestEntityTooLarge for more than 3 MiB, whatever was announced; BadRequest for one that ends too early."""
    environ = context.environ
    length, stream = environ.get("CONTENT_LENGTH"), environ["wsgi.input"]
    if length:
        size = int(length)
        if size > MAX_BODY:
            raise _too_large()
        data = bytes(stream.read(size)) if size else b""
        if len(data) < size:
            raise _broken(context)
        return data
    if "HTTP_TRANSFER_ENCODING" not in environ:
        return b""
    try:
        data = bytes(stream.read(MAX_BODY + 1))
    except OSError:  # the server's errors about chunks are of this kind
        raise _broken(context) from None
    if len(data) > MAX_BODY:
        raise _too_large()
    return data


def _broken(context: Context) -> BadRequest:
    """What follows on such a connection is not known to be a request."""
    context.abandoned = True
    return BadRequest("unexpected EOF")


def _too_large() -> RequestEntityTooLarge:
    return RequestEntityTooLarge(f"Request entity too large: limit is {MAX_BODY}")


def parse_object(data: bytes, media_type: str, schemas: SchemaSet, gvk: GroupVersionKind) -> tuple[Object, list[str]]:
    """(the body as an object that is yet to be decoded, its duplicate fields); BadRequest."""
    if media_type == PROTOBUF:
        from cluster.server.protobuf import decode

        return decode(data, schemas, gvk), []
    read_text = parse_yaml if media_type == YAML else parse_json
    value, duplicates = read_text(data, gvk.kind, True)
    assert isinstance(value, dict)
    return value, duplicates
