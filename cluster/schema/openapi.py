"""The OpenAPI documents that a server publishes, built from schemas and a table of paths.

`paths` maps a path to its methods; a method has `id` (its operationId) and, where it serves a kind, `action` and `gvk`
({"group", "version", "kind"}).  Everything here is pure and built on demand: a document is large, so whoever asks keeps its bytes.
Upstream: kube-openapi `pkg/{builder,builder3,handler3}`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, Final

import orjson

from cluster.api.names import GroupVersion, Object
from cluster.schema.model import INT_OR_STRING, QUANTITY, Schema, SchemaSet
from cluster.schema.openapi_parameters import parameters

Paths = Mapping[str, Mapping[str, Mapping[str, Any]]]

_META: Final = "io.k8s.apimachinery.pkg.apis.meta.v1."
_INFO: Final = {"title": "Kubernetes"}
_MEDIA: Final = ("application/json", "application/yaml")
_WATCH_MEDIA: Final = ("application/json;stream=watch",)
_PATCH_MEDIA: Final = (
    "application/apply-patch+yaml",
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
)
_TOKEN: Final = {"BearerToken": {"description": "Bearer Token authentication", "in": "header", "name": "authorization", "type": "apiKey"}}
_CODES: Final = {"post": ("200", "201", "202"), "put": ("200", "201"), "patch": ("200", "201"), "delete": ("200", "202")}


def document_key(path: str) -> str:
    """The document that a path is in, as the v3 index names it: `api/v1`, `apis/apps/v1`, `version`."""
    parts = path.strip("/").split("/")
    return "/".join(parts[: {"api": 2, "apis": 3}.get(parts[0], len(parts))])


def group_version_key(group_version: GroupVersion) -> str:
    """`api/v1` for the core group, `apis/apps/v1` for others."""
    group, version = group_version
    return f"apis/{group}/{version}" if group else f"api/{version}"


def document_hash(schemas: SchemaSet, key: str, paths: Paths) -> str:
    """Names one document's content; it changes with the version and with what is served."""
    served = sorted((path, sorted(methods)) for path, methods in paths.items() if document_key(path) == key)
    return hashlib.sha256(orjson.dumps([schemas.version, key, served])).hexdigest().upper()


def v3_index(schemas: SchemaSet, paths: Paths) -> Object:
    """What `/openapi/v3` answers."""
    keys = sorted({document_key(path) for path in paths} - {""})
    return {"paths": {key: {"serverRelativeURL": f"/openapi/v3/{key}?hash={document_hash(schemas, key, paths)}"} for key in keys}}


def v3_document(schemas: SchemaSet, key: str, paths: Paths, version: str = "v1.36.0") -> bytes:
    """What `/openapi/v3/<key>` answers: the paths of one group version, and every schema that they need."""
    served = {path: methods for path, methods in paths.items() if document_key(path) == key}
    described = schemas.described()
    names = sorted(_reachable(schemas, _roots(schemas, served)))
    document = {
        "openapi": "3.0.0",
        "info": _INFO | {"version": version},
        "paths": {path: _v3_path(schemas, path, methods) for path, methods in served.items()},
        "components": {
            "schemas": {name: _v3_schema(schemas, key, name, described[name]) for name in names},
            "securitySchemes": _TOKEN,
        },
    }
    return orjson.dumps(document)


def v2_document(schemas: SchemaSet, paths: Paths, version: str = "v1.36.0") -> bytes:
    """What `/openapi/v2` answers: all paths and their schemas."""
    described = schemas.described()
    document = {
        "swagger": "2.0",
        "info": _INFO | {"version": version},
        "paths": {path: _v2_path(schemas, path, methods) for path, methods in paths.items()},
        "definitions": {name: _v2_schema(name, described[name]) for name in sorted(_reachable(schemas, _roots(schemas, paths)))},
        "securityDefinitions": _TOKEN,
        "security": [{"BearerToken": []}],
    }
    return orjson.dumps(document)


