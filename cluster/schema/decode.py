"""Decoding: a parsed body becomes an object of a kind, as upstream's typed decoding makes it.

Unknown fields are pruned, nulls dropped, quantities and times brought into canonical form, and the fields that the API always
writes are filled in.  A kind's schema is compiled, lazily and one property at a time, into closures that only say that something
is wrong; what exactly, in upstream's words, is found out by `cluster.schema.faults` afterwards, so that good objects pay nothing.

Upstream: apimachinery `pkg/runtime/serializer/json`, apiserver `pkg/endpoints/handlers` (create.go, rest.go).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from datetime import UTC
from functools import lru_cache
from typing import Any, Final

from msgspec import Struct, field

from cluster.api.errors import BadRequest
from cluster.api.meta import format_micro_time, format_time, parse_time
from cluster.api.names import GroupVersionKind, Object, parse_api_version
from cluster.api.quantity import canonical
from cluster.schema import faults
from cluster.schema.model import INT_OR_STRING, MICRO_TIME, QUANTITY, Schema, SchemaSet

Decode = Callable[[Any, list[str]], Any]
"""(value, names of unknown fields met so far, appended to) to the decoded value; raises `Mismatch`."""

FREE: Final = frozenset(
    {
        "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON",
        "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrArray",
        "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrBool",
        "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrStringArray",
        "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1",
        "io.k8s.apimachinery.pkg.apis.meta.v1.Patch",
        "io.k8s.apimachinery.pkg.runtime.RawExtension",
    }
)
"""Definitions whose values may be anything and are kept as they are."""

_TEXT: Final = {str}
_TEXTS: Final = {str, type(None)}
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)
_BASE64: Final = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?", re.ASCII)


class Mismatch(Exception):  # a signal inside this package, never shown
    """Some value is not of its field's type."""


class DecodeResult(Struct):
    """The object, and what strict decoding has against it: `unknown field "spec.foo"`, `duplicate field "kind"`."""

    object: Object
    problems: list[str] = field(default_factory=list)


class Decoder:
    """Decodes bodies into objects of one kind."""

    def __init__(self, schemas: SchemaSet, gvk: GroupVersionKind, definition: str) -> None:
        self.gvk = gvk
        self.definition = definition
        self._schemas = schemas
        self._decode = _compiler(schemas).definition(definition)

    def decode(self, obj: Object, strict: bool = False, duplicates: Sequence[str] = ()) -> DecodeResult:
        """A new object; `obj` is left as it is.  With `strict`, problems are listed, `duplicates` (from parsing) among them.

        Raises BadRequest for a value of the wrong type, and for an object of another kind.
        """
        kind, version = self._identity(obj)
        unknown: list[str] = []
        try:
            decoded: Object = self._decode(obj, unknown)
        except Mismatch:
            why = faults.first_mismatch(self._schemas, self.definition, obj)
            raise self.refusal(kind, version, why) from None
        except RecursionError:
            raise self.refusal(kind, version, "exceeded max depth") from None
        decoded["kind"], decoded["apiVersion"] = self.gvk.kind, str(self.gvk.group_version)
        if not strict or not (unknown or duplicates):
            return DecodeResult(decoded)
        return DecodeResult(decoded, faults.strict_problems(self._schemas, self.definition, obj, duplicates))

    def strict_error(self, problems: Sequence[str]) -> BadRequest:
        """What `fieldValidation=Strict` answers to problems."""
        return self.refusal(self.gvk.kind, self.gvk.version, f"strict decoding error: {', '.join(problems)}")

    def refusal(self, kind: str, version: str, why: str) -> BadRequest:
        """A body that claims to be of `kind` cannot be decoded, and why."""
        return BadRequest(f'{kind} in version "{version}" cannot be handled as a {self.gvk.kind}: {why}')

    def _identity(self, obj: Object) -> tuple[str, str]:
        """(kind, version) that the object claims, after the check that it is this decoder's."""
        api_version, kind = obj.get("apiVersion") or "", obj.get("kind") or ""
        for name, value in (("apiVersion", api_version), ("kind", kind)):
            if not isinstance(value, str):
                why = f"json: cannot unmarshal {faults.described(value)} into Go struct field .{name} of type string"
                raise BadRequest(unrecognized(self.gvk.kind, f"couldn't get version/kind; json parse error: {why}", obj))
        if not kind:
            kind = self.gvk.kind
        if not api_version:
            api_version = str(self.gvk.group_version)
        if kind == self.gvk.kind and api_version == str(self.gvk.group_version):
            return kind, self.gvk.version
        try:
            group, version = parse_api_version(api_version)
        except ValueError as error:
            raise BadRequest(unrecognized(self.gvk.kind, str(error), obj)) from None
        if self._schemas.gvk(group, version, kind) is None:
            shown = str(parse_api_version(api_version))
            why = f'no kind "{kind}" is registered for version "{shown}" in scheme "pkg/api/legacyscheme/scheme.go:30"'
            raise self.refusal(kind, version, why)
        if kind == self.gvk.kind and group == self.gvk.group:
            raise BadRequest(
                f"the API version in the data ({api_version}) does not match the expected API version ({self.gvk.group_version})"
            )
        internal = self.gvk.group.split(".")[0] or "core"
        raise self.refusal(kind, version, f"converting ({version}.{kind}) to ({internal}.{self.gvk.kind}): unknown conversion")


