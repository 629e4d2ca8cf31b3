"""What resources a server has: aggregated discovery, or group by group where a server lacks it."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Final

import orjson
from msgspec import Struct

from cluster.api.errors import StatusError
from cluster.api.names import GroupVersionKind, GroupVersionResource, Object, parse_api_version
from cluster.client.http import ApiClient

_LOG: Final = logging.getLogger(__name__)
_AGGREGATED: Final = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"


class ServedResource(Struct, frozen=True):
    """A resource in one version of its group."""

    resource: GroupVersionResource
    kind: GroupVersionKind
    namespaced: bool
    verbs: frozenset[str]
    singular: str = ""


class Discovery(Struct, frozen=True):
    """`failures` name the groups that could not be read; the rest is complete."""

    resources: tuple[ServedResource, ...]
    failures: tuple[str, ...] = ()


def discover(client: ApiClient, *, every_version: bool = False) -> Discovery:
    """Resources without subresources, each once, in its group's preferred version, or in all of them.

    Raises where not even the list of groups can be had.
    """
    found: dict[tuple[str, ...], ServedResource] = {}
    failures: list[str] = []
    for root in ("/api", "/apis"):
        document: Object = orjson.loads(client.request("GET", root, accept=_AGGREGATED))
        if document.get("kind") == "APIGroupDiscoveryList":
            _add(found, _from_aggregated(document, failures), every_version)
        else:
            for group_version in _preferred(document):
                try:
                    _add(found, _from_list(client, group_version), every_version)
                except StatusError as error:
                    _LOG.info("discovery of %s: %s", group_version, error.message)
                    failures.append(f"{group_version}: {error.message}")
    return Discovery(tuple(found.values()), tuple(failures))


def _add(found: dict[tuple[str, ...], ServedResource], more: Iterable[ServedResource], every_version: bool) -> None:
    for each in more:
        group, version, resource = each.resource
        found.setdefault((group, version, resource) if every_version else (group, resource), each)


def _from_aggregated(document: Object, failures: list[str]) -> Iterable[ServedResource]:
    for item in document.get("items") or ():
        group = (item.get("metadata") or {}).get("name") or ""
        for version in item.get("versions") or ():
            if version.get("freshness") == "Stale":
                failures.append(f"{group}/{version['version']}: stale GroupVersion discovery: {group}/{version['version']}")
            for each in version.get("resources") or ():
                yield ServedResource(
                    GroupVersionResource(group, version["version"], each["resource"]),
                    GroupVersionKind(group, version["version"], (each.get("responseKind") or {}).get("kind", "")),
                    each.get("scope") == "Namespaced",
                    frozenset(each.get("verbs") or ()),
                    each.get("singularResource") or "",
                )


def _preferred(document: Object) -> Iterable[str]:
    """Group versions, the preferred one of each group first."""
    yield from document.get("versions") or ()
    for group in document.get("groups") or ():
        preferred = group["preferredVersion"]["groupVersion"]
        yield preferred
        yield from (each["groupVersion"] for each in group["versions"] if each["groupVersion"] != preferred)


def _from_list(client: ApiClient, group_version: str) -> Iterable[ServedResource]:
    group, version = parse_api_version(group_version)
    document: Object = orjson.loads(client.request("GET", f"/apis/{group_version}" if group else f"/api/{group_version}"))
    for each in document.get("resources") or ():
        if "/" not in each["name"]:
            yield ServedResource(
                GroupVersionResource(group, version, each["name"]),
                GroupVersionKind(group, version, each["kind"]),
                bool(each.get("namespaced")),
                frozenset(each.get("verbs") or ()),
                each.get("singularName") or "",
            )
