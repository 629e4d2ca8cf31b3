"""Request bodies: read within the limit, parsed from JSON or YAML.  Upstream: apiserver `pkg/endpoints/handlers/rest.go`."""

from __future__ import annotations

from typing import Any, Final

import orjson

from cluster.api.errors import BadRequest, RequestEntityTooLarge
from cluster.server.context import Context
from cluster.server.responses import YAML

MAX_BODY: Final = 3 * 1024 * 1024
MAX_DEPTH: Final = 1000


def read(context: Context) -> bytes:
    """The body; RequestEntityTooLarge for more than 3 MiB, whatever length was announced."""
    length = context.environ.get("CONTENT_LENGTH")
    stream = context.environ["wsgi.input"]
    if length is not None and length != "":
        size = int(length)
        if size > MAX_BODY:
            raise _too_large()
        return bytes(stream.read(size)) if size else b""
    if "HTTP_TRANSFER_ENCODING" not in context.environ:
        return b""
    data = bytes(stream.read(MAX_BODY + 1))
    if len(data) > MAX_BODY:
        raise _too_large()
    return data


def _too_large() -> RequestEntityTooLarge:
    return RequestEntityTooLarge(f"Request entity too large: limit is {MAX_BODY}")


def parse_json(data: bytes) -> Any:
    """A JSON document; BadRequest where it is none, or nested deeper than any object of the API."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"couldn't get version/kind; json parse error: {error}") from None


def parse(data: bytes, media_type: str) -> Any:
    if media_type == YAML:
        return _parse_yaml(data)
    return parse_json(data)


def _parse_yaml(data: bytes) -> Any:
    import yaml

    try:
        return yaml.load(data, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - a safe loader
    except (yaml.YAMLError, RecursionError, UnicodeDecodeError) as error:
        raise BadRequest(f"yaml: {error}") from None
