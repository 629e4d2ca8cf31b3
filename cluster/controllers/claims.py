"""Adoption and release: a controller owns what its selector matches, and gives up what no longer does.

Upstream: `pkg/controller/controller_ref_manager.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from cluster.api.errors import Invalid, NotFound, StatusError
from cluster.api.names import GroupVersionResource, Object
from cluster.client.http import STRATEGIC_MERGE_PATCH, ApiClient
from cluster.client.labels import labels_of, selects
from cluster.controllers.objects import Objects, being_deleted, controller_of, controller_reference, name_of, namespace_of, uid_of

Patch = Callable[[Object, Object], None]
"""(object, strategic merge patch)."""
Fresh = Callable[[], Object]
"""Reads the owner from the API server, not from a cache."""


class Claims:
    """Claims objects for one owner.  The owner is read afresh before the first adoption, as it may have been deleted meanwhile."""

    def __init__(self, owner: Object, api_version: str, kind: str, *, fresh: Fresh, patch: Patch) -> None:
        self._owner = owner
        self._reference = controller_reference(owner, api_version, kind)
        self._fresh = fresh
        self._patch = patch
        self._may_adopt: bool | None = None

    def claim(self, objects: Iterable[Object]) -> Objects:
        """Those that the owner owns now.  All are tried before the first failure is raised."""
        claimed: Objects = []
        failure: StatusError | None = None
        for obj in objects:
            try:
                if self._claim(obj):
                    claimed.append(obj)
            except StatusError as error:
                failure = failure or error
        if failure is not None:
            raise failure
        return claimed

    def _claim(self, obj: Object) -> bool:
        matches = selects(self._owner["spec"].get("selector"), labels_of(obj))
        reference = controller_of(obj)
        if reference is not None:
            if reference.get("uid") != uid_of(self._owner):
                return False
            if not matches and not being_deleted(self._owner):
                self._release(obj)
            return matches
        if not matches or being_deleted(self._owner) or being_deleted(obj) or namespace_of(obj) != namespace_of(self._owner):
            return False
        return self._adopt(obj)

    def _adopt(self, obj: Object) -> bool:
        if self._may_adopt is None:
            fresh = self._fresh()
            self._may_adopt = uid_of(fresh) == uid_of(self._owner) and not being_deleted(fresh)
        if not self._may_adopt:
            return False
        try:
            self._patch(obj, {"metadata": {"ownerReferences": [self._reference], "uid": uid_of(obj)}})
        except NotFound:
            return False
        return True

    def _release(self, obj: Object) -> None:
        gone = {"$patch": "delete", "uid": uid_of(self._owner)}
        try:
            self._patch(obj, {"metadata": {"uid": uid_of(obj), "ownerReferences": [gone]}})
        except (NotFound, Invalid):
            return  # it is gone, or was made anew


def patcher(client: ApiClient, resource: GroupVersionResource) -> Patch:
    def patch(obj: Object, change: Object) -> None:
        client.patch(resource, namespace_of(obj), name_of(obj), change, content_type=STRATEGIC_MERGE_PATCH)

    return patch
