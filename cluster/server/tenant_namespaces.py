"""Namespaces for those who may not list all of them: everyone sees the ones that they may `get`, and no trace of others.

`tenantnamespaces` is an endpoint of its own, so that `namespaces` keeps Kubernetes' semantics.  What a caller may not see answers
exactly as what does not exist.  Owners of a tenant make namespaces here, within its prefix and quota, and delete them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from cluster.api import field
from cluster.api.authorization import Attributes, Authorizer
from cluster.api.errors import Forbidden, Invalid, MethodNotAllowed, NotAcceptable, NotFound
from cluster.api.names import GroupKind, GroupResource, GroupVersionResource, Object
from cluster.api.tenancy import declared_names, tenant_of
from cluster.api.user import UserInfo
from cluster.kinds.berth.tenantnamespaces import of_namespace
from cluster.kinds.checks import IMMUTABLE
from cluster.kinds.model import Kind
from cluster.registry import delete, patch, read, update
from cluster.registry.codec import Codec
from cluster.registry.registry import Registry
from cluster.registry.selection import Selection, select
from cluster.server import tables
from cluster.server.context import Context
from cluster.server.disconnect import watch_response
from cluster.server.negotiation import ACCEPTED, OBJECT, PARTIAL, PARTIAL_LIST, TABLE, Output, output_of, patch_type
from cluster.server.options import call_of, delete_options, list_options, watch_options
from cluster.server.render import body_response, list_metadata, value_response
from cluster.server.resources import PATCHES, Resources, WatchForm
from cluster.server.response import Response
from cluster.server.tenant_claims import LAST_APPLIED, TenantClaims, refuse_metadata
from cluster.server.tenant_watch import AccessChanges, Sight, VisibleEvents
from cluster.storage.contract import Entry
from rbac.tenancy import may_assign, owns

_NAMESPACES: Final = GroupVersionResource("", "v1", "namespaces")
_KIND: Final = GroupResource("berth.io", "tenantnamespaces")


class _Visible(Selection, frozen=True):
    """A selection of namespaces that is narrowed to those that the caller may see."""

    may_see: Callable[[str], bool] = lambda _: False

    @property
    def everything(self) -> bool:
        return False

    def matches(self, entry: Entry, codec: Codec) -> bool:
        return Selection.matches(self, entry, codec) and self.may_see(entry.key.name)


class TenantNamespaces:
    """Serves the virtual kind."""

    def __init__(self, registry: Registry, resources: Resources, authorizer: Authorizer, changes: AccessChanges) -> None:
        self._registry = registry
        self._resources = resources
        self._authorizer = authorizer
        self._changes = changes
        namespaces = registry.catalog.find(*_NAMESPACES)
        assert namespaces is not None, "every version serves namespaces"
        self._namespaces = namespaces
        self._claims = TenantClaims(registry, namespaces, authorizer)
        self._verbs: Mapping[str, Callable[[Context, Kind], Response]] = {
            "get": self._get,
            "list": self._list,
            "watch": self._watch,
            "create": self._create,
            "patch": self._patch,
            "delete": self._delete,
        }

    def __call__(self, context: Context, kind: Kind) -> Response:
        if context.info.verb in ("create", "delete", "patch") and bool(context.info.name) == (context.info.verb == "create"):
            raise MethodNotAllowed.plain()
        return self._verbs[context.info.verb](context, kind)

    def _may_see(self, user: UserInfo) -> Callable[[str], bool]:
        """The rule: a namespace is visible to those who may `get` it."""
        ask = self._authorizer.authorize
        return lambda name: ask(Attributes(user, "get", name, "", "v1", "namespaces", name=name)).allowed

    def _visible(self, context: Context, name: str) -> Object:
        """The Namespace; NotFound where there is none and where the caller may not see it alike.

        It is read first: what is judged then is the newest of bindings, too, whichever worker wrote them.
        """
        codec = self._registry.codec(self._namespaces)
        entry = self._registry.store.get(codec.key("", name))
        if entry is None or not self._may_see(context.user)(name):
            raise NotFound.of(_KIND, name)
        return codec.load(entry)

    def _get(self, context: Context, kind: Kind) -> Response:
        output = output_of(context.header("HTTP_ACCEPT"))
        return _one(context, output, kind, of_namespace(self._visible(context, context.info.name)))

    def _selection(self, context: Context) -> _Visible:
        query = context.query
        codec = self._registry.codec(self._namespaces)
        chosen = select(codec, query.get("labelSelector") or "", query.get("fieldSelector") or "", context.info.name)
        return _Visible(chosen.labels, chosen.fields, chosen.keys, chosen.name, chosen.namespace, self._may_see(context.user))

    def _list(self, context: Context, kind: Kind) -> Response:
        output = output_of(context.header("HTTP_ACCEPT"))
        page = read.list_page(self._registry, self._namespaces, "", self._selection(context), list_options(context))
        codec = self._registry.codec(self._namespaces)
        objects = [of_namespace(codec.load(entry)) for entry in page.entries]
        metadata = list_metadata(page)
        if output.form == TABLE:
            include = context.query.get("includeObject") or ""
            return body_response(context, output, tables.table(kind, output.version, objects, metadata, include))
        if output.form == PARTIAL_LIST:
            return body_response(context, output, tables.partial_list(objects, output.version, metadata))
        if output.form != OBJECT:
            raise NotAcceptable.of(ACCEPTED)
        items = [{name: value for name, value in obj.items() if name not in ("kind", "apiVersion")} for obj in objects]
        head = {"kind": kind.list_kind, "apiVersion": str(kind.gvk.group_version), "metadata": metadata}
        return value_response(context, output, {**head, "items": items})

    def _watch(self, context: Context, kind: Kind) -> Response:
        output = output_of(context.header("HTTP_ACCEPT"), stream=True)
        shown = WatchForm(kind, output, context.query.get("includeObject") or "") if output.form != OBJECT else None
        sight = Sight(context.user, self._changes, self._selection(context), shown)
        return watch_response(context, VisibleEvents(self._registry, self._namespaces, kind, sight, watch_options(context)))

    def _create(self, context: Context, kind: Kind) -> Response:
        output = output_of(context.header("HTTP_ACCEPT"))
        call, sent = self._resources.sent(context, kind, "CreateOptions")
        return _one(context, output, kind, of_namespace(self._claims.create(call, sent)), 201)

    def _patch(self, context: Context, kind: Kind) -> Response:
        """So that `kubectl apply` works: what was applied may be noted, and nothing else is an owner's to change."""
        media_type = patch_type(context.header("CONTENT_TYPE"), PATCHES)
        output = output_of(context.header("HTTP_ACCEPT"))
        name = context.info.name
        namespace = self._visible(context, name)
        self._owned(context.user, name, tenant_of(namespace), "change")
        call = self._resources.call(context, "PatchOptions")
        change = self._resources.patched(context, call, media_type)
        apply = patch.maker(self._registry, call, kind.gvk, name, change)
        make = partial(_noted, name, apply)
        result, _ = update.update(self._registry, call, update.Target(self._namespaces, "", name), make)
        codec = self._registry.codec(self._namespaces)
        return _one(context, output, kind, of_namespace(codec.load(result) if isinstance(result, Entry) else result))

    def _delete(self, context: Context, kind: Kind) -> Response:
        output = output_of(context.header("HTTP_ACCEPT"))
        name = context.info.name
        namespace = self._visible(context, name)
        self._check_deletion(context.user, name, tenant_of(namespace))
        options, shown, dry_run = delete_options(context, self._resources.options_body(context))
        call = call_of(context, shown, dry_run)
        outcome = delete.delete(self._registry, call, self._namespaces, "", name, options)
        codec = self._registry.codec(self._namespaces)
        left = codec.load(outcome.entry) if outcome.entry is not None else namespace
        return _one(context, output, kind, of_namespace(left))

    def _check_deletion(self, user: UserInfo, name: str, tenant_name: str) -> None:
        """Forbidden for a namespace that is not the caller's to delete."""
        tenant = self._owned(user, name, tenant_name, "delete")
        if name in declared_names(tenant):
            why = f'tenant "{tenant_name}" declares it: an administrator takes it out of the tenant\'s spec.namespaces.names first'
            raise Forbidden.of(_KIND, name, why)

    def _owned(self, user: UserInfo, name: str, tenant_name: str, verb: str) -> Object:
        """The tenant of a namespace; Forbidden where it isn't the caller's."""
        tenant = self._claims.tenant(tenant_name) if tenant_name else None
        if tenant is None:
            raise Forbidden.of(_KIND, name, f"it belongs to no tenant: {verb} the namespace itself where you may")
        if not owns(user, tenant) and not may_assign(user, tenant_name, self._authorizer):
            raise Forbidden.of(_KIND, name, f'only owners of tenant "{tenant_name}" {verb} its namespaces')
        return tenant


