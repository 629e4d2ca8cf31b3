"""The kinds that are served, by their resources.  Upstream: client-go `restmapper`, apimachinery `pkg/api/meta/restmapper.go`."""

from __future__ import annotations

from collections.abc import Sequence

from cluster.api.names import GroupVersionKind, GroupVersionResource
from cluster.client.discovery import ServedResource, discover
from cluster.client.http import ApiClient


class ServedKinds:
    """Asks the server when something is first looked up, and again where it is told to."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client
        self._known: Sequence[ServedResource] | None = None

    def of(self, resource: GroupVersionResource, *, anew: bool = False) -> list[GroupVersionKind]:
        """Of the core group, which has no name, those of all groups of that version are meant, too."""
        if self._known is None or anew:
            self._known = discover(self._client, every_version=True).resources
        return [each.kind for each in self._known if _is_meant(resource, each)]


def _is_meant(wanted: GroupVersionResource, served: ServedResource) -> bool:
    return (
        wanted.group in ("", served.resource.group)
        and wanted.version == served.resource.version
        and wanted.resource.lower() in (served.resource.resource, served.singular)
    )
