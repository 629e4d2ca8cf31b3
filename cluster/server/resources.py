"""The generic verbs over HTTP: a request's parameters and body in, a verb of the registry, its outcome out."""

from __future__ import annotations

from typing import Any, Final

import orjson

from cluster.api.authorization import Authorizer
from cluster.api.errors import BadRequest, MethodNotAllowed, NotAcceptable
from cluster.api.names import GroupVersionKind, Object
from cluster.kinds.model import Kind
from cluster.registry import create, delete, patch, read
from cluster.registry import update as updating
from cluster.registry.metadata import match_name, match_namespace
from cluster.registry.patch import Patch
from cluster.registry.registry import Call, Registry
from cluster.registry.selection import Selection, select
from cluster.registry.watch import Events
from cluster.server import body, tables
from cluster.server.context import Context
from cluster.server.disconnect import watch_response
from cluster.server.negotiation import ACCEPTED, OBJECT, PARTIAL, PARTIAL_LIST, TABLE, Output, input_type, output_of, patch_type
from cluster.server.options import call_of, delete_options, list_options, watch_options, write_call
from cluster.server.render import list_body, object_response, page_response, value_response
from cluster.server.response import Response

_DELETE_OPTIONS: Final = GroupVersionKind("meta.k8s.io", "v1", "DeleteOptions")
_INTERNAL: Final = "meta.k8s.io/__internal"
"""The version that audit events show of delete options, which upstream decodes into its own form first."""
_OF_ONE: Final = frozenset({"update", "patch", "delete"})
PATCHES: Final = (patch.JSON_PATCH, patch.MERGE_PATCH, patch.STRATEGIC_PATCH)


