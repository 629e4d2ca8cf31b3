"""Patch: an update whose new object is the old one, changed.  Upstream: apiserver `pkg/endpoints/handlers/patch.go`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from cluster.api.names import GroupVersionKind, Object
from cluster.registry.metadata import match_name
from cluster.registry.registry import Call, Registry

JSON_PATCH: Final = "application/json-patch+json"
MERGE_PATCH: Final = "application/merge-patch+json"
STRATEGIC_PATCH: Final = "application/strategic-merge-patch+json"


@dataclass(frozen=True, slots=True)
class Patch:
    """A patch as it was sent: its media type and its decoded body."""

    media_type: str
    body: Any


def apply(registry: Registry, gvk: GroupVersionKind, patch: Patch, obj: Object) -> Object:
    """The patched object, not yet decoded; a StatusError where the patch is none or does not fit the object."""
    from cluster.patch import json_patch, merge_patch, strategic
    from cluster.schema.patch_meta import patch_meta

    if patch.media_type == JSON_PATCH:
        return json_patch.apply(obj, patch.body)
    if patch.media_type == MERGE_PATCH:
        return merge_patch.apply(obj, patch.body)
    return strategic.apply(obj, patch.body, patch_meta(registry.schemas, gvk))


def maker(registry: Registry, call: Call, gvk: GroupVersionKind, name: str, patch: Patch) -> Callable[[Object | None], Object]:
    """What `update` calls with the object as it is; the patched object is decoded as one that was sent would be."""

    def make(existing: Object | None) -> Object:
        assert existing is not None
        obj = registry.decode(call, gvk, apply(registry, gvk, patch, existing))
        match_name(obj, name)
        return obj

    return make