def unrecognized(kind: str, why: str, body: Object | bytes) -> str:
    """The message for a body that does not even say what it is; `kind` is what was expected."""
    import orjson

    data = body if isinstance(body, bytes) else orjson.dumps(body)
    cut = data[:30] + b" ..." if len(data) > 30 else data
    if not data:
        shown = "<empty>"
    elif data.startswith(b"{"):
        shown = cut.decode("utf-8", "replace")
    else:
        shown = data[:30].hex() + (" ..." if len(data) > 30 else "")
    return f"the object provided is unrecognized (must be of type {kind}): {why} ({shown})"


@lru_cache(maxsize=1024)
def decoder(schemas: SchemaSet, gvk: GroupVersionKind) -> Decoder:
    """The decoder of a kind; KeyError where the schemas lack it."""
    definition = schemas.gvk(*gvk)
    if definition is None:
        raise KeyError(str(gvk))
    return Decoder(schemas, gvk, definition)


@lru_cache(maxsize=2)
def _compiler(schemas: SchemaSet) -> _Compiler:
    return _Compiler(schemas)


class _Compiler:
    """Turns schemas into closures; each definition once."""

    def __init__(self, schemas: SchemaSet) -> None:
        self._schemas = schemas
        self._done: dict[str, Decode] = {QUANTITY: _quantity, INT_OR_STRING: _int_or_string, MICRO_TIME: _micro_time}
        self._done |= dict.fromkeys(FREE, _anything)

    def definition(self, name: str) -> Decode:
        if name not in self._done:
            schema = self._schemas.definition(name)
            if schema.get("type") == "object":
                self._done[name] = self._struct(name, schema)
            else:
                self._done[name] = self._value(schema)
        return self._done[name]

    def _value(self, schema: Schema) -> Decode:
        if "$ref" in schema:
            return self.definition(schema["$ref"])
        kind = schema.get("type")
        if kind == "array":
            return _list_of(self._value(schema["items"]), self._zero(schema["items"]))
        if kind == "object":
            members = schema.get("additionalProperties")
            return _map_of(self._value(members), self._zero(members)) if isinstance(members, dict) else _anything
        if kind == "integer":
            return _int32 if schema.get("format") == "int32" else _int64
        if kind == "string":
            return {"byte": _bytes, "date-time": _time}.get(schema.get("format", ""), _string)
        return {"boolean": _boolean, "number": _number}.get(kind or "", _anything)

    def _zero(self, schema: Schema) -> Any:
        """What a null in a list or map stands for; None where the member is dropped."""
        name = schema.get("$ref")
        if name == QUANTITY:
            return "0"
        if name is not None:
            return {} if self._schemas.definition(name).get("type") == "object" and name not in FREE else None
        return {"string": "", "integer": 0, "boolean": False, "number": 0}.get(schema.get("type", ""))

    def _struct(self, name: str, schema: Schema) -> Decode:
        properties: dict[str, Schema] = schema.get("properties", {})
        required = frozenset(schema.get("required", ()))
        omitted = self._schemas.omitted(name)
        fields: dict[str, Decode] = {}
        optional: set[str] = set()
        """An optional list or map without members is not written, nor is a zero scalar that has no meaning of its own."""
        defaults = self._defaults(name)

        def resolve(key: str) -> Decode | None:
            described = properties.get(key)
            if described is None:
                return None
            made = self._value(described)
            if key in omitted or (key not in required and described.get("type") in ("array", "object")):
                optional.add(key)
            fields[key] = made
            return made

        def decode(value: Any, unknown: list[str]) -> Any:
            if type(value) is not dict:
                raise Mismatch
            found = {}
            decoded: Any
            for key, item in value.items():
                if item is None:
                    if key not in properties:
                        unknown.append(key)
                    continue
                decode_field = fields.get(key) or resolve(key)
                if decode_field is _string:  # what most fields are
                    if type(item) is not str:
                        raise Mismatch
                    decoded = item
                elif decode_field is None:
                    unknown.append(key)
                    continue
                else:
                    decoded = decode_field(item, unknown)
                if decoded or (decoded is not None and key not in optional):
                    found[key] = decoded
            for key, default in defaults:
                if key not in found:
                    found[key] = default if type(default) is not dict else _copied(default)
            return found

        return decode

    def _defaults(self, name: str) -> list[tuple[str, Any]]:
        """(property, value) of the fields that are written even where they are absent; a struct's are nested."""
        properties = self._schemas.definition(name).get("properties", {})
        found = []
        for key, value in self._schemas.defaults(name).items():
            described = properties.get(key)
            if described is None:
                continue
            if value == {} and "$ref" in described:
                inner = described["$ref"]
                value = {} if inner in FREE else dict(self._defaults(inner))
            found.append((key, value))
        return found


