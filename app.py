"""The API server's pipeline, put together in one place: `create_app(config)` makes the Flask application of it.

Every request, whatever its path, takes the same way: through `pipeline`, read from top to bottom, to the dispatcher.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from flask import Flask
from werkzeug.datastructures import MultiDict
from werkzeug.wsgi import get_path_info

from cluster.assembly.api_server import ApiServer, Parts
from cluster.assembly.config import Config
from cluster.server import filters
from cluster.server.audit import with_audit, with_failure_audit
from cluster.server.authentication import with_authentication
from cluster.server.context import Context, Filter, Handler, Query, QueryReader, compose
from cluster.server.responses import send

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_NO_QUERY: Final[MultiDict[str, str]] = Query()


def pipeline(parts: Parts) -> list[Filter]:
    """What a request passes before it is dispatched, in this order."""
    return [
        filters.with_recovery,
        filters.with_audit_id,
        filters.with_request_info,
        parts.counted,
        with_failure_audit(parts.auditor),
        filters.with_deadline,
        with_authentication(parts.authentication),
        with_audit(parts.auditor),
        parts.streams.filter(lambda context: filters.is_long_running(context.info)),
        filters.with_newest_rights(parts.settle),
        filters.with_impersonation(parts.authorizer, parts.counted.impersonation_checked),
        filters.with_authorization(parts.authorizer),
    ]


class Application(Flask):
    """Flask with one catch-all in place of routes: every method and path is served by the same handler, matched by nothing."""

    def __init__(self, server: ApiServer) -> None:
        super().__init__("berth", static_folder=None)
        self.extensions["berth"] = server
        self._server = server
        self._handler: Handler | None = None

    def wsgi_app(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serves one request, without Flask's context of it: nothing here reads that, and it would cost a fifth of a GET."""
        if self._handler is None:
            parts = self._server.start()
            self._handler = compose(pipeline(parts), parts.dispatcher)
        query = QueryReader(environ).args if environ.get("QUERY_STRING") else _NO_QUERY
        path = "/" + get_path_info(environ).lstrip("/")
        return send(self._handler(Context(environ, environ["REQUEST_METHOD"].upper(), path, query)), environ, start_response)


def create_app(config: Config, server: ApiServer | None = None) -> Flask:
    """The WSGI application of a cluster's API server.  Its store is connected at the first request, or when `server` is started."""
    return Application(server or ApiServer(config))