def _roots(schemas: SchemaSet, paths: Paths) -> set[str]:
    """The definitions that operations name, and what every group version publishes beside them."""
    found = {_META + name for name in ("APIResourceList", "DeleteOptions", "Patch", "Status", "WatchEvent")}
    for path, methods in paths.items():
        for method, operation in methods.items():
            found |= {name for name in (_body(schemas, method, operation), _answer(schemas, path, operation)) if name}
            kind = _definition(schemas, operation)
            found |= {kind} if kind else set()
    return found & set(schemas.names())


def _reachable(schemas: SchemaSet, roots: Iterable[str]) -> set[str]:
    found: set[str] = set()
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += _references(schemas.definition(name))
    return found


def _references(schema: Schema) -> Iterable[str]:
    if "$ref" in schema:
        yield schema["$ref"]
    for each in schema.get("properties", {}).values():
        yield from _references(each)
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            yield from _references(schema[key])


def _definition(schemas: SchemaSet, operation: Mapping[str, Any]) -> str | None:
    gvk = operation.get("gvk")
    return schemas.gvk(gvk["group"], gvk["version"], gvk["kind"]) if gvk else None


def _body(schemas: SchemaSet, method: str, operation: Mapping[str, Any]) -> str | None:
    if operation.get("action") == "connect":
        return None
    if method == "patch":
        return _META + "Patch"
    if method == "delete":
        return _META + "DeleteOptions"
    return _definition(schemas, operation) if method in ("post", "put") else None


def _answer(schemas: SchemaSet, path: str, operation: Mapping[str, Any]) -> str | None:
    """The definition that an operation answers with; None where it is text."""
    action = operation.get("action")
    if action == "connect":
        return None
    if action in ("watch", "watchlist"):
        return _META + "WatchEvent"
    if action == "list":
        gvk = operation["gvk"]
        return schemas.gvk(gvk["group"], gvk["version"], gvk["kind"] + "List")
    if action in ("delete", "deletecollection"):
        return _META + "Status"
    if action is not None:
        return _definition(schemas, operation)
    depth = document_key(path).count("/")
    if path.startswith("/api/"):
        return _META + ("APIResourceList" if depth else "APIVersions")
    if path.startswith("/apis/"):
        return _META + ("APIGroupList", "APIGroup", "APIResourceList")[depth]
    return "io.k8s.apimachinery.pkg.version.Info" if path.startswith("/version") else None


def _operation(path: str, operation: Mapping[str, Any]) -> Object:
    """What both versions say of an operation."""
    key = document_key(path).split("/")
    tag = "_".join([key[1].split(".")[0], *key[2:]]) if key[0] == "apis" and len(key) > 1 else "_".join(["core", *key[1:]])
    found: Object = {"operationId": operation["id"], "tags": [tag]}
    if "action" in operation:
        found["x-kubernetes-action"] = operation["action"]
    if "gvk" in operation:
        found["x-kubernetes-group-version-kind"] = dict(operation["gvk"])
    return found


def _path_parameters(path: str, methods: Mapping[str, Mapping[str, Any]]) -> list[Object]:
    names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    found: list[Object] = [{"in": "path", "name": name, "required": True, "type": "string"} for name in sorted(names)]
    if any("action" in operation and operation["action"] != "connect" for operation in methods.values()):
        found.append({"in": "query", "name": "pretty", "type": "string"})
    return found


def _codes(method: str, operation: Mapping[str, Any]) -> tuple[str, ...]:
    return ("200",) if operation.get("action") in ("deletecollection", "connect") else _CODES.get(method, ("200",))


def _v3_path(schemas: SchemaSet, path: str, methods: Mapping[str, Mapping[str, Any]]) -> Object:
    item: Object = {}
    for method, operation in methods.items():
        found = _operation(path, operation)
        queries = [_v3_parameter(each) for each in parameters(method, operation.get("action", ""))]
        if queries:
            found["parameters"] = queries
        body = _body(schemas, method, operation)
        if body:
            accepted = _PATCH_MEDIA if method == "patch" else ("*/*",)
            found["requestBody"] = {"content": {each: _v3_content(body) for each in accepted}}
            if method != "delete":
                found["requestBody"]["required"] = True
        answer = _answer(schemas, path, operation)
        media = _MEDIA + _WATCH_MEDIA if operation.get("action") in ("list", "watch", "watchlist") else _MEDIA
        content = {each: _v3_content(answer) for each in media} if answer else {"*/*": {"schema": {"type": "string"}}}
        found["responses"] = {code: {"description": "OK", "content": content} for code in _codes(method, operation)}
        found["responses"]["401"] = {"description": "Unauthorized"}
        item[method] = found
    shared = _path_parameters(path, methods)
    return item | {"parameters": [_v3_parameter(each) for each in shared]} if shared else item


