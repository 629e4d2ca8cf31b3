"""The API server's pipeline, put together in one place: `create_app(config)` makes the Flask application of it.

Every request, whatever its path, takes the same way: through `pipeline`, read from top to bottom, to the dispatcher.
"""

from __future__ import annotations

from flask import Flask, Request, request
from werkzeug.datastructures import ImmutableMultiDict, MultiDict
from werkzeug.wrappers import Response

from cluster.assembly.api_server import ApiServer, Parts
from cluster.assembly.config import Config
from cluster.server import filters
from cluster.server.audit import with_audit, with_failure_audit
from cluster.server.authentication import with_authentication
from cluster.server.context import Context, Filter, Handler, compose

_NO_QUERY: MultiDict[str, str] = ImmutableMultiDict()


def pipeline(parts: Parts) -> list[Filter]:
    """What a request passes before it is dispatched, in this order."""
    return [
        filters.with_recovery,
        filters.with_audit_id,
        filters.with_request_info,
        with_failure_audit(parts.auditor),
        filters.with_deadline,
        with_authentication(parts.authentication),
        with_audit(parts.auditor),
        parts.streams.filter(lambda context: filters.is_long_running(context.info)),
        filters.with_impersonation(parts.authorizer),
        filters.with_authorization(parts.authorizer),
    ]


class Application(Flask):
    """Flask with one catch-all in place of routes: every method and path is served by the same handler, matched by nothing."""

    response_class = Response  # type: ignore[assignment] # a stream's response must reach the WSGI server as it is

    def __init__(self, server: ApiServer) -> None:
        super().__init__("berth", static_folder=None)
        self.extensions["berth"] = server
        self._server = server
        self._handler: Handler | None = None

    def create_url_adapter(self, request: Request | None) -> None:  # noqa: ARG002 - Flask's signature
        """There is nothing to match: see `dispatch_request`."""
        return

    def dispatch_request(self) -> Response:
        if self._handler is None:
            parts = self._server.start()
            self._handler = compose(pipeline(parts), parts.dispatcher)
        environ = request.environ
        query = request.args if environ.get("QUERY_STRING") else _NO_QUERY
        return self._handler(Context(request, environ, request.method, request.path, query))


def create_app(config: Config, server: ApiServer | None = None) -> Flask:
    """The WSGI application of a cluster's API server.  Its store is connected at the first request, or when `server` is started."""
    return Application(server or ApiServer(config))
