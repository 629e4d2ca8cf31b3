"""The schemas of one Kubernetes version, loaded from the data of the `kubernetes-validate` distribution.

That package's data are OpenAPI definitions in which an optional type is written `[T, null]` and a kind's `apiVersion` and `kind`
are enumerations; both are taken back here, so that a definition reads as Kubernetes publishes it.  The package itself is never
imported, since it would load a validator that nobody needs.  Defaults, which the package lacks, come from `data/defaults.json`.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Final, TypedDict

import msgspec
import orjson

from cluster.api.names import GroupVersionKind

Schema = dict[str, Any]


class WrittenFields(TypedDict):
    """What the API writes of absent and of zero fields, by definition: recorded facts that the schemas do not tell."""

    written: dict[str, dict[str, Any]]
    declared: dict[str, dict[str, Any]]
    omitted: dict[str, list[str]]


QUANTITY: Final = "io.k8s.apimachinery.pkg.api.resource.Quantity"
INT_OR_STRING: Final = "io.k8s.apimachinery.pkg.util.intstr.IntOrString"
MICRO_TIME: Final = "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime"
_PREFIX: Final = "#/$defs/"
_KIND: Final = "x-kubernetes-group-version-kind"
_DATA: Final = Path(__file__).parent / "data"
OWN: Final = ("tenants", "kubeconfigs", "explain", "audit")
"""The files in `data/berth` with the definitions of Berth's own kinds, which every version has."""
_LIST_META: Final = "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta"


class _File(msgspec.Struct):
    definitions: dict[str, msgspec.Raw] = msgspec.field(name="$defs")


class _OfKind(msgspec.Struct):
    kinds: list[dict[str, str]] = msgspec.field(name=_KIND, default_factory=list)


_OF_KIND: Final = msgspec.json.Decoder(_OfKind)


class SchemaSet:
    """All definitions of a version, without their descriptions; read-only once loaded."""

    def __init__(
        self,
        version: str,
        definitions: Mapping[str, Schema],
        written: WrittenFields,
        kinds: Iterable[tuple[str, list[dict[str, str]]]] | None = None,
    ) -> None:
        """`kinds`: what kinds the definitions are of, by name, where it is known."""
        self.version = version
        self._definitions = definitions
        self._written = written
        self._by_kind = {
            GroupVersionKind(each["group"], each["version"], each["kind"]): name
            for name, found in (((name, schema.get(_KIND, ())) for name, schema in definitions.items()) if kinds is None else kinds)
            for each in found
        }

    @classmethod
    def for_version(cls, version: str = "1.36") -> SchemaSet:
        """The schemas of a minor version such as `1.36`; ValueError where there are none."""
        return _load(version)

    def definition(self, name: str) -> Schema:
        """The schema of a definition such as `io.k8s.api.core.v1.Pod`; KeyError where there is none."""
        return self._definitions[name]

    def defaults(self, name: str) -> dict[str, Any]:
        """What the API writes for a definition's absent fields: property to value."""
        return self._written["written"].get(name, {})

    def omitted(self, name: str) -> frozenset[str]:
        """The scalar fields of a definition that the API does not write while they are zero: empty, false or 0."""
        return frozenset(self._written["omitted"].get(name, ()))

    def declared_defaults(self, name: str) -> dict[str, Any]:
        """What OpenAPI says of a definition's defaults: some are zero values that the API does not write."""
        return self.defaults(name) | self._written["declared"].get(name, {})

    def names(self) -> list[str]:
        return list(self._definitions)

    def gvk(self, group: str, version: str, kind: str) -> str | None:
        """The definition of a kind, or None."""
        return self._by_kind.get(GroupVersionKind(group, version, kind))

    def gvks(self) -> list[GroupVersionKind]:
        return list(self._by_kind)

    def described(self) -> dict[str, Schema]:
        """The definitions with their descriptions, read again: for the OpenAPI documents, not to be kept."""
        raw = {name: orjson.loads(text) for name, text in _texts(self.version).items()} | _own_definitions()
        return {name: _normal(schema, with_descriptions=True) for name, schema in raw.items()}


