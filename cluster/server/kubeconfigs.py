"""Kubeconfigs over HTTP: what is issued is in the answer to the request that issues it, and nowhere else."""

from __future__ import annotations

from cluster.api.errors import MethodNotAllowed
from cluster.api.names import Object
from cluster.kinds.berth.kubeconfig_rules import SECRET_FIELDS
from cluster.kinds.model import Kind
from cluster.registry.kubeconfigs import Kubeconfigs, Request
from cluster.registry.metadata import match_name, match_namespace
from cluster.registry.registry import Call, Registry
from cluster.server import body
from cluster.server.context import Context
from cluster.server.negotiation import Output, input_type, output_of
from cluster.server.render import object_response
from cluster.server.resources import Resources
from cluster.server.response import Response


class KubeconfigHandlers:
    """Handlers of create, renew and revoke; the other verbs are those of any stored kind."""

    def __init__(self, registry: Registry, resources: Resources, kubeconfigs: Kubeconfigs) -> None:
        self._registry = registry
        self._resources = resources
        self._kubeconfigs = kubeconfigs

    def create(self, context: Context, kind: Kind) -> Response:
        if context.info.name:
            raise MethodNotAllowed.plain()
        output = output_of(context.header("HTTP_ACCEPT"))
        call, record = self._resources.sent(context, kind, "CreateOptions")
        created, file = self._kubeconfigs.create(self._request(context, kind, call), record)
        return self._issued(context, output, kind, created, file)

    def renew(self, context: Context, kind: Kind) -> Response:
        """The body may be empty, or a kubeconfig whose spec says how long and whether what was issued before is revoked."""
        output = output_of(context.header("HTTP_ACCEPT"))
        call, sent = self._optional(context, kind)
        spec = sent.get("spec") or {}
        request = self._request(context, kind, call)
        renewed, file = self._kubeconfigs.renew(request, context.info.name, spec.get("expirationSeconds"), spec.get("revokePrevious"))
        return self._issued(context, output, kind, renewed, file)

    def revoke(self, context: Context, kind: Kind) -> Response:
        output = output_of(context.header("HTTP_ACCEPT"))
        call, _ = self._optional(context, kind)
        revoked = self._kubeconfigs.revoke(self._request(context, kind, call), context.info.name)
        return object_response(context, output, self._registry.codec(kind), revoked, 201)

    @staticmethod
    def _request(context: Context, kind: Kind, call: Call) -> Request:
        return Request(call, context.requester, kind, context.info.namespace if kind.namespaced else "")

    def _optional(self, context: Context, kind: Kind) -> tuple[Call, Object]:
        """The call, and what was sent, if anything."""
        call = self._resources.call(context, "CreateOptions")
        data = body.read(context)
        if not data:
            return call, {}
        value, duplicates = body.parse_object(data, input_type(context.header("CONTENT_TYPE")), self._registry.schemas, kind.gvk)
        sent = self._registry.decode(call, kind.gvk, value, duplicates)
        if context.audit is not None:
            context.audit.request_object(sent)
        match_name(sent, context.info.name)
        match_namespace(sent, context.info.namespace if kind.namespaced else "")
        return call, sent

    def _issued(self, context: Context, output: Output, kind: Kind, record: Object, file: str) -> Response:
        if file:
            ((part, member),) = SECRET_FIELDS
            record[part][member] = file
        return object_response(context, output, self._registry.codec(kind), record, 201)
