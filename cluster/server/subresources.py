"""Subresources over HTTP: parts of an object, and actions on one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from admission.attributes import Operation
from cluster.api.authorization import Attributes, Authorizer
from cluster.api.errors import MethodNotAllowed, NotFound
from cluster.api.names import GroupResource, GroupVersionKind, Object
from cluster.api.protocols import Reader
from cluster.kinds.model import Kind
from cluster.registry import binding, eviction, patch, read, scale, update
from cluster.registry.registry import Call, Registry, attributes
from cluster.server import streaming
from cluster.server.context import Context, Query
from cluster.server.dispatch import SubHandler
from cluster.server.negotiation import output_of, patch_type
from cluster.server.options import delete_options, write_call
from cluster.server.render import object_response, value_response
from cluster.server.resources import PATCHES, Resources
from cluster.server.response import Response
from cluster.server.streaming import KubeletTLS, StreamRequest
from rbac.authz.messages import forbidden

if TYPE_CHECKING:
    from rbac.authn.service_accounts import TokenSigner

TOKEN_REQUEST: Final = GroupVersionKind("authentication.k8s.io", "v1", "TokenRequest")
_CREATED: Final[Object] = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}
_PODS: Final = ("", "pods")
_NODES: Final = GroupResource("", "nodes")
_FLAGS: Final = ("stdin", "stdout", "stderr", "tty")


class Actions(Struct, frozen=True):
    """What subresources need beside the registry."""

    reader: Reader
    authorizer: Authorizer
    signer: TokenSigner
    kubelet: KubeletTLS
    connect: Callable[[StreamRequest], Response] = streaming.connect
    """Serves a stream once it may be."""


class Subresources:
    """Serves what stands below a resource's name."""

    def __init__(self, registry: Registry, resources: Resources, actions: Actions, own: Mapping[tuple[str, str, str], SubHandler]) -> None:
        self._registry = registry
        self._resources = resources
        self._actions = actions
        self._special: dict[tuple[str, str, str], SubHandler] = {
            **own,
            (*_PODS, "binding"): self._bind,
            (*_PODS, "eviction"): self._evict,
            ("", "serviceaccounts", "token"): self._token,
        }

    def __call__(self, context: Context, kind: Kind) -> Response:
        info = context.info
        known = kind.subresources.get(info.subresource)
        if known is None or (kind.namespaced and not info.namespace):
            raise NotFound.path()
        if info.verb not in known.verbs:
            raise MethodNotAllowed.plain()
        if kind.resource.group_resource == _PODS and info.subresource in streaming.SUBRESOURCES:
            return self._stream(context, kind)
        if info.subresource == "scale":
            return self._scale(context, kind)
        special = self._special.get((info.group, info.resource, info.subresource))
        if special is not None:
            return special(context, kind)
        if info.verb not in ("get", "update", "patch") or not _is_part(kind, info.subresource):
            raise MethodNotAllowed.plain()
        return self._part(context, kind)

    def _part(self, context: Context, kind: Kind) -> Response:
        """The same object seen in part: `status`, `finalize`, `approval` and the like."""
        info = context.info
        output = output_of(context.header("HTTP_ACCEPT"))
        codec = self._registry.codec(kind)
        namespace = info.namespace if kind.namespaced else ""
        name = info.name
        if info.verb == "get":
            return object_response(context, output, codec, read.get(self._registry, kind, namespace, name))
        if kind.resource.group_resource == ("", "namespaces"):
            namespace = ""
        call, make = self._change(context, kind)
        result, _ = update.update(self._registry, call, update.Target(kind, namespace, name, info.subresource), make)
        return object_response(context, output, codec, result)

    def _change(self, context: Context, kind: Kind) -> tuple[Call, update.Make]:
        if context.info.verb == "patch":
            call, change = self._patch(context)
            return call, patch.maker(self._registry, call, kind.gvk, context.info.name, change)
        call, sent = self._resources.sent(context, kind, "UpdateOptions")
        self._resources.target(context, kind, sent)
        return call, self._resources.always(sent)

    def _patch(self, context: Context) -> tuple[Call, patch.Patch]:
        """A media type that is not served is told of first: what else is wrong may depend on it."""
        media_type = patch_type(context.header("CONTENT_TYPE"), PATCHES)
        call = self._resources.call(context, "PatchOptions")
        return call, self._resources.patched(context, call, media_type)

    def _scale(self, context: Context, kind: Kind) -> Response:
        info = context.info
        output = output_of(context.header("HTTP_ACCEPT"), transforms=False)
        if info.verb == "get":
            return value_response(context, output, scale.get(self._registry, kind, info.namespace, info.name))
        if info.verb == "patch":
            call, change = self._patch(context)
            make = patch.maker(self._registry, call, scale.SCALE, info.name, change)
        else:
            call, sent = self._resources.sent(context, kind, "UpdateOptions", scale.SCALE)
            make = self._resources.always(sent)
        return value_response(context, output, scale.replace(self._registry, call, kind, info.namespace, info.name, make))

    def _bind(self, context: Context, kind: Kind) -> Response:
        info = context.info
        output = output_of(context.header("HTTP_ACCEPT"), transforms=False)
        call, sent = self._resources.sent(context, kind, "CreateOptions", binding.BINDING)
        binding.bind(self._registry, call, kind, info.namespace, info.name, sent)
        return value_response(context, output, _CREATED, 201)

    def legacy_binding(self, context: Context, kind: Kind) -> Response:
        """POST to `bindings`, where the name is in the body alone."""
        output = output_of(context.header("HTTP_ACCEPT"), transforms=False)
        call, sent = self._resources.sent(context, kind, "CreateOptions")
        binding.bind(self._registry, call, kind, context.info.namespace, (sent.get("metadata") or {}).get("name") or "", sent)
        return value_response(context, output, _CREATED, 201)

    def _evict(self, context: Context, kind: Kind) -> Response:
        info = context.info
        output = output_of(context.header("HTTP_ACCEPT"), transforms=False)
        call, sent = self._resources.sent(context, kind, "CreateOptions", eviction.EVICTION)
        options, _, dry_run = delete_options(context, sent.get("deleteOptions") or {})
        call.dry_run = call.dry_run or dry_run
        eviction.evict(self._registry, call, kind, info.namespace, info.name, sent, options)
        return value_response(context, output, _CREATED, 201)

    def _token(self, context: Context, kind: Kind) -> Response:
        from rbac.reviews import token_request

        info = context.info
        output = output_of(context.header("HTTP_ACCEPT"), transforms=False)
        call, sent = self._resources.sent(context, kind, "CreateOptions", TOKEN_REQUEST)
        asked = attributes(call, Operation.CREATE, kind, info.namespace, info.name, sent, None, "token", TOKEN_REQUEST)
        self._registry.mutate(call, asked, kind)

        def admit(request: Object) -> None:
            asked.object = request
            self._registry.validate(call, asked)

        answer = token_request(
            sent,
            info.namespace,
            info.name,
            self._actions.signer,
            self._actions.reader,
            admit=admit,
            warnings=context.warnings,
            annotations=context.annotations,
        )
        return value_response(context, output, answer, 201)

    # streams

    def _stream(self, context: Context, kind: Kind) -> Response:
        info = context.info
        query = context.query
        if info.subresource != "log":
            self._may_connect(context)
            call = write_call(context, "")
            options = _options_of(context)
            gvk = GroupVersionKind("", "v1", options["kind"])
            asked = attributes(call, Operation.CONNECT, kind, info.namespace, info.name, options, None, info.subresource, gvk)
            self._registry.mutate(call, asked, kind)
            self._registry.validate(call, asked)
            query = _query_of(options)  # admission may have changed them
        reader = self._actions.reader
        request = StreamRequest(
            namespace=info.namespace,
            name=info.name,
            subresource=info.subresource,
            query=query,
            environ=context.environ,
            get_pod=lambda namespace, name: reader.get(kind.resource.group_resource, namespace, name),
            get_node=lambda name: reader.get(_NODES, "", name),
            kubelet=self._actions.kubelet,
        )
        return self._actions.connect(request)

    def _may_connect(self, context: Context) -> None:
        """An upgrade by GET does what a POST would, so it needs the right to create, too."""
        info = context.info
        if info.verb == "create":
            return
        question = Attributes(context.user, "create", info.namespace, info.group, info.version, info.resource, info.subresource, info.name)
        verdict = self._actions.authorizer.authorize(question)
        if not verdict.allowed:
            raise forbidden(question, verdict.reason)


def _is_part(kind: Kind, subresource: str) -> bool:
    """Whether a subresource shows the object itself, by rules of its own: without such rules a write would be bound by none (proxy)."""
    return subresource == "status" or subresource in kind.strategy.subresources


def _options_of(context: Context) -> Object:
    """What admission is shown of a connection: its options, as the query gives them."""
    kind = {"exec": "PodExecOptions", "attach": "PodAttachOptions", "portforward": "PodPortForwardOptions"}[context.info.subresource]
    options: Object = {"kind": kind, "apiVersion": "v1"}
    for key in _FLAGS:
        if key in context.query:
            options[key] = context.query.first(key).lower() not in ("false", "0")
    if "container" in context.query:
        options["container"] = context.query.first("container")
    if "command" in context.query:
        options["command"] = context.query.getlist("command")
    return options


def _query_of(options: Object) -> Query:
    """The options of a connection as a query again."""
    pairs = [(key, "true") for key in _FLAGS if options.get(key)]
    if options.get("container"):
        pairs.append(("container", options["container"]))
    return Query(pairs + [("command", each) for each in options.get("command") or ()])