def _v3_content(name: str) -> Object:
    return {"schema": {"$ref": f"#/components/schemas/{name}"}}


def _v3_parameter(parameter: Object) -> Object:
    found = {key: value for key, value in parameter.items() if key != "type"}
    return found | {"schema": {"type": parameter["type"], "uniqueItems": True}}


def _v3_schema(schemas: SchemaSet, key: str, name: str, schema: Schema) -> Schema:
    found = {each: value for each, value in schema.items() if each != "properties"}
    if name == INT_OR_STRING:
        found["format"] = "int-or-string"
        found["oneOf"] = [{"type": "integer"}, {"type": "string"}]
    if "properties" in schema:
        defaults = schemas.declared_defaults(name)
        found["properties"] = {
            each: _v3_property(described | ({"default": defaults[each]} if each in defaults else {}))
            for each, described in schema["properties"].items()
        }
    kinds = found.get("x-kubernetes-group-version-kind", ())
    if len(kinds) > 1:
        here = (each for each in kinds if each["group"] == "" or group_version_key(GroupVersion(each["group"], each["version"])) == key)
        found["x-kubernetes-group-version-kind"] = list(here)
    return found


def _v3_property(schema: Schema) -> Schema:
    """A reference that anything is said of beside it is wrapped, since a bare one may have no neighbours."""
    found = _linked(schema, "#/components/schemas/")
    if "$ref" in found and len(found) > 1:
        found["allOf"] = [{"$ref": found.pop("$ref")}]
    return found


def _linked(schema: Schema, prefix: str) -> Schema:
    """A copy in which references are links."""
    found = dict(schema)
    if "$ref" in found:
        found["$ref"] = prefix + found["$ref"]
    for key in ("items", "additionalProperties"):
        if isinstance(found.get(key), dict):
            found[key] = _linked(found[key], prefix)
    return found


def _v2_path(schemas: SchemaSet, path: str, methods: Mapping[str, Mapping[str, Any]]) -> Object:
    item: Object = {}
    for method, operation in methods.items():
        found = _operation(path, operation)
        found |= {"schemes": ["https"], "consumes": list(_PATCH_MEDIA) if method == "patch" else ["*/*"]}
        watches = operation.get("action") in ("list", "watch", "watchlist")
        found["produces"] = list(_MEDIA + _WATCH_MEDIA if watches else _MEDIA)
        queries = [each | {"uniqueItems": True} for each in parameters(method, operation.get("action", ""))]
        body = _body(schemas, method, operation)
        if body:
            link: Object = {"in": "body", "name": "body", "schema": {"$ref": f"#/definitions/{body}"}}
            queries.insert(0, link if method == "delete" else link | {"required": True})
        if queries:
            found["parameters"] = queries
        answer = _answer(schemas, path, operation)
        schema = {"$ref": f"#/definitions/{answer}"} if answer else {"type": "string"}
        found["responses"] = {code: {"description": "OK", "schema": schema} for code in _codes(method, operation)}
        found["responses"]["401"] = {"description": "Unauthorized"}
        item[method] = found
    shared = _path_parameters(path, methods)
    return item | {"parameters": [each | {"uniqueItems": True} for each in shared]} if shared else item


def _v2_schema(name: str, schema: Schema) -> Schema:
    if name in (QUANTITY, INT_OR_STRING):
        found = {key: value for key, value in schema.items() if key not in ("oneOf", "format")}
        return found | {"type": "string"} | ({"format": "int-or-string"} if name == INT_OR_STRING else {})
    found = dict(schema)
    if "properties" in schema:
        found["properties"] = {key: _linked(each, "#/definitions/") for key, each in schema["properties"].items()}
    return found
