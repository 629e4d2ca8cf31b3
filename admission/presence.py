"""Where objects of a resource are at all: most plugins that look at the objects of a namespace find none, and this is all that it costs."""

from __future__ import annotations

from collections import Counter
from typing import Final

from cluster.api.names import GroupResource, Object
from cluster.api.protocols import Reader


class Presence:
    """The namespaces that have such objects, as of all that was acknowledged when the request began to be judged."""

    def __init__(self, reader: Reader, resource: GroupResource) -> None:
        self._number: Final[Counter[str]] = Counter()
        reader.subscribe(resource, self._changed)

    def __contains__(self, namespace: str) -> bool:
        return namespace in self._number

    def _changed(self, old: Object | None, new: Object | None) -> None:
        if new is not None and old is None:
            self._number[new["metadata"]["namespace"]] += 1
        elif old is not None and new is None:
            namespace = old["metadata"]["namespace"]
            self._number[namespace] -= 1
            if not self._number[namespace]:
                del self._number[namespace]
