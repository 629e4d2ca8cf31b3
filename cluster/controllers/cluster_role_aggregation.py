"""Fills cluster roles that aggregate others (admin, edit, view) with the rules of those that they select: see cluster.api.aggregation."""

from __future__ import annotations

from typing import Final

from cluster.api.aggregation import aggregated, selectors
from cluster.api.errors import NotFound, UnsupportedMediaType
from cluster.api.names import Object
from cluster.client.cache import Key, key_of
from cluster.client.http import APPLY_PATCH
from cluster.client.informer import Handler
from cluster.client.resources import CLUSTER_ROLES
from cluster.client.work_queue import WorkQueue
from cluster.controllers.framework import Context, Controller
from cluster.controllers.objects import copied, name_of

_MANAGER: Final = "clusterrole-aggregation-controller"


def build(context: Context) -> Controller:
    roles = context.informers.of(CLUSTER_ROLES)
    queue: WorkQueue[Key] = WorkQueue(max_seconds=60.0)

    def reconcile(key: Key) -> None:
        role = roles.get(*key)
        if role is None or not selectors(role):
            return
        rules = aggregated(role, roles.list())
        if rules == (role.get("rules") or []):
            return
        name = name_of(role)
        patch = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": name}, "rules": rules}
        query = {"fieldManager": _MANAGER, "force": "true"}
        try:
            context.client.patch(CLUSTER_ROLES, "", name, patch, content_type=APPLY_PATCH, query=query)
        except UnsupportedMediaType:  # a server without server-side apply, as upstream's controller does then
            context.client.update(CLUSTER_ROLES, "", copied(role) | {"rules": rules})
        except NotFound:
            return

    def seen(_: Object) -> None:
        for each in roles.list():
            if selectors(each):
                queue.add(key_of(each))

    roles.add_handler(Handler(seen, lambda _, new: seen(new), seen))
    return Controller(queue, reconcile)
