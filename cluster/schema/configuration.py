"""Configuration files in the form of Kubernetes objects (AuthenticationConfiguration and its kin), decoded strictly.

Upstream: apimachinery `pkg/runtime/serializer` with strict decoding, as kube-apiserver decodes the files that its flags name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from cluster.api.errors import BadRequest
from cluster.api.field import quoted
from cluster.api.followed_file import MAX_BYTES
from cluster.api.names import GroupVersionKind, Object, parse_api_version
from cluster.schema import faults
from cluster.schema.decode import Mismatch, decoder
from cluster.schema.model import Schema, SchemaSet
from cluster.schema.parse import not_an_object, parse_json, parse_yaml

TEXT: Final[Schema] = {"type": "string"}
FLAG: Final[Schema] = {"type": "boolean"}
TEXTS: Final[Schema] = {"type": "array", "items": TEXT}
_SHOWN: Final = 1000


def reference(name: str) -> Schema:
    """A field that holds the definition of that name."""
    return {"$ref": name}


def list_of(name: str) -> Schema:
    return {"type": "array", "items": reference(name)}


def definitions(group: str, version: str, kinds: Sequence[str], structs: Mapping[str, Mapping[str, Schema]]) -> SchemaSet:
    """The schemas of one version of a group: `structs` maps a Go type (`Issuer`) to its fields, of which `kinds` are whole files."""
    prefix = f"{group}.{version}."

    def named(schema: Schema) -> Schema:
        if "$ref" in schema:
            return {"$ref": prefix + schema["$ref"]}
        return schema | {"items": named(schema["items"])} if "items" in schema else schema

    found: dict[str, Schema] = {}
    for name, fields in structs.items():
        whole = name in kinds
        properties = {"apiVersion": TEXT, "kind": TEXT} if whole else {}
        schema: Schema = {"type": "object", "properties": properties | {field: named(each) for field, each in fields.items()}}
        if whole:
            schema["x-kubernetes-group-version-kind"] = [{"group": group, "version": version, "kind": name}]
        found[prefix + name] = schema
    return SchemaSet(f"{group}/{version}", found, {"written": {}, "declared": {}, "omitted": {}})


def load_configuration(data: bytes, kind: str, versions: Sequence[SchemaSet], ignored: list[str] | None = None) -> Object:
    """The object in a YAML or JSON file, with its `kind` and `apiVersion`; ValueError, worded as upstream's, for what is none.

    Unknown and duplicate fields are refused, or, where `ignored` is given, told there.  `versions` are the ones that the kind exists
    in, see `definitions`.
    """
    if not data:
        raise ValueError("empty config data")
    if len(data) > MAX_BYTES:
        raise ValueError(f"the file is larger than {MAX_BYTES} bytes")
    try:
        is_json = data.lstrip()[:1] == b"{"
        value, duplicates = (parse_json if is_json else parse_yaml)(data, find_duplicates=True)
    except BadRequest as error:
        raise ValueError(f"couldn't get version/kind; json parse error: {error.message}" if is_json else error.message) from None
    if value is None:
        value = {}
    if not isinstance(value, dict):
        raise ValueError(f"couldn't get version/kind; json parse error: {not_an_object(value)}")
    schemas, gvk = _schemas(value, kind, versions, data)
    definition = schemas.gvk(*gvk)
    assert definition is not None, "found by this very kind"
    try:
        result = decoder(schemas, gvk).decode(value, strict=True, duplicates=duplicates)
    except (BadRequest, Mismatch):
        raise ValueError(faults.first_mismatch(schemas, definition, value)) from None
    if result.problems and ignored is not None:
        ignored += result.problems
    elif result.problems:
        raise ValueError(f"strict decoding error: {', '.join(result.problems)}")
    return result.object


def _schemas(value: Object, kind: str, versions: Sequence[SchemaSet], data: bytes) -> tuple[SchemaSet, GroupVersionKind]:
    """The schemas of the version that the file says it is of."""
    given: dict[str, str] = {}
    for name in ("apiVersion", "kind"):
        each = value.get(name) or ""
        if not isinstance(each, str):
            why = f"cannot unmarshal {faults.described(each)} into Go struct field .{name} of type string"
            raise ValueError(f"couldn't get version/kind; json parse error: json: {why}")
        given[name] = each
    for name, shown in (("kind", "Kind"), ("apiVersion", "apiVersion")):
        if not given[name]:
            raise ValueError(f"Object '{shown}' is missing in '{_shown(data)}'")
    group, version = parse_api_version(given["apiVersion"])
    gvk = GroupVersionKind(group, version, given["kind"])
    for schemas in versions:
        if gvk.kind == kind and schemas.gvk(*gvk) is not None:
            return schemas, gvk
    raise ValueError(
        f"no kind {quoted(gvk.kind)} is registered for version {quoted(given['apiVersion'])}: write kind {quoted(kind)}, apiVersion "
        + " or ".join(quoted(each.version) for each in versions)
    )


def _shown(data: bytes) -> str:
    """The document in a message, or its beginning."""
    text = data.decode(errors="replace")
    return text if len(text) <= _SHOWN else text[:_SHOWN] + " ..."
