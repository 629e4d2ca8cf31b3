"""Every namespace has the service account `default`.  Upstream: `pkg/controller/serviceaccount/serviceaccounts_controller.go`."""

from __future__ import annotations

from typing import Final

from cluster.api.errors import AlreadyExists
from cluster.api.names import Object
from cluster.client.cache import Key, key_of
from cluster.client.informer import Handler
from cluster.client.resources import NAMESPACES, SERVICE_ACCOUNTS
from cluster.client.work_queue import WorkQueue
from cluster.controllers.framework import Context, Controller
from cluster.controllers.objects import name_of, namespace_of

NAMES: Final = ("default",)


def missing(namespace: Object | None, present: set[str]) -> list[str]:
    """The accounts to make; none in a namespace that is going or gone."""
    if namespace is None or (namespace.get("status") or {}).get("phase") == "Terminating" or namespace["metadata"].get("deletionTimestamp"):
        return []
    return [name for name in NAMES if name not in present]


def build(context: Context) -> Controller:
    namespaces, accounts = context.informers.of(NAMESPACES), context.informers.of(SERVICE_ACCOUNTS)
    queue: WorkQueue[Key] = WorkQueue(max_seconds=10.0)

    def reconcile(key: Key) -> None:
        namespace = key[1]
        present = {name for name in NAMES if accounts.get(namespace, name) is not None}
        for name in missing(namespaces.get("", namespace), present):
            body = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": namespace}}
            try:
                context.client.create(SERVICE_ACCOUNTS, namespace, body)
            except AlreadyExists:
                continue

    def account_gone(account: Object) -> None:
        if name_of(account) in NAMES:
            queue.add(("", namespace_of(account)))

    namespaces.add_handler(Handler(lambda obj: queue.add(key_of(obj)), lambda _, new: queue.add(key_of(new))))
    accounts.add_handler(Handler(deleted=account_gone))
    return Controller(queue, reconcile)