def _noted(name: str, apply: Callable[[Object | None], Object], namespace: Object | None) -> Object:
    """The Namespace with the note of what was applied; Invalid for any other change."""
    assert namespace is not None, "an update that never creates"
    shown = of_namespace(namespace)
    patched = apply(shown)
    metadata = patched["metadata"]
    refuse_metadata(name, metadata, shown["metadata"])
    if (patched.get("spec") or {}).get("tenant", "") != shown["spec"]["tenant"]:
        raise Invalid.of(GroupKind(_KIND.group, "TenantNamespace"), name, [field.invalid("spec.tenant", patched["spec"], IMMUTABLE)])
    held = {key: value for key, value in (namespace["metadata"].get("annotations") or {}).items() if key != LAST_APPLIED}
    note = {key: value for key, value in (metadata.get("annotations") or {}).items() if key == LAST_APPLIED}
    namespace["metadata"] |= {"annotations": held | note, "resourceVersion": metadata.get("resourceVersion") or ""}
    return namespace


def _one(context: Context, output: Output, kind: Kind, obj: Object, code: int = 200) -> Response:
    if output.form == OBJECT:
        return value_response(context, output, obj, code)
    if output.form == TABLE:
        metadata = {"resourceVersion": obj["metadata"].get("resourceVersion", "")}
        include = context.query.get("includeObject") or ""
        return body_response(context, output, tables.table(kind, output.version, [obj], metadata, include), code)
    if output.form == PARTIAL:
        return value_response(context, output, tables.partial(obj, output.version), code)
    raise NotAcceptable.of(ACCEPTED)