class _Definitions(Mapping[str, Schema]):
    """Each is made of its text when it is first looked at: few of them ever are."""

    def __init__(self, texts: Mapping[str, bytes], own: Mapping[str, Schema]) -> None:
        self._texts = texts
        self._made = {name: _normal(schema, with_descriptions=False) for name, schema in own.items()}
        self._names = dict.fromkeys((*texts, *own))

    def __getitem__(self, name: str) -> Schema:
        found = self._made.get(name)
        if found is None:
            found = self._made.setdefault(name, _normal(orjson.loads(self._texts[name]), with_descriptions=False))
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def versions() -> list[str]:
    """The minor versions that have schemas, oldest first."""
    found = (path.name[1:].rsplit(".", 1)[0] for path in _root().glob("v*-local"))
    return sorted(found, key=lambda version: tuple(int(part) for part in version.split(".")))


@lru_cache(maxsize=2)
def _load(version: str) -> SchemaSet:
    texts, own = _texts(version), _own_definitions()
    kinds = [(name, _OF_KIND.decode(text).kinds) for name, text in texts.items() if _KIND.encode() in text]
    kinds += [(name, schema.get(_KIND, [])) for name, schema in own.items()]
    return SchemaSet(version, _Definitions(texts, own), orjson.loads((_DATA / "defaults.json").read_bytes()), kinds)


@cache
def _root() -> Path:
    spec = importlib.util.find_spec("kubernetes_validate")
    if spec is None or not spec.submodule_search_locations:
        raise ValueError("the schema data are missing: install kubernetes-validate")
    return Path(spec.submodule_search_locations[0]) / "kubernetes-json-schema"


def _texts(version: str) -> dict[str, bytes]:
    """The definitions that are not Berth's own, each as it is written."""
    path = _root() / f"v{version}.0-local" / "_definitions.json"
    if not path.is_file():
        raise ValueError(f'no schemas of Kubernetes "{version}": choose one of {", ".join(versions())}')
    return {name: bytes(text) for name, text in msgspec.json.decode(path.read_bytes(), type=_File).definitions.items()}


def _own_definitions() -> dict[str, Schema]:
    """The definitions of Berth's own kinds, and of their lists."""
    found: dict[str, Schema] = {}
    for file in OWN:
        found |= orjson.loads((_DATA / "berth" / f"{file}.json").read_bytes())
    return found | {f"{name}List": _list_of(name, schema) for name, schema in found.items() if _KIND in schema}


def _list_of(name: str, schema: Schema) -> Schema:
    (gvk,) = schema[_KIND]
    plain = {field: schema["properties"][field] for field in ("apiVersion", "kind")}
    members = {"items": {"type": "array", "items": {"$ref": name}}, "metadata": {"$ref": _LIST_META}}
    return {
        "description": f"A list of {gvk['kind']} objects.",
        "type": "object",
        "required": ["items"],
        "properties": plain | members,
        _KIND: [gvk | {"kind": gvk["kind"] + "List"}],
    }


def _normal(schema: Schema, with_descriptions: bool) -> Schema:
    """A schema as published, but for references, which are bare definition names."""
    found: Schema = {}
    for key, value in schema.items():
        if key == "description":
            if with_descriptions:
                found[key] = value
        elif key == "type":
            found[key] = next(each for each in value if each != "null") if isinstance(value, list) else value
        elif key == "$ref":
            found[key] = value.removeprefix(_PREFIX)
        elif key == "properties":
            found[key] = {name: _normal(each, with_descriptions) for name, each in value.items()}
        elif key in ("items", "additionalProperties") and isinstance(value, dict):
            found[key] = _normal(value, with_descriptions)
        elif key == "oneOf":
            found[key] = [_normal(each, with_descriptions) for each in value]
        elif key != "enum":
            found[key] = value
    return found
