"""Puts the collector together."""

from __future__ import annotations

from cluster.api.names import GroupVersionResource, Object, parse_api_version
from cluster.client.cache import Key
from cluster.client.work_queue import WorkQueue
from cluster.controllers.framework import Context, Controller, Loop
from cluster.controllers.garbage.collector import Collector
from cluster.controllers.garbage.graph import Graph
from cluster.controllers.garbage.watching import CUSTOM_SECONDS, Watching


def build(context: Context) -> Controller:
    """Build it after all other controllers: it shares what they watch."""
    queue: WorkQueue[Key] = WorkQueue(max_seconds=60.0)
    graph = Graph()

    def enqueue(uid: str) -> None:
        queue.add(("", uid))

    def seen(resource: GroupVersionResource, obj: Object) -> None:
        old, new = graph.put(resource, obj)
        for owner in new.owners if old is None or old.owners != new.owners else ():
            try:
                watching.watch_kind(parse_api_version(owner.get("apiVersion", "")).group, owner.get("kind", ""))
            except ValueError:
                continue
        unowned = any(graph.get(str(owner["uid"])) is None for owner in new.owners)
        changed = old is None or old.owners != new.owners or old.deleting != new.deleting or old.finalizers != new.finalizers
        if new.awaits_dependents or new.releases_dependents or (changed and unowned):
            enqueue(new.uid)
        if new.awaits_dependents and changed:
            for dependent in graph.dependents(new.uid):
                enqueue(dependent.uid)
        if old is not None and old.owners != new.owners:
            # Whoever it belonged to may have waited for it.
            for owner in old.owners:
                enqueue(str(owner["uid"]))

    collector = Collector(context.client, graph, lambda: watching.kinds(), enqueue)
    watching = Watching(context.client, seen, collector.gone)
    watching.share(context.informers)
    return Controller(queue, collector.sync, workers=2, loops=(Loop(CUSTOM_SECONDS, watching.round),), close=watching.stop)
