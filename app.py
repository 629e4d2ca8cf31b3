"""The API server's pipeline, put together in one place: `create_app(config)` makes the Flask application of it.

Every request, whatever its path, takes the same way: through `pipeline`, read from top to bottom, to the dispatcher.  A policy's tests take
it, too, without a server: what serves HTTP is loaded where an application is made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cluster.server import filters
from cluster.server.authentication import with_authentication
from cluster.server.context import Filter, Handler, compose
from rbac.impersonation import uncounted

if TYPE_CHECKING:
    from flask import Flask

    from cluster.assembly.api_server import ApiServer
    from cluster.assembly.config import Config
    from cluster.assembly.parts import Parts


def pipeline(parts: Parts) -> list[Filter]:
    """What a request passes before it is dispatched, in this order; of a part that there is none of it passes nothing."""
    auditor, counted, streams, settle = parts.auditor, parts.counted, parts.streams, parts.settle
    if auditor is not None:
        from cluster.server.audit import with_audit, with_failure_audit

    every = [
        filters.with_headers if parts.sent else None,
        filters.with_recovery,
        filters.with_request_info,
        counted,
        with_failure_audit(auditor) if auditor is not None else None,
        filters.with_deadline(parts.start_timer),
        with_authentication(parts.authentication),
        with_audit(auditor) if auditor is not None else None,
        streams.filter(lambda context: filters.is_long_running(context.info)) if streams is not None else None,
        filters.with_newest_rights(settle) if settle is not None else None,
        filters.with_impersonation(parts.authorizer, counted.impersonation_checked if counted is not None else uncounted),
        filters.with_authorization(parts.authorizer),
    ]
    return [each for each in every if each is not None]


def handler(parts: Parts) -> Handler:
    """The whole way of a request."""
    return compose(pipeline(parts), parts.dispatcher)


def create_app(config: Config, server: ApiServer | None = None) -> Flask:
    """The WSGI application of a cluster's API server.  Its store is connected at the first request, or when `server` is started."""
    from cluster.assembly.api_server import ApiServer
    from cluster.server.application import Application

    serving = server or ApiServer(config)
    return Application(serving, lambda: handler(serving.start()))
