"""The schemas of one Kubernetes version, loaded from the data of the `kubernetes-validate` distribution.

That package's data are OpenAPI definitions in which an optional type is written `[T, null]` and a kind's `apiVersion` and `kind`
are enumerations; both are taken back here, so that a definition reads as Kubernetes publishes it.  The package itself is never
imported, since it would load a validator that nobody needs.  Defaults, which the package lacks, come from `data/defaults.json`.
"""

from __future__ import annotations

import importlib.util
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Final, TypedDict

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
_DATA: Final = Path(__file__).parent / "data"
OWN: Final = ("tenants", "kubeconfigs", "explain", "audit")
"""The files in `data/berth` with the definitions of Berth's own kinds, which every version has."""
_LIST_META: Final = "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta"


class SchemaSet:
    """All definitions of a version, without their descriptions; read-only once loaded."""

    def __init__(self, version: str, definitions: dict[str, Schema], written: WrittenFields) -> None:
        self.version = version
        self._definitions = definitions
        self._written = written
        self._by_kind = {
            GroupVersionKind(each["group"], each["version"], each["kind"]): name
            for name, schema in definitions.items()
            for each in schema.get("x-kubernetes-group-version-kind", ())
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
        return _read(self.version, with_descriptions=True)


def versions() -> list[str]:
    """The minor versions that have schemas, oldest first."""
    found = (path.name[1:].rsplit(".", 1)[0] for path in _root().glob("v*-local"))
    return sorted(found, key=lambda version: tuple(int(part) for part in version.split(".")))


@lru_cache(maxsize=2)
def _load(version: str) -> SchemaSet:
    return SchemaSet(version, _read(version, with_descriptions=False), orjson.loads((_DATA / "defaults.json").read_bytes()))


@cache
def _root() -> Path:
    spec = importlib.util.find_spec("kubernetes_validate")
    if spec is None or not spec.submodule_search_locations:
        raise ValueError("the schema data are missing: install kubernetes-validate")
    return Path(spec.submodule_search_locations[0]) / "kubernetes-json-schema"


def _read(version: str, with_descriptions: bool) -> dict[str, Schema]:
    path = _root() / f"v{version}.0-local" / "_definitions.json"
    if not path.is_file():
        raise ValueError(f'no schemas of Kubernetes "{version}": choose one of {", ".join(versions())}')
    raw = orjson.loads(path.read_bytes())["$defs"] | _own_definitions()
    return {name: _normal(schema, with_descriptions) for name, schema in raw.items()}


def _own_definitions() -> dict[str, Schema]:
    """The definitions of Berth's own kinds, and of their lists."""
    found: dict[str, Schema] = {}
    for file in OWN:
        found |= orjson.loads((_DATA / "berth" / f"{file}.json").read_bytes())
    return found | {f"{name}List": _list_of(name, schema) for name, schema in found.items() if "x-kubernetes-group-version-kind" in schema}


def _list_of(name: str, schema: Schema) -> Schema:
    (gvk,) = schema["x-kubernetes-group-version-kind"]
    plain = {field: schema["properties"][field] for field in ("apiVersion", "kind")}
    members = {"items": {"type": "array", "items": {"$ref": name}}, "metadata": {"$ref": _LIST_META}}
    return {
        "description": f"A list of {gvk['kind']} objects.",
        "type": "object",
        "required": ["items"],
        "properties": plain | members,
        "x-kubernetes-group-version-kind": [gvk | {"kind": gvk["kind"] + "List"}],
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
