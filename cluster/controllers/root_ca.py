"""Every namespace has the cluster's CA in config map `kube-root-ca.crt`, put right when changed.

Upstream: `pkg/controller/certificates/rootcacertpublisher`.
"""

from __future__ import annotations

from typing import Final

from cluster.api.errors import AlreadyExists, NotFound
from cluster.api.names import Object
from cluster.client.cache import Key, key_of
from cluster.client.informer import Handler
from cluster.client.resources import CONFIG_MAPS, NAMESPACES
from cluster.client.work_queue import WorkQueue
from cluster.controllers.framework import Context, Controller
from cluster.controllers.objects import annotations_of, copied, namespace_of

NAME: Final = "kube-root-ca.crt"
_ANNOTATION: Final = "kubernetes.io/description"
_DESCRIPTION: Final = (
    "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service "
    "IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters."
)


def wanted(namespace: str, ca: str, current: Object | None) -> Object | None:
    """The config map to write; None where it is right."""
    if current is None:
        metadata = {"name": NAME, "namespace": namespace, "annotations": {_ANNOTATION: _DESCRIPTION}}
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"ca.crt": ca}}
    if current.get("data") == {"ca.crt": ca} and annotations_of(current).get(_ANNOTATION):
        return None
    changed = copied(current)
    changed["data"] = {"ca.crt": ca}
    changed["metadata"]["annotations"] = annotations_of(changed) | {_ANNOTATION: _DESCRIPTION}
    return changed


def build(context: Context) -> Controller:
    namespaces = context.informers.of(NAMESPACES)
    published = context.informers.selected(CONFIG_MAPS, f"metadata.name={NAME}")
    queue: WorkQueue[Key] = WorkQueue(max_seconds=10.0)
    ca = context.options.ca_pem

    def reconcile(key: Key) -> None:
        name = key[1]
        namespace = namespaces.get("", name)
        if namespace is None or (namespace.get("status") or {}).get("phase") == "Terminating":
            return
        current = published.get(name, NAME)
        body = wanted(name, ca, current)
        if body is None:
            return
        try:
            if current is None:
                context.client.create(CONFIG_MAPS, name, body)
            else:
                context.client.update(CONFIG_MAPS, name, body)
        except (AlreadyExists, NotFound):
            return  # the informer will tell

    def touched(config_map: Object) -> None:
        queue.add(("", namespace_of(config_map)))

    namespaces.add_handler(Handler(lambda obj: queue.add(key_of(obj)), lambda _, new: queue.add(key_of(new))))
    published.add_handler(Handler(updated=lambda _, new: touched(new), deleted=touched))
    return Controller(queue, reconcile if ca else None)
