"""Counts what a namespace uses, by lists that are as new as the quota which it is counted for.

Not by what informers hold: a list that is asked for after a quota was read has every object that was charged to the quota by then, so
that a count is never below what is used.  Upstream counts informers' caches, and may count too little for a moment.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import orjson
from msgspec import Struct, field

from cluster.api.errors import NotFound
from cluster.api.names import GroupResource, GroupVersionResource, Object
from cluster.api.quantity import of_value
from cluster.api.quota.evaluator import Evaluator, ObjectCount
from cluster.api.quota.evaluators import IGNORED, Evaluators
from cluster.api.quota.pods import PODS, PodEvaluator, overdue_from
from cluster.api.quota.resource_claims import DEVICE_CLASSES, RESOURCE_CLAIMS
from cluster.api.quota.scopes import Scope, scopes_of
from cluster.api.quota.usage import concerned, total
from cluster.api.resource_lists import ResourceList
from cluster.client.discovery import discover
from cluster.client.http import ApiClient, resource_path

_PAGE: Final = 500
_VERBS: Final = frozenset({"create", "list", "watch", "delete"})


class Quotable:
    """What there is to be counted, as the server's discovery has it."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client
        self._found: Mapping[GroupResource, GroupVersionResource] = {}

    def refresh(self) -> bool:
        """Whether anything is there that was not."""
        served = discover(self._client).resources
        found = {each.resource.group_resource: each.resource for each in served if each.namespaced and each.verbs >= _VERBS}
        classes = next((each.resource for each in served if each.resource.group_resource == DEVICE_CLASSES), None)
        if classes is not None:
            found[DEVICE_CLASSES] = classes
        more = bool(found.keys() - self._found.keys())
        self._found = found
        return more

    def find(self, resource: GroupResource) -> GroupVersionResource | None:
        if not self._found:
            self.refresh()
        return None if resource in IGNORED else self._found.get(resource)

    def gone(self, resource: GroupResource) -> None:
        """It was there, and is served no more."""
        self._found = {key: value for key, value in self._found.items() if key != resource}


class ListedNeighbours:
    """`cluster.api.quota.resource_claims.Neighbours` for one count: each list is asked for once, where it is needed at all."""

    def __init__(self, client: ApiClient, quotable: Quotable) -> None:
        self._client = client
        self._quotable = quotable
        self._lists: dict[tuple[GroupResource, str], list[Object]] = {}

    def _list(self, resource: GroupResource, namespace: str) -> list[Object]:
        found = self._lists.get((resource, namespace))
        if found is None:
            served = self._quotable.find(resource)
            found = self._client.list(served, namespace, limit=_PAGE)["items"] if served is not None else []
            self._lists[resource, namespace] = found
        return found

    def device_classes(self) -> Mapping[str, str]:
        listed = self._list(DEVICE_CLASSES, "")
        return {each["metadata"]["name"]: (each.get("spec") or {}).get("extendedResourceName") or "" for each in listed}

    def pod(self, namespace: str, name: str) -> Object | None:
        return next((each for each in self._list(PODS, namespace) if each["metadata"]["name"] == name), None)

    def claims(self, namespace: str) -> Iterable[Object]:
        return self._list(RESOURCE_CLAIMS, namespace)


class Part(NamedTuple):
    """One resource's part of a count."""

    evaluator: Evaluator
    served: GroupVersionResource
    names: list[str]
    """What the quota limits of it."""


class Plan(Struct, frozen=True):
    """What is to be counted for a quota; `unknown` are the resources that nobody serves, or not yet."""

    parts: Sequence[Part]
    unknown: bool

    @property
    def resources(self) -> frozenset[GroupResource]:
        return frozenset(each.evaluator.resource for each in self.parts)


class Count(Struct):
    """What was counted, and when that changes by time alone, in epoch seconds."""

    used: ResourceList = field(default_factory=dict)
    until: float | None = None


class Counter:
    """Plans, then counts; `watch` is called with each resource before it is counted, so that nothing that goes afterwards is missed."""

    def __init__(self, client: ApiClient, watch: Callable[[GroupVersionResource], None], now: Callable[[], float] = time.time) -> None:
        self._client = client
        self._watch = watch
        self._now = now
        self.quotable: Final = Quotable(client)

    def plan(self, quota: Object) -> Plan:
        evaluators = Evaluators(ListedNeighbours(self._client, self.quotable), PodEvaluator(self._now))
        measuring = concerned(evaluators, (quota.get("spec") or {}).get("hard") or {})
        found = [(evaluator, self.quotable.find(evaluator.resource), names) for evaluator, names in measuring]
        parts = [Part(evaluator, served, names) for evaluator, served, names in found if served is not None]
        return Plan(parts, len(parts) < len(found))

    def count(self, quota: Object, plan: Plan) -> Count:
        """A StatusError where a list can't be had; what is served no more is left out."""
        namespace, scopes, count = quota["metadata"]["namespace"], scopes_of(quota), Count()
        for part in plan.parts:
            try:
                self._watch(part.served)
                used = self._used(part, namespace, scopes, count)
            except NotFound:
                self.quotable.gone(part.evaluator.resource)
                continue
            for name, amount in used.items():
                count.used[name] = count.used[name] + amount if name in count.used else amount
        return count

    def _used(self, part: Part, namespace: str, scopes: Sequence[Scope], count: Count) -> ResourceList:
        evaluator, served, names = part
        if isinstance(evaluator, ObjectCount):
            number = self._number(served, namespace) if not scopes else 0  # no scope has such objects in it
            return dict.fromkeys(names, of_value(number))
        objects = self._client.list(served, namespace, limit=_PAGE)["items"]
        if evaluator.resource == PODS:
            ends = [end for pod in objects if (end := overdue_from(pod)) is not None and end >= self._now()]
            count.until = min(ends, default=None)
        return total(evaluator, scopes, names, objects)

    def _number(self, served: GroupVersionResource, namespace: str) -> int:
        """How many objects there are, by a list of one of them: the server says how many more."""
        answer: Object = orjson.loads(self._client.request("GET", resource_path(served, namespace), query={"limit": "1"}))
        metadata, shown = answer["metadata"], len(answer.get("items") or ())
        if not metadata.get("continue"):
            return shown
        if metadata.get("remainingItemCount") is not None:
            return shown + int(metadata["remainingItemCount"])
        return len(self._client.list(served, namespace, limit=_PAGE, metadata_only=True)["items"])