def _copied(value: dict[str, Any]) -> dict[str, Any]:
    return {key: _copied(each) if type(each) is dict else each for key, each in value.items()}


def _list_of(decode: Decode, zero: Any) -> Decode:
    def decode_list(value: Any, unknown: list[str]) -> Any:
        if type(value) is not list:
            raise Mismatch
        if None in value:
            value = [zero if each is None else each for each in value if each is not None or zero is not None]
        return [decode(each, unknown) for each in value]

    return decode_list


def _map_of(decode: Decode, zero: Any) -> Decode:
    if decode is _string:
        return _string_map

    def decode_map(value: Any, unknown: list[str]) -> Any:
        if type(value) is not dict:
            raise Mismatch
        return {key: decode(zero if each is None else each, unknown) for key, each in value.items() if each is not None or zero is not None}

    return decode_map


def _string_map(value: Any, unknown: list[str]) -> Any:  # noqa: ARG001  # a Decode
    if type(value) is not dict:
        raise Mismatch
    types = set(map(type, value.values()))
    if not types <= _TEXTS:
        raise Mismatch
    return {**value} if types <= _TEXT else {key: each or "" for key, each in value.items()}


def _anything(value: Any, unknown: list[str]) -> Any:  # noqa: ARG001  # a Decode
    return value


def _string(value: Any, unknown: list[str]) -> Any:  # noqa: ARG001  # a Decode
    if type(value) is not str:
        raise Mismatch
    return value


def _boolean(value: Any, unknown: list[str]) -> Any:  # noqa: ARG001  # a Decode
    if type(value) is not bool:
        raise Mismatch
    return value


def _int32(value: Any, unknown: list[str]) -> Any:  # noqa: ARG001  # a Decode
    if type(value) is not int or not -(2**31) <= value < 2**31:
        raise Mismatch
    return value


def _int64(value: Any, unknown: list[str]) -> Any:  # noqa: ARG001  # a Decode
    if type(value) is not int or not -(2**63) <= value < 2**63:
        raise Mismatch
    return value


def _number(value: Any, unknown: list[str]) -> Any:  # noqa: ARG001  # a Decode
    if type(value) not in (int, float):
        raise Mismatch
    return value


def _int_or_string(value: Any, unknown: list[str]) -> Any:
    return value if type(value) is str else _int32(value, unknown)


def _quantity(value: Any, unknown: list[str]) -> Any:  # noqa: ARG001  # a Decode
    if type(value) not in (str, int, float):
        raise Mismatch
    try:
        return canonical(value)
    except ValueError:
        raise Mismatch from None


def _bytes(value: Any, unknown: list[str]) -> Any:  # noqa: ARG001  # a Decode
    if type(value) is not str:
        raise Mismatch
    if _BASE64.fullmatch(value):
        return value
    try:
        return base64.b64encode(base64.b64decode(value.replace("\r", "").replace("\n", ""), validate=True)).decode()
    except (binascii.Error, ValueError):
        raise Mismatch from None


def _time(value: Any, unknown: list[str]) -> Any:  # noqa: ARG001  # a Decode
    if type(value) is not str:
        raise Mismatch
    try:
        moment = parse_time(value)
        return value if _TIME.fullmatch(value) else format_time(moment.astimezone(UTC))
    except (ValueError, OverflowError):
        raise Mismatch from None


def _micro_time(value: Any, unknown: list[str]) -> Any:  # noqa: ARG001  # a Decode
    if type(value) is not str or not faults.MICRO_TIME_SHAPE(value):
        raise Mismatch
    try:
        return format_micro_time(parse_time(value))
    except (ValueError, OverflowError):
        raise Mismatch from None
