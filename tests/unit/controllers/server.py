"""A server in memory for reconcilers: objects, versions, preconditions, and what was asked of it."""

from __future__ import annotations

from cluster.api.errors import Conflict, Forbidden, NotFound, UnsupportedMediaType
from cluster.api.names import GroupVersionResource, Object
from cluster.client.cache import Cache, Key, key_of
from cluster.client.http import MERGE_PATCH
from cluster.controllers.objects import copied


class Server:
    """Implements what reconcilers use of an ApiClient; `writes` are (verb, resource, name), with the subresource after a slash."""

    def __init__(self) -> None:
        self.objects: dict[GroupVersionResource, dict[Key, Object]] = {}
        self.reads: list[tuple[str, str]] = []
        self.writes: list[tuple[str, str, str]] = []
        self.allowed: set[str] = set()
        """Subresources that access reviews answer yes for."""
        self.reviews: list[Object] = []
        self.conflicts = 0
        """So many writes fail with a conflict first."""
        self.refused: set[str] = set()
        """Names that nobody may write."""

    def put(self, resource: GroupVersionResource, *objects: Object) -> None:
        for obj in objects:
            obj["metadata"].setdefault("resourceVersion", "1")
            self.objects.setdefault(resource, {})[key_of(obj)] = copied(obj)

    def find(self, resource: GroupVersionResource, namespace: str, name: str) -> Object | None:
        return self.objects.get(resource, {}).get((namespace, name))

    def cache(self, resource: GroupVersionResource) -> Cache:
        """What an informer that has caught up would hold."""
        made = Cache()
        for obj in self.objects.get(resource, {}).values():
            made.put(copied(obj))
        return made

    def get(self, resource: GroupVersionResource, namespace: str, name: str) -> Object:
        self.reads.append((resource.resource, name))
        found = self.find(resource, namespace, name)
        if found is None:
            raise NotFound(name)
        return copied(found)

    def create(self, resource: GroupVersionResource, namespace: str, obj: Object) -> Object:
        """Only access reviews are created."""
        self.reviews.append(obj["spec"])
        return {"status": {"allowed": obj["spec"]["resourceAttributes"]["subresource"] in self.allowed}}

    def update(self, resource: GroupVersionResource, namespace: str, obj: Object, *, subresource: str = "") -> Object:
        old = self._writing("update", resource, namespace, obj["metadata"]["name"], subresource)
        if obj["metadata"].get("resourceVersion") not in (None, old["metadata"]["resourceVersion"]):
            raise Conflict("changed")
        return self._keep(resource, copied(obj), old)

    def patch(
        self,
        resource: GroupVersionResource,
        namespace: str,
        name: str,
        patch: Object,
        *,
        content_type: str = MERGE_PATCH,
        query: Object | None = None,
    ) -> Object:
        """A merge patch of labels, which may name the uid that is meant."""
        old = self._writing("patch", resource, namespace, name)
        if content_type != MERGE_PATCH:
            raise UnsupportedMediaType(content_type)
        metadata = patch["metadata"]
        if metadata.get("uid") not in (None, old["metadata"].get("uid")):
            raise Conflict("another uid")
        new = copied(old)
        new["metadata"]["labels"] = (new["metadata"].get("labels") or {}) | metadata["labels"]
        return self._keep(resource, new, old)

    def delete(self, resource: GroupVersionResource, namespace: str, name: str, *, options: Object | None = None) -> Object:
        old = self._writing("delete", resource, namespace, name)
        for field, value in ((options or {}).get("preconditions") or {}).items():
            if old["metadata"].get(field) != value:
                raise Conflict(f"another {field}")
        return self.objects[resource].pop((namespace, name))

    def _writing(self, verb: str, resource: GroupVersionResource, namespace: str, name: str, subresource: str = "") -> Object:
        self.writes.append((verb, f"{resource.resource}/{subresource}".rstrip("/"), name))
        if name in self.refused:
            raise Forbidden("no")
        if self.conflicts:
            self.conflicts -= 1
            raise Conflict("somebody was faster")
        found = self.find(resource, namespace, name)
        if found is None:
            raise NotFound(name)
        return found

    def _keep(self, resource: GroupVersionResource, new: Object, old: Object) -> Object:
        new["metadata"]["resourceVersion"] = str(int(old["metadata"]["resourceVersion"]) + 1)
        self.objects[resource][key_of(new)] = new
        return new