class Resources:
    """Serves the kinds that are stored."""

    def __init__(self, registry: Registry, authorizer: Authorizer) -> None:
        self._registry = registry
        self._authorizer = authorizer
        self._verbs = {
            "get": self.get,
            "list": self.list,
            "watch": self.watch,
            "create": self.create,
            "update": self.update,
            "patch": self.patch,
            "delete": self.delete,
            "deletecollection": self.delete_collection,
        }

    def handle(self, context: Context, kind: Kind) -> Response:
        """Serves the main resource; MethodNotAllowed for a verb that the kind does not have."""
        verb = context.info.verb
        handler = self._verbs.get(verb)
        if handler is None or verb not in kind.verbs or (verb in _OF_ONE and not context.info.name):
            raise MethodNotAllowed.plain()
        return handler(context, kind)

    def get(self, context: Context, kind: Kind) -> Response:
        output = output_of(context.header("HTTP_ACCEPT"))
        info = context.info
        entry = read.get(self._registry, kind, info.namespace if kind.namespaced else "", info.name)
        return object_response(context, output, self._registry.codec(kind), entry)

    def list(self, context: Context, kind: Kind) -> Response:
        output = output_of(context.header("HTTP_ACCEPT"))
        selection = self._selection(context, kind)
        page = read.list_page(self._registry, kind, _scope(context, kind, selection), selection, list_options(context))
        return page_response(context, output, self._registry.codec(kind), page)

    def watch(self, context: Context, kind: Kind) -> Response:
        output = output_of(context.header("HTTP_ACCEPT"), stream=True)
        selection = self._selection(context, kind)
        options = watch_options(context)
        codec = self._registry.codec(kind)
        form = bookmark = None
        if output.form != OBJECT:
            shown = WatchForm(kind, output, context.query.get("includeObject") or "")
            form, bookmark = lambda entry: shown.show(codec.load(entry)), shown.bookmark
        events = Events(self._registry, kind, _scope(context, kind, selection), selection, options, form, bookmark)
        return watch_response(context, events)

    def create(self, context: Context, kind: Kind) -> Response:
        info = context.info
        if info.name:
            raise MethodNotAllowed.plain()
        output = output_of(context.header("HTTP_ACCEPT"))
        call, obj = self.sent(context, kind, "CreateOptions")
        result = create.create(self._registry, call, kind, info.namespace if kind.namespaced else "", obj)
        return object_response(context, output, self._registry.codec(kind), result, 201)

    def update(self, context: Context, kind: Kind) -> Response:
        output = output_of(context.header("HTTP_ACCEPT"))
        call, sent = self.sent(context, kind, "UpdateOptions")
        result, created = updating.update(self._registry, call, self.target(context, kind, sent), self.always(sent))
        return object_response(context, output, self._registry.codec(kind), result, 201 if created else 200)

    def patch(self, context: Context, kind: Kind) -> Response:
        media_type = patch_type(context.header("CONTENT_TYPE"), PATCHES)
        output = output_of(context.header("HTTP_ACCEPT"))
        call = self.call(context, "PatchOptions")
        change = self.patched(context, call, media_type)
        make = patch.maker(self._registry, call, kind.gvk, context.info.name, change)
        result, _ = updating.update(self._registry, call, self.target(context, kind, None), make)
        return object_response(context, output, self._registry.codec(kind), result)

    def delete(self, context: Context, kind: Kind) -> Response:
        output = output_of(context.header("HTTP_ACCEPT"))
        info = context.info
        options, shown, dry_run = delete_options(context, self.options_body(context))
        call = call_of(context, shown, dry_run)
        outcome = delete.delete(self._registry, call, kind, info.namespace if kind.namespaced else "", info.name, options)
        code = 202 if not outcome.gone and options.orphan is False else 200
        if outcome.entry is not None:
            return object_response(context, output, self._registry.codec(kind), outcome.entry, code)
        details: Object = {"name": info.name, "kind": kind.resource.resource, "uid": outcome.uid}
        if kind.gvk.group:
            details["group"] = kind.gvk.group
        return value_response(context, output, _success(details), code)

    def delete_collection(self, context: Context, kind: Kind) -> Response:
        output = output_of(context.header("HTTP_ACCEPT"))
        selection = self._selection(context, kind)
        list_options(context)
        options, shown, dry_run = delete_options(context, self.options_body(context))
        call = call_of(context, shown, dry_run)
        scope = _scope(context, kind, selection)
        revision, entries = delete.delete_collection(self._registry, call, kind, scope, selection, options)
        page = read.Page(revision, entries)
        if output.form != OBJECT:
            return page_response(context, output, self._registry.codec(kind), page)
        listed = list_body(self._registry.codec(kind), {"resourceVersion": str(revision)}, entries)
        return value_response(context, output, orjson.loads(listed))

    # what the subresources share

    def target(self, context: Context, kind: Kind, sent: Object | None) -> updating.Target:
        """The main resource as a target of update; one that was sent must be for the URL's name."""
        info = context.info
        if sent is not None:
            match_name(sent, info.name)
            match_namespace(sent, info.namespace if kind.namespaced else "")
        may_create = sent is not None and kind.strategy.allow_create_on_update
        return updating.Target(kind, info.namespace if kind.namespaced else "", info.name, may_create=may_create)

    def sent(self, context: Context, kind: Kind, options: str, gvk: GroupVersionKind | None = None) -> tuple[Call, Object]:
        """The call and the decoded object of a create or update; `gvk` where it is of another kind."""
        media_type = input_type(context.header("CONTENT_TYPE"))
        call = self.call(context, options)
        return call, self.decoded(context, call, gvk or kind.gvk, media_type)

    def decoded(self, context: Context, call: Call, gvk: GroupVersionKind, media_type: str) -> Object:
        """The body as an object of a kind."""
        value, duplicates = body.parse_object(body.read(context), media_type, self._registry.schemas, gvk)
        decoded = self._registry.decode(call, gvk, value, duplicates)
        if context.audit is not None:
            context.audit.request_object(self._recorded(decoded, gvk) if context.audit.wants_request else decoded)
        return decoded

    def _recorded(self, decoded: Object, gvk: GroupVersionKind) -> Object:
        """What audit events show of a request's object: it has its defaults, as upstream's decoder sets them."""
        copied, kind = _copied(decoded), self._registry.catalog.by_kind(gvk)
        if kind is not None:
            kind.strategy.default(copied)
        return copied

    @staticmethod
    def patched(context: Context, call: Call, media_type: str) -> Patch:
        """The body as a patch."""
        data = body.read(context)
        if context.audit is not None:
            context.audit.request_patch(data)
        return patch.parse(call, media_type, data)

    def options_body(self, context: Context) -> Object | None:
        """The DeleteOptions in the body, undecoded; None where there is no body."""
        data = body.read(context)
        if not data:
            return None
        media_type = input_type(context.header("CONTENT_TYPE"))
        value, _ = body.parse_object(data, media_type, self._registry.schemas, _DELETE_OPTIONS)
        if value.get("kind", "DeleteOptions") != "DeleteOptions":
            raise BadRequest("decoded object cannot be converted to DeleteOptions")
        if context.audit is not None:
            context.audit.request_object({"kind": "DeleteOptions", **value, "apiVersion": _INTERNAL})
        return value

    @staticmethod
    def always(sent: Object) -> updating.Make:
        """The object that was sent, a new copy each time."""
        return lambda _: _copied(sent)

    def call(self, context: Context, options: str) -> Call:
        call = write_call(context, options)
        call.authorizer = self._authorizer
        return call

    def _selection(self, context: Context, kind: Kind) -> Selection:
        info, query = context.info, context.query
        labels, fields = query.get("labelSelector") or "", query.get("fieldSelector") or ""
        return select(self._registry.codec(kind), labels, fields, info.name)


