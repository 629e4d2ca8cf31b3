"""Discovery: what is served, one group version at a time or all at once (aggregated), with an ETag.

Upstream: apiserver `pkg/endpoints/discovery`, `pkg/endpoints/discovery/aggregated`.
"""

from __future__ import annotations

import hashlib
from functools import cached_property

import orjson

from cluster.api.errors import NotFound
from cluster.api.names import GroupVersion, Object
from cluster.kinds.catalog import Catalog, Group, storage_version_hash
from cluster.kinds.model import Kind, Subresource
from cluster.server.context import Context
from cluster.server.negotiation import clauses, output_of
from cluster.server.render import body_response
from cluster.server.response import Response
from cluster.server.responses import JSON

_AGGREGATED = ("v2", "v2beta1")


class Discovery:
    """The discovery documents of a catalog, each encoded when it is first asked for."""

    def __init__(self, catalog: Catalog, server_address: str) -> None:
        self._catalog = catalog
        self._address = server_address
        self._encoded: dict[str, tuple[bytes, str]] = {}

    def api(self, context: Context) -> Response:
        """/api: the versions of the core group."""
        body = {
            "kind": "APIVersions",
            "versions": ["v1"],
            "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": self._address}],
        }
        return self._aggregated_or(context, "/api", body, [group for group in self._catalog.groups() if not group.name])

    def apis(self, context: Context) -> Response:
        """/apis: all other groups; /apis/GROUP and /apis/GROUP/VERSION below it."""
        parts = context.path.strip("/").split("/")
        if len(parts) == 1:
            groups = [_group(group) for group in self._named]
            body = {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}
            return self._aggregated_or(context, "/apis", body, self._named)
        found = next((group for group in self._named if group.name == parts[1]), None)
        if found is None or len(parts) > 3:
            raise NotFound.path()
        if len(parts) == 2:
            return self._plain(context, context.path, {"kind": "APIGroup", "apiVersion": "v1"} | _group(found))
        return self._resources(context, GroupVersion(parts[1], parts[2]))

    def core(self, context: Context) -> Response:
        """/api/v1."""
        parts = context.path.strip("/").split("/")
        if len(parts) == 1:
            return self.api(context)
        if len(parts) != 2:
            raise NotFound.path()
        return self._resources(context, GroupVersion("", parts[1]))

    @cached_property
    def _named(self) -> list[Group]:
        return [group for group in self._catalog.groups() if group.name]

    def _resources(self, context: Context, version: GroupVersion) -> Response:
        kinds = self._catalog.resources(version)
        if not kinds:
            raise NotFound.path()
        body = {
            "kind": "APIResourceList",
            "apiVersion": "v1",
            "groupVersion": str(version),
            "resources": [entry for kind in kinds for entry in self._entries(kind)],
        }
        return self._plain(context, f"/{version}", body)

    def _entries(self, kind: Kind) -> list[Object]:
        entry: Object = {
            "name": kind.resource.resource,
            "singularName": kind.singular,
            "namespaced": kind.namespaced,
            "kind": kind.gvk.kind,
            "verbs": list(kind.verbs),
        }
        if kind.short_names:
            entry["shortNames"] = list(kind.short_names)
        if kind.categories:
            entry["categories"] = list(kind.categories)
        stored = self._catalog.stored(kind)
        if stored is not None:
            entry["storageVersionHash"] = storage_version_hash(stored)
        return [entry, *(self._subresource(kind, each) for each in kind.subresources.values())]

    @staticmethod
    def _subresource(kind: Kind, each: Subresource) -> Object:
        entry: Object = {"name": f"{kind.resource.resource}/{each.name}", "singularName": "", "namespaced": kind.namespaced}
        if each.kind.group_version != kind.gvk.group_version:
            entry["group"], entry["version"] = each.kind.group, each.kind.version
        return entry | {"kind": each.kind.kind, "verbs": list(each.verbs)}

    def _plain(self, context: Context, name: str, body: Object) -> Response:
        output = output_of(context.header("HTTP_ACCEPT"), transforms=False)
        data, _ = self._encode(name, body)
        return body_response(context, output, data)

    def _aggregated_or(self, context: Context, path: str, body: Object, groups: list[Group]) -> Response:
        """The aggregated document where the client prefers it, else the plain one."""
        for media_type, parameters in clauses(context.header("HTTP_ACCEPT")):
            version = parameters.get("v", "")
            if parameters.get("as") == "APIGroupDiscoveryList" and parameters.get("g") == "apidiscovery.k8s.io" and version in _AGGREGATED:
                if media_type == JSON:
                    return self._aggregated(context, path, version, groups)
            elif media_type in (JSON, "*/*", "application/*", "application/yaml") and "as" not in parameters:
                break
        response = self._plain(context, path, body)
        response.headers["Vary"] = "Accept"
        return response

    def _aggregated(self, context: Context, path: str, version: str, groups: list[Group]) -> Response:
        name = f"{path};{version}"
        if name not in self._encoded:
            body = {
                "kind": "APIGroupDiscoveryList",
                "apiVersion": f"apidiscovery.k8s.io/{version}",
                "metadata": {},
                "items": [self._group_discovery(group) for group in groups],
            }
            self._encode(name, body)
        data, tag = self._encoded[name]
        headers = {"ETag": tag, "Vary": "Accept", "Cache-Control": "public"}
        if context.header("HTTP_IF_NONE_MATCH") == tag:
            return Response(status=304, headers=headers)
        content_type = f"{JSON};g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList"
        return Response(data, headers=headers, content_type=content_type)

    def _encode(self, name: str, body: Object) -> tuple[bytes, str]:
        found = self._encoded.get(name)
        if found is None:
            data = orjson.dumps(body)
            found = self._encoded[name] = data, f'"{hashlib.sha512(data).hexdigest().upper()}"'
        return found

    def _group_discovery(self, group: Group) -> Object:
        versions = [
            {
                "version": version.version,
                "resources": [self._resource_discovery(kind) for kind in self._catalog.resources(version)],
                "freshness": "Current",
            }
            for version in group.versions
        ]
        metadata = {"name": group.name, "creationTimestamp": None} if group.name else {"creationTimestamp": None}
        return {"metadata": metadata, "versions": versions}

    @staticmethod
    def _resource_discovery(kind: Kind) -> Object:
        entry: Object = {
            "resource": kind.resource.resource,
            "responseKind": _response_kind(kind.gvk.group, kind.gvk.version, kind.gvk.kind),
            "scope": "Namespaced" if kind.namespaced else "Cluster",
            "singularResource": kind.singular,
            "verbs": list(kind.verbs),
        }
        if kind.short_names:
            entry["shortNames"] = list(kind.short_names)
        if kind.categories:
            entry["categories"] = list(kind.categories)
        if kind.subresources:
            entry["subresources"] = [
                {
                    "subresource": each.name,
                    "responseKind": _response_kind(*each.kind),
                    "verbs": list(each.verbs),
                }
                for each in kind.subresources.values()
            ]
        return entry


def _response_kind(group: str, version: str, kind: str) -> Object:
    return {"group": group, "version": version, "kind": kind}


def _group(group: Group) -> Object:
    versions = [{"groupVersion": str(version), "version": version.version} for version in group.versions]
    return {"name": group.name, "versions": versions, "preferredVersion": versions[0]}
