"""From a RequestInfo to what serves it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from cluster.api.errors import MethodNotAllowed, NotFound
from cluster.api.names import GroupResource
from cluster.kinds.catalog import Catalog, is_stored
from cluster.kinds.model import Kind
from cluster.server.context import Context, Handler
from cluster.server.resources import Resources
from cluster.server.response import Response

SubHandler = Callable[[Context, Kind], Response]


class Dispatcher:
    """The last of the pipeline: stored kinds, subresources, virtual kinds, and paths that are no resources."""

    def __init__(
        self,
        catalog: Catalog,
        resources: Resources,
        subresource: SubHandler,
        virtual: SubHandler,
        elsewhere: Handler,
        creates: Mapping[GroupResource, SubHandler] | None = None,
    ) -> None:
        """`elsewhere` serves what is no resource; `creates` the creation of stored kinds whose answer is more than the object."""
        self._catalog = catalog
        self._resources = resources
        self._subresource = subresource
        self._virtual = virtual
        self._elsewhere = elsewhere
        self._creates = creates or {}

    def __call__(self, context: Context) -> Response:
        info = context.info
        if not info.is_resource:
            return self._elsewhere(context)
        kind = self._catalog.find(info.group, info.version, info.resource)
        if kind is None or (info.prefix == "api") != (info.group == ""):
            raise NotFound.path()
        namespace, parts, subresource = info.namespace, info.parts, info.subresource
        if kind.namespaced:
            if not namespace and info.name and not info.by_path and len(parts) > 1:
                raise NotFound.path()
        # What was authorized was authorized for that namespace: only the namespace itself is in it, and nothing else of the cluster's.
        elif namespace and parts[:2] != ("namespaces", namespace):
            raise NotFound.path()
        if len(parts) > 3 and subresource != "proxy":
            raise NotFound.path()
        if context.method == "HEAD" and subresource != "proxy" and subresource in ("", *kind.subresources):
            raise MethodNotAllowed.plain()  # authorized as a GET, it is served for proxies alone
        if subresource:
            return self._subresource(context, kind)
        if not is_stored(kind):
            return self._virtual(context, kind)
        if not namespace and kind.namespaced and info.verb in ("create", "deletecollection"):
            raise MethodNotAllowed.plain()
        if info.verb == "create" and kind.storage in self._creates:
            return self._creates[kind.storage](context, kind)
        return self._resources.handle(context, kind)


class Paths:
    """What is no resource: by its path, or by the tree that its path is in."""

    def __init__(self, paths: Mapping[str, Handler], trees: Mapping[str, Handler]) -> None:
        self._paths = paths
        self._trees = trees

    def __call__(self, context: Context) -> Response:
        path = context.info.path
        handler = self._paths.get(path) or self._paths.get(path.rstrip("/") or "/")
        if handler is None:
            head = "/" + path.strip("/").partition("/")[0]
            handler = self._trees.get(head)
        if handler is None:
            raise NotFound.path()
        if context.method not in ("GET", "HEAD"):
            raise MethodNotAllowed.plain()
        return handler(context)
