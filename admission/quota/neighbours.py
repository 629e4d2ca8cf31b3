"""What an evaluator looks up beside the object that it measures, by what the API server reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cluster.api.names import Object
from cluster.api.protocols import Reader
from cluster.api.quota.pods import PODS
from cluster.api.quota.resource_claims import DEVICE_CLASSES, RESOURCE_CLAIMS


class StoredNeighbours:
    """`cluster.api.quota.resource_claims.Neighbours` of what is stored."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._classes: dict[str, str] = {}
        reader.subscribe(DEVICE_CLASSES, self._changed)

    def _changed(self, old: Object | None, new: Object | None) -> None:
        if new is not None:
            self._classes[new["metadata"]["name"]] = (new.get("spec") or {}).get("extendedResourceName") or ""
        elif old is not None:
            self._classes.pop(old["metadata"]["name"], None)

    def device_classes(self) -> Mapping[str, str]:
        return self._classes

    def pod(self, namespace: str, name: str) -> Object | None:
        return self._reader.get(PODS, namespace, name)

    def claims(self, namespace: str) -> Iterable[Object]:
        return self._reader.list(RESOURCE_CLAIMS, namespace)
