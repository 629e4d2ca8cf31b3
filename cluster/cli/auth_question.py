"""Resources and manifests as a person writes them, by what the API server serves."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import orjson
from msgspec import Struct

from cluster.api.names import Object
from cluster.cli.failure import CommandError
from cluster.client.http import ApiClient

_AGGREGATED: Final = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"


class Asked(Struct, frozen=True):
    """A resource in question."""

    group: str
    resource: str
    subresource: str = ""
    version: str = ""
    namespaced: bool = True
    name: str = ""


class _Served(Struct, frozen=True):
    group: str
    version: str
    resource: str
    names: frozenset[str]
    namespaced: bool
    subresources: frozenset[str]


class Names:
    """What resources are called: plural, singular, kind, short name, each with or without its group and version."""

    def __init__(self, served: Iterable[_Served]) -> None:
        self._served = tuple(served)

    def resolve(self, text: str) -> Asked:
        """`po`, `deployments.apps`, `deployments.v1.apps`, `pods/log`, `pods/web`; what is not served is asked for as it is written."""
        head, slash, rest = text.partition("/")
        resource, _, suffix = head.partition(".")
        for each in self._served:
            if resource.casefold() in each.names and suffix in self._suffixes(each, suffix):
                known = rest in each.subresources or not rest
                sub, name = (rest, "") if known or not slash else ("", rest)
                if slash and not known and rest.partition("/")[2]:
                    name, _, sub = rest.partition("/")
                return Asked(each.group, each.resource, sub, each.version, each.namespaced, name)
        return Asked(suffix, resource, rest)

    @staticmethod
    def _suffixes(each: _Served, suffix: str) -> tuple[str, ...]:
        """What may follow the name after a dot; nothing, where it does not matter."""
        return (each.group, f"{each.version}.{each.group}", f"{each.version}.") if suffix else (suffix,)


def names_of(client: ApiClient) -> Names:
    """By the server's discovery; the preferred version of a group comes first."""
    served: list[_Served] = []
    for root in ("/api", "/apis"):
        document = orjson.loads(client.request("GET", root, accept=_AGGREGATED))
        for item in document.get("items") or ():
            group = (item.get("metadata") or {}).get("name") or ""
            for version in item.get("versions") or ():
                served += [_served(group, version["version"], each) for each in version.get("resources") or ()]
    return Names(served)


def _served(group: str, version: str, entry: Object) -> _Served:
    kind = (entry.get("responseKind") or {}).get("kind", "")
    names = {entry["resource"], entry.get("singularResource", ""), kind.casefold(), *(entry.get("shortNames") or ())} - {""}
    subresources = frozenset(each["subresource"] for each in entry.get("subresources") or ())
    return _Served(group, version, entry["resource"], frozenset(names), entry.get("scope") == "Namespaced", subresources)


def manifest(filename: str) -> Object:
    """The one object of a file in YAML or JSON; - reads standard input."""
    try:
        data = sys.stdin.buffer.read() if filename == "-" else Path(filename).read_bytes()
    except OSError as error:
        raise CommandError(f'"{filename}" cannot be read: {error.strerror}') from error
    import yaml

    try:
        documents: list[Any] = [each for each in yaml.safe_load_all(data) if each is not None]
    except yaml.YAMLError as error:
        raise CommandError(f'"{filename}" is no YAML: {" ".join(str(error).split())}') from error
    if len(documents) != 1 or not isinstance(documents[0], dict):
        raise CommandError(f'"{filename}" holds {len(documents)} objects: give one')
    found: Object = documents[0]
    return found
