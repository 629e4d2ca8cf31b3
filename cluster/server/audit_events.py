"""The virtual kind auditevents: the events of the audit log, to those who may read them, namespace by namespace.

A list is the newest events first, at most PAGE of them or as many as are found within SECONDS; `continue` goes on from there.
"""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import gevent
import orjson

from cluster.api.errors import BadRequest, Expired, NotAcceptable, NotFound
from cluster.api.names import Object
from cluster.api.selectors import parse_label_selector
from cluster.kinds.model import Kind
from cluster.server import tables
from cluster.server.context import Context
from cluster.server.negotiation import ACCEPTED, OBJECT, PARTIAL, PARTIAL_LIST, TABLE, Output, output_of
from cluster.server.options import list_options
from cluster.server.render import body_response, value_response
from cluster.server.response import Response
from rbac.audit.query import API_VERSION, Query, audit_event, parse_query
from rbac.audit.reading import Gone, Line, LogReader, Position

PAGE: Final = 500
SECONDS: Final = 2.0
"""How long one request reads."""
_OFF: Final = "there is no audit log to read: the API server writes none to a file, see --audit-log-path"


class AuditEvents:
    """Serves get and list; without a log it says so."""

    def __init__(self, log: Path | None) -> None:
        self._reader = None if log is None else LogReader(log, lambda: gevent.sleep(0))

    def __call__(self, context: Context, kind: Kind) -> Response:
        if self._reader is None:
            raise BadRequest(_OFF)
        return self._get(context, kind, self._reader) if context.info.verb == "get" else self._list(context, kind, self._reader)

    def _get(self, context: Context, kind: Kind, reader: LogReader) -> Response:
        output = output_of(context.header("HTTP_ACCEPT"))
        info = context.info
        query = parse_query(info.namespace, "")
        needle = b'"auditID":' + orjson.dumps(info.name)
        for line in reader.lines():
            if needle in line.text:
                event = _decoded(line)
                if event is not None and event.get("auditID") == info.name and query.matches(event):
                    return _one(context, output, kind, audit_event(event))
        raise NotFound.of(kind.resource.group_resource, info.name)

    def _list(self, context: Context, kind: Kind, reader: LogReader) -> Response:
        output = output_of(context.header("HTTP_ACCEPT"))
        options = list_options(context)
        query, without_labels = self._query(context)
        limit = min(options.limit or PAGE, PAGE)
        before = _position(options.token) if options.token else None
        items, token = _page(reader, query, limit, before) if without_labels else ([], "")
        return _many(context, output, kind, items, {"resourceVersion": "", **({"continue": token} if token else {})})

    @staticmethod
    def _query(context: Context) -> tuple[Query, bool]:
        """(what is asked for, whether it may be without labels, as every event is)."""
        fields, labels = (context.query.get(name) or "" for name in ("fieldSelector", "labelSelector"))
        try:
            return parse_query(context.info.namespace, fields), parse_label_selector(labels).matches({})
        except ValueError as error:
            raise BadRequest(str(error)) from None


def _page(reader: LogReader, query: Query, limit: int, before: Position | None) -> tuple[list[Object], str]:
    """(the next events that are asked for, where to go on: empty where there are none)."""
    items: list[Object] = []
    last: Position | None = None
    needles, until = query.needles(), time.monotonic() + SECONDS
    try:
        for line in reader.lines(before):
            if last is not None and (len(items) >= limit or time.monotonic() > until):
                return items, _token(last)
            last = line.position
            if needles and not all(needle in line.text for needle in needles):
                continue
            event = _decoded(line)
            if event is None:
                continue
            if query.ends_at(event):
                break
            if query.matches(event) and query.is_young(event):
                items.append(audit_event(event))
    except Gone:
        raise Expired("The provided continue parameter is too old: the audit log no longer has what it names; list again") from None
    return items, ""


def _decoded(line: Line) -> Object | None:
    """The event of a line; None for a line that is none."""
    try:
        event = orjson.loads(line.text)
    except orjson.JSONDecodeError:
        return None
    return event if isinstance(event, dict) else None


def _token(position: Position) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([position.file, position.offset])).rstrip(b"=").decode()


def _position(token: str) -> Position:
    try:
        file, offset = orjson.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    except (binascii.Error, ValueError, TypeError):
        raise BadRequest("continue key is not valid: it is none that a list of auditevents answered") from None
    if not isinstance(file, str) or not isinstance(offset, int) or isinstance(offset, bool) or not 0 <= offset < 1 << 53:
        raise BadRequest("continue key is not valid: it is none that a list of auditevents answered")
    return Position(file, offset)


def _one(context: Context, output: Output, kind: Kind, obj: Object) -> Response:
    if output.form == OBJECT:
        return value_response(context, output, obj)
    if output.form == TABLE:
        return body_response(context, output, tables.table(kind, output.version, [obj], {}, _include(context)))
    if output.form == PARTIAL:
        return value_response(context, output, tables.partial(obj, output.version))
    raise NotAcceptable.of(ACCEPTED)


def _many(context: Context, output: Output, kind: Kind, items: list[Object], metadata: Object) -> Response:
    if output.form == OBJECT:
        body: dict[str, Any] = {"kind": kind.list_kind, "apiVersion": API_VERSION, "metadata": metadata, "items": items}
        return value_response(context, output, body)
    objects: Iterator[Object] = iter(items)
    if output.form == TABLE:
        return body_response(context, output, tables.table(kind, output.version, objects, metadata, _include(context)))
    if output.form == PARTIAL_LIST:
        return body_response(context, output, tables.partial_list(objects, output.version, metadata))
    raise NotAcceptable.of(ACCEPTED)


def _include(context: Context) -> str:
    return context.query.get("includeObject") or ""
