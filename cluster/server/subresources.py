"""Subresources over HTTP."""

from __future__ import annotations

from flask import Response

from cluster.api.errors import MethodNotAllowed, NotFound
from cluster.kinds.model import Kind
from cluster.registry import patch, read, update
from cluster.registry.registry import Registry
from cluster.server import body
from cluster.server.context import Context
from cluster.server.negotiation import output_of, patch_type
from cluster.server.render import object_response
from cluster.server.resources import PATCHES, Resources


class Subresources:
    """Serves what stands below a resource's name."""

    def __init__(self, registry: Registry, resources: Resources) -> None:
        self._registry = registry
        self._resources = resources

    def __call__(self, context: Context, kind: Kind) -> Response:
        info = context.info
        known = kind.subresources.get(info.subresource)
        if known is None or (kind.namespaced and not info.namespace):
            raise NotFound.path()
        if info.verb not in known.verbs:
            raise MethodNotAllowed.plain()
        return self._part(context, kind)

    def _part(self, context: Context, kind: Kind) -> Response:
        """A subresource that is the same object seen in part: `status`, `finalize`, `approval` and the like."""
        info = context.info
        output = output_of(context.header("HTTP_ACCEPT"))
        codec = self._registry.codec(kind)
        namespace = info.namespace if kind.namespaced else ""
        if info.verb == "get":
            return object_response(context, output, codec, read.get(self._registry, kind, namespace, info.name))
        target = update.Target(kind, namespace, info.name, info.subresource)
        if info.verb == "patch":
            media_type = patch_type(context.header("CONTENT_TYPE"), PATCHES)
            call = self._resources.call(context, "PatchOptions")
            make = patch.maker(self._registry, call, kind, info.name, patch.Patch(media_type, body.parse_patch(body.read(context))))
        else:
            call, sent = self._resources.sent(context, kind, "UpdateOptions")
            self._resources.target(context, kind, sent)
            make = self._resources.always(sent)
        result, _ = update.update(self._registry, call, target, make)
        return object_response(context, output, codec, result)
