"""The API server's pipeline, put together in one place: `create_app(config)` makes the Flask application of it.

Every request, whatever its path, takes the same way: through `pipeline`, read from top to bottom, to the dispatcher.
"""

from __future__ import annotations

from flask import Flask, request
from werkzeug.datastructures import ImmutableMultiDict, MultiDict
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from cluster.api.errors import MethodNotAllowed
from cluster.assembly.api_server import ApiServer, Parts
from cluster.assembly.config import Config
from cluster.server import filters
from cluster.server.context import Context, Filter, Handler, compose
from cluster.server.responses import error_response

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_NO_QUERY: MultiDict[str, str] = ImmutableMultiDict()


def pipeline(parts: Parts) -> list[Filter]:
    """What a request passes before it is dispatched, in this order."""
    return [
        filters.with_recovery,
        filters.with_audit_id,
        filters.with_request_info,
        filters.with_deadline,
        filters.with_authentication(parts.authentication.authenticator),
        filters.with_impersonation(parts.authorizer),
        filters.with_authorization(parts.authorizer),
    ]


def create_app(config: Config, server: ApiServer | None = None) -> Flask:
    """The WSGI application of a cluster's API server.  Its store is connected at the first request, or when its ApiServer is started."""
    server = server or ApiServer(config)
    app = Flask("berth", static_folder=None)
    app.response_class = Response  # type: ignore[assignment] # a stream's response must reach the WSGI server as it is
    app.url_map.merge_slashes = False
    app.extensions["berth"] = server
    handlers: list[Handler] = []

    def serve(path: str = "") -> Response:  # noqa: ARG001 - the pipeline reads the path itself
        if not handlers:
            parts = server.start()
            handlers.append(compose(pipeline(parts), parts.dispatcher))
        return handlers[0](_context())

    for rule in ("/", "/<path:path>"):
        app.add_url_rule(rule, view_func=serve, methods=METHODS, provide_automatic_options=False)
        app.add_url_rule(rule, view_func=serve, methods=("GET",), provide_automatic_options=False, websocket=True)
    app.register_error_handler(HTTPException, _refused)
    return app


def _context() -> Context:
    environ = request.environ
    query = request.args if environ.get("QUERY_STRING") else _NO_QUERY
    return Context(request, environ, request.method, request.path, query)


def _refused(error: HTTPException) -> Response:  # noqa: ARG001 - whatever Flask refuses is a method that no path has
    return error_response(_context(), MethodNotAllowed.plain())
