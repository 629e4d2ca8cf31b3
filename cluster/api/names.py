"""Names of API types and resources.  Upstream: apimachinery `pkg/runtime/schema/group_version.go`."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

Object = dict[str, Any]
"""An API object as decoded JSON: a plain dictionary."""


class GroupVersion(NamedTuple):
    """An API group and version; the core group is the empty string."""

    group: str
    version: str

    def __str__(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version


class GroupKind(NamedTuple):
    """A kind without its version, as error messages name it: `Deployment.apps`."""

    group: str
    kind: str

    def __str__(self) -> str:
        return f"{self.kind}.{self.group}" if self.group else self.kind


class GroupResource(NamedTuple):
    """A resource without its version, as error messages name it: `deployments.apps`."""

    group: str
    resource: str

    def __str__(self) -> str:
        return f"{self.resource}.{self.group}" if self.group else self.resource


class GroupVersionKind(NamedTuple):
    """A kind of one API version."""

    group: str
    version: str
    kind: str

    @property
    def group_version(self) -> GroupVersion:
        return _group_version(self)

    @property
    def group_kind(self) -> GroupKind:
        return GroupKind(self.group, self.kind)

    def __str__(self) -> str:
        return f"{self.group_version}, Kind={self.kind}"


class GroupVersionResource(NamedTuple):
    """A resource of one API version."""

    group: str
    version: str
    resource: str

    @property
    def group_version(self) -> GroupVersion:
        return GroupVersion(self.group, self.version)

    @property
    def group_resource(self) -> GroupResource:
        return _group_resource(self)

    def __str__(self) -> str:
        return f"{self.group_version}, Resource={self.resource}"


# every write asks for these several times, so that they are made once


@lru_cache(maxsize=1024)
def _group_version(kind: GroupVersionKind) -> GroupVersion:
    return GroupVersion(kind.group, kind.version)


@lru_cache(maxsize=1024)
def _group_resource(resource: GroupVersionResource) -> GroupResource:
    return GroupResource(resource.group, resource.resource)


def parse_api_version(api_version: str) -> GroupVersion:
    """Split an object's `apiVersion`; ValueError when it has more than one slash or no version."""
    group, slash, version = api_version.rpartition("/")
    if not version or "/" in group or (slash and not group):
        raise ValueError(f"unexpected GroupVersion string: {api_version}")
    return GroupVersion(group, version)
