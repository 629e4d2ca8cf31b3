"""Responses: JSON bodies, Status errors, warnings, compression."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final
from unicodedata import category

import orjson

from cluster.api.errors import StatusError
from cluster.server.context import Context
from cluster.server.response import Response

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

JSON: Final = "application/json"
YAML: Final = "application/yaml"
PROTOBUF: Final = "application/vnd.kubernetes.protobuf"
"""Read, never written."""
_ALL_WARNINGS: Final = 4096
"""Characters of all warnings together from which on they are cut."""
_CUT_WARNING: Final = 256
_NO_TEXT: Final = ("Cc", "Cs")
"""Control characters, and halves of characters."""
GZIP_FROM: Final = 128 * 1024
"""Bytes of a body from which on it is compressed for clients that accept that."""


def json_response(body: Any, code: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """`body` as JSON, or as it is where it is bytes already."""
    data = body if isinstance(body, bytes) else orjson.dumps(body)
    return Response(data, status=code, headers=dict(headers or {}), content_type=JSON)


def text_response(body: str, code: int = 200) -> Response:
    return Response(body, status=code, content_type="text/plain; charset=utf-8", headers={"X-Content-Type-Options": "nosniff"})


def error_response(context: Context, error: StatusError) -> Response:
    """The Status of an error, in YAML where the client accepts that alone."""
    headers = dict(error.headers)
    retry_after = (error.details or {}).get("retryAfterSeconds")
    if retry_after:
        headers["Retry-After"] = str(retry_after)
    if wants_yaml(context):
        return yaml_response(error.status(), error.code, headers)
    return json_response(orjson.dumps(error.status(), option=orjson.OPT_APPEND_NEWLINE), error.code, headers)


def wants_yaml(context: Context) -> bool:
    accept = context.header("HTTP_ACCEPT")
    return accept.startswith(YAML) and JSON not in accept


def yaml_response(body: Any, code: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    import yaml

    text = yaml.dump(body, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper), sort_keys=False, default_flow_style=False)
    return Response(text, status=code, headers=dict(headers or {}), content_type=YAML)


def add_warnings(response: Response, warnings: Iterable[str]) -> None:
    """Warning headers as kubectl shows them; a header's text is UTF-8, which WSGI wants as if it were Latin-1."""
    for warning in bounded(warnings):
        text = warning.replace("\\", "\\\\").replace('"', '\\"')
        response.headers.add("Warning", f'299 - "{text.encode().decode("latin-1")}"')


def bounded(warnings: Iterable[str]) -> list[str]:
    """Each once, but for those that a header can not hold; where all are too long together, each is cut, and then no more are taken.

    Upstream: apiserver `pkg/endpoints/filters/warning.go`, apimachinery `pkg/util/net/http.go` (NewWarningHeader).
    """
    distinct = [each for each in dict.fromkeys(warnings) if each and not any(category(one) in _NO_TEXT for one in each)]
    if sum(map(len, distinct)) <= _ALL_WARNINGS:
        return distinct
    found: list[str] = []
    written = 0
    for each in distinct:
        if written >= _ALL_WARNINGS:
            break
        found.append(each[:_CUT_WARNING])
        written += len(found[-1])
    return found


def compressed(context: Context, body: bytes) -> tuple[bytes, dict[str, str]]:
    """(the body, headers): gzipped where it is big and the client accepts it."""
    if len(body) < GZIP_FROM or "gzip" not in context.header("HTTP_ACCEPT_ENCODING"):
        return body, {}
    compressor = zlib.compressobj(1, zlib.DEFLATED, 31)
    return compressor.compress(body) + compressor.flush(), {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}


def send(response: Response, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Gives a response to the WSGI server.

    A whole body goes under the headers that it was made with; what else a Response looks after is for streams, HEAD and no body at all.
    """
    body = response.response
    if body and isinstance(body, list) and environ["REQUEST_METHOD"] != "HEAD":
        start_response(response.status, response.headers.to_wsgi_list())
        return body
    return response(environ, start_response)
