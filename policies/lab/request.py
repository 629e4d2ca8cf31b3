"""A case as the request that kubectl would send: method, path, query, body."""

from __future__ import annotations

import io
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import orjson
from msgspec import Struct

from cluster.api.names import GroupResource, GroupVersionKind, Object, parse_api_version
from cluster.kinds.catalog import Catalog
from cluster.kinds.model import Kind
from cluster.server.context import Context, Query
from policies.lab.manifests import Manifest
from policies.lab.suite import Case

_METHODS: Final = {
    "create": "POST",
    "update": "PUT",
    "patch": "PATCH",
    "delete": "DELETE",
    "deletecollection": "DELETE",
    "get": "GET",
    "list": "GET",
    "watch": "GET",
}
_NAMED: Final = frozenset({"update", "patch", "delete", "get"})
_WRITES: Final = frozenset({"create", "update", "patch"})
_VALIDATION: Final = ("fieldValidation", "Strict")
"""As kubectl asks for: a field that is misspelt in a manifest is told."""
_STRICT: Final = Query([_VALIDATION])
_NONE: Final = Query()
_JSON: Final = "application/json"


class Unfit(Exception):
    """There is no such request; says why."""


class Request(Struct, frozen=True):
    """`kind` is None for a path that is no resource's; `body` is what is sent, or None."""

    method: str
    path: str
    query: Query
    kind: Kind | None = None
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    content_type: str = _JSON
    body: Any = None

    def context(self, environ: Mapping[str, Any], body: Any) -> Context:
        """A request's context, as the WSGI application makes it; `environ` is what else the request carries."""
        method = self.method
        sent: dict[str, Any]
        if body is None:
            sent = {"REQUEST_METHOD": method, "wsgi.input": io.BytesIO(), **environ}
        else:
            data = orjson.dumps(body)
            length = str(len(data))
            kind = self.content_type
            sent = {"REQUEST_METHOD": method, "CONTENT_TYPE": kind, "CONTENT_LENGTH": length, "wsgi.input": io.BytesIO(data), **environ}
        return Context(sent, method, self.path, self.query)


def request_of(case: Case, catalog: Catalog) -> Request:
    """Unfit where the case names what this version does not serve, or leaves out what a request needs."""
    method = _METHODS[case.verb]
    query = _query(case)
    if case.path:
        return Request(method, case.path, query)
    kind = _kind(case, catalog)
    obj, subresource = case.object, case.subresource
    metadata = _metadata(obj if obj is not None else case.old.object if case.old is not None else {})
    namespace = _namespace(case, metadata) if kind.namespaced else ""
    name = case.resource_name or str(metadata.get("name") or "")
    path = _collection(kind, namespace)
    if case.verb in _NAMED or (subresource and case.verb == "create"):
        if not name:
            raise Unfit(f"{case.verb} needs a name: write resourceName")
        path = f"{path}/{name}"
    if subresource:
        path = f"{path}/{subresource}"
    content_type, body = (_JSON, obj) if case.patch is None else case.patch
    return Request(method, path, query, kind, namespace, name, subresource, content_type, body)


def _kind(case: Case, catalog: Catalog) -> Kind:
    if case.resource:
        return _by_resource(case.resource, catalog)
    of = case.old.object if case.old is not None and (case.subresource or case.object is None) else case.object
    assert of is not None, "a case has an object, or a resource"
    version, name = of.get("apiVersion"), of.get("kind")
    try:
        kind = _by_kind(catalog, str(version or ""), str(name or ""))
    except ValueError as error:
        raise Unfit(str(error)) from None
    if kind is None:
        raise Unfit(f'Kubernetes {catalog.version} serves no kind "{name}" of "{version}": name a resource, if it is not what is asked for')
    return kind


@lru_cache(maxsize=512)
def _by_kind(catalog: Catalog, version: str, name: str) -> Kind | None:
    return catalog.by_kind(GroupVersionKind(*parse_api_version(version), name))


def _by_resource(text: str, catalog: Catalog) -> Kind:
    """`pods`, `deployments.apps`, `deployments.v1.apps`."""
    resource, _, group = text.partition(".")
    kind = catalog.by_group_resource(GroupResource(group, resource))
    if kind is None and group:
        version, _, rest = group.partition(".")
        kind = catalog.find(rest, version, resource)
    if kind is None:
        raise Unfit(f'Kubernetes {catalog.version} serves no resource "{text}": write it as "deployments.apps" or "deployments.v1.apps"')
    return kind


def _namespace(case: Case, metadata: Object) -> str:
    if case.namespace is not None:
        return case.namespace
    of = metadata if metadata.get("namespace") or case.old is None else _metadata(case.old.object)
    return str(of.get("namespace") or "default")


def _metadata(obj: Object) -> Object:
    found = obj.get("metadata")
    return found if isinstance(found, dict) else {}


@lru_cache(maxsize=512)
def _collection(kind: Kind, namespace: str) -> str:
    """The path of a kind's objects, in a namespace if there is one."""
    group, version, resource = kind.resource
    path = f"/apis/{group}/{version}" if group else f"/api/{version}"
    return f"{path}/namespaces/{namespace}/{resource}" if namespace else f"{path}/{resource}"


def _query(case: Case) -> Query:
    if not case.query and not case.path and case.verb in _WRITES:
        return _STRICT
    pairs = list(case.query)
    if case.verb == "watch":
        pairs.append(("watch", "true"))
    if case.verb in _WRITES and not case.path and all(key != _VALIDATION[0] for key, _ in pairs):
        pairs.append(_VALIDATION)
    return Query(pairs) if pairs else _NONE


def placed_before(case: Case, request: Request) -> Manifest | None:
    """What is there before, in the namespace and by the name that the request is for."""
    old = case.old
    if old is None:
        return None
    metadata = _metadata(old.object)
    wanted = {"namespace": request.namespace} if request.namespace and not metadata.get("namespace") else {}
    if not metadata.get("name") and request.name:
        wanted["name"] = request.name
    return Manifest({**old.object, "metadata": {**metadata, **wanted}}, old.source, old.steps) if wanted else old