def _scope(context: Context, kind: Kind, selection: Selection) -> str | None:
    """The namespace that is listed; None for all."""
    if not kind.namespaced:
        return ""
    return context.info.namespace or selection.namespace or None


def _copied(obj: Object) -> Object:
    copied: Object = orjson.loads(orjson.dumps(obj))
    return copied


def _success(details: Object) -> Object:
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}


class WatchForm:
    """Objects of one watch as Tables of one row, or as their metadata; only the first Table names its columns."""

    def __init__(self, kind: Kind, output: Output, include: str) -> None:
        if output.form == PARTIAL_LIST or include not in tables.INCLUDE:
            raise NotAcceptable.of(ACCEPTED)
        self._kind = kind
        self._output = output
        self._include = include
        self._headers = True

    def show(self, obj: Object) -> bytes:
        if self._output.form == PARTIAL:
            return orjson.dumps(tables.partial(obj, self._output.version))
        assert self._output.form == TABLE
        metadata = {"resourceVersion": obj["metadata"].get("resourceVersion", "")}
        shown = tables.table(self._kind, self._output.version, [obj], metadata, self._include, headers=self._headers)
        self._headers = False
        return shown

    def bookmark(self, revision: int, initial: bool) -> bytes:
        from cluster.registry.watch import INITIAL_EVENTS_END

        metadata: dict[str, Any] = {"resourceVersion": str(revision)}
        if initial:
            metadata["annotations"] = {INITIAL_EVENTS_END: "true"}
        version = f"meta.k8s.io/{self._output.version}"
        if self._output.form == TABLE:
            table_metadata = {"resourceVersion": str(revision)}
            row = {"cells": [], "object": {"kind": PARTIAL, "apiVersion": version, "metadata": metadata}}
            rows = [row] if initial else []
            shown: Object = {"kind": TABLE, "apiVersion": version, "metadata": table_metadata, "columnDefinitions": None, "rows": rows}
        else:
            shown = {"kind": PARTIAL, "apiVersion": version, "metadata": metadata}
        return b'{"type":"BOOKMARK","object":%s}\n' % orjson.dumps(shown)
