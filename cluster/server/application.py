"""The WSGI application: every method and path is served by the same handler, made when the first request comes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

from flask import Flask, Request
from werkzeug.wsgi import get_path_info

from cluster.server.context import Context, Handler, Query
from cluster.server.responses import send

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_NO_QUERY: Final = Query()


class Application(Flask):
    """Flask with one catch-all in place of routes, matched by nothing."""

    def __init__(self, server: Any, start: Callable[[], Handler]) -> None:
        """`server` is what others find as the extension "berth"; `start` makes the handler, once it is needed."""
        super().__init__("berth", static_folder=None)
        self.extensions["berth"] = server
        self._start = start
        self._handler: Handler | None = None

    def wsgi_app(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serves one request, without Flask's context of it: nothing here reads that, and it would cost a fifth of a GET."""
        if self._handler is None:
            self._handler = self._start()
        query = Query(Request(environ).args.items(multi=True)) if environ.get("QUERY_STRING") else _NO_QUERY
        path = "/" + get_path_info(environ).lstrip("/")
        return send(self._handler(Context(environ, environ["REQUEST_METHOD"].upper(), path, query)), environ, start_response)
