"""Keeps tenants' namespaces as their specs say, over the API alone.

A compromised tenant controller could give any subject one of the ClusterRoles that tenants may have, in any namespace: its right to
`bind` is therefore limited to those roles by name (ClusterRole `berth:tenant-grants`), and it has none to escalate.
"""

from __future__ import annotations

import time
from typing import Final

from cluster.api.errors import AlreadyExists, Conflict, Forbidden, NotFound, StatusError
from cluster.api.furnishing import MANAGED_BY, MANAGER, next_expiry
from cluster.api.names import Object
from cluster.api.tenancy import FINALIZER, TENANTS_V1, declared_names, tenant_of
from cluster.client import times
from cluster.client.cache import Key
from cluster.client.events import NORMAL, WARNING
from cluster.client.informer import Handler
from cluster.client.resources import LIMIT_RANGES, NAMESPACES, NETWORK_POLICIES, RESOURCE_QUOTAS, ROLE_BINDINGS
from cluster.client.work_queue import WorkQueue
from cluster.controllers.framework import Context, Controller, Requeue, enqueue_by
from cluster.controllers.objects import being_deleted, copied, name_of, namespace_of
from cluster.controllers.tenant.reconcile import (
    Fault,
    Observed,
    changes,
    is_as,
    namespace_release,
    namespace_update,
    namespaces_to_make,
    status,
    updated,
)

_KINDS: Final = {
    "RoleBinding": ROLE_BINDINGS,
    "ResourceQuota": RESOURCE_QUOTAS,
    "LimitRange": LIMIT_RANGES,
    "NetworkPolicy": NETWORK_POLICIES,
}
_MANAGED: Final = f"{MANAGED_BY}={MANAGER}"
_BY_TENANT: Final = "by-tenant"
_GOING_SECONDS: Final = 1.0
_SOON: Final = 0.5
"""Added to the wait for an expiry, so that it is past when the tenant is looked at."""


class TenantReconciler:
    """`sync` brings one tenant's namespaces to what its spec says, as far as it goes now.

    The queue's keys are ("", tenant), and (namespace, "") for one that left its tenant.
    """

    def __init__(self, context: Context, queue: WorkQueue[Key]) -> None:
        self._client = context.client
        self._events = context.events
        self._queue = queue
        self._tenants = context.informers.of(TENANTS_V1)
        self._namespaces = context.informers.of(NAMESPACES, indexers={_BY_TENANT: lambda each: filter(None, (tenant_of(each),))})
        self._furniture = {resource: context.informers.selected(resource, label_selector=_MANAGED) for resource in _KINDS.values()}
        self._watch()

    def _watch(self) -> None:
        self._tenants.add_handler(enqueue_by(self._queue))
        self._namespaces.add_handler(enqueue_by(self._queue, _tenant_key))
        self._namespaces.add_handler(Handler(updated=self._left))
        for informer in self._furniture.values():
            informer.add_handler(enqueue_by(self._queue, self._owner_key))

    def _left(self, old: Object, new: Object) -> None:
        if tenant_of(old) and not tenant_of(new):
            self._queue.add((name_of(new), ""))

    def _owner_key(self, obj: Object) -> list[Key]:
        """The tenant of the namespace that an object is in; the namespace, where it is no tenant's."""
        namespace = self._namespaces.get("", namespace_of(obj))
        if namespace is None:
            return []
        return _tenant_key(namespace) or [(name_of(namespace), "")]

    def sync(self, key: Key) -> None:
        if key[0]:
            self._release(key[0])
            return
        tenant = self._tenants.get("", key[1])
        if tenant is None:
            self._revoke(key[1])
        elif being_deleted(tenant):
            self._finish(tenant)
        else:
            self._reconcile(tenant)

    def _reconcile(self, tenant: Object) -> None:
        if FINALIZER not in (tenant["metadata"].get("finalizers") or ()):
            self._set_finalizers(tenant, [*(tenant["metadata"].get("finalizers") or ()), FINALIZER])
            return  # the informer will tell
        observed = Observed()
        made, failure = self._make_declared(tenant, observed)
        held = {name_of(each): each for each in (*made, *self._namespaces.by_index(_BY_TENANT, name_of(tenant)))}
        observed.namespaces = held
        for name, namespace in sorted(held.items()):
            if not being_deleted(namespace):
                failure = self._furnish(tenant, name, namespace, observed) or failure
        if failure is None or observed.faults:  # else somebody was faster, and nobody knows yet how the tenant is
            self._tell(tenant, observed)
        now = time.time()
        due = next_expiry(tenant, now)
        if due is not None:
            self._queue.add_after(("", name_of(tenant)), due - now + _SOON)
        if failure is not None:
            raise failure

    def _make_declared(self, tenant: Object, observed: Observed) -> tuple[list[Object], StatusError | None]:
        """Makes the declared namespaces that are missing: those that were made, which the cache may not know yet, and what failed."""
        existing = {name: self._namespaces.get("", name) for name in declared_names(tenant)}
        missing, faults = namespaces_to_make(tenant, existing)
        observed.faults += faults
        made: list[Object] = []
        failure: StatusError | None = None
        for namespace in missing:
            try:
                made.append(self._client.create(NAMESPACES, "", namespace))
                self._events.event(tenant, NORMAL, "NamespaceCreated", f'created namespace "{name_of(namespace)}"')
            except AlreadyExists as error:
                failure = error  # the cache is behind
            except StatusError as error:
                observed.faults.append(Fault("NamespaceNotCreated", f'namespace "{name_of(namespace)}": {error.message}'))
                failure = error
        return made, failure

    def _furnish(self, tenant: Object, name: str, namespace: Object, observed: Observed) -> StatusError | None:
        """Brings one namespace to what it is to have; the last failure, when all was tried."""
        failure: StatusError | None = None
        labelled = namespace_update(tenant, namespace)
        if labelled is not None:
            try:
                self._client.update(NAMESPACES, "", labelled)
            except StatusError as error:
                failure = _noted(error, observed, Fault("NamespaceNotUpdated", f'namespace "{name}": {error.message}'))
        present = [each for informer in self._furniture.values() for each in informer.list(name)]
        planned = changes(tenant, name, present, time.time())
        for wanted in planned.write:
            try:
                self._write(wanted)
            except StatusError as error:
                failure = _noted(error, observed, _fault(wanted, name, error))
        for each in planned.delete:
            try:
                self._delete(each)
            except StatusError as error:
                failure = _noted(error, observed, _fault(each, name, error))
        return failure

    def _write(self, wanted: Object) -> None:
        """Makes the object, or puts right the one that has its name."""
        resource, namespace = _KINDS[wanted["kind"]], namespace_of(wanted)
        try:
            self._client.create(resource, namespace, wanted)
            return
        except AlreadyExists:
            current = self._client.get(resource, namespace, name_of(wanted))
        if is_as(current, wanted):
            return
        changed = updated(current, wanted)
        if changed is not None:
            self._client.update(resource, namespace, changed)
            return
        self._delete(current | {"kind": wanted["kind"]})
        self._client.create(resource, namespace, wanted)

    def _delete(self, obj: Object) -> None:
        """Whoever had access by it may have put finalizers on it, with which it would stay and count: they go first."""
        resource, metadata = _KINDS[obj["kind"]], obj["metadata"]
        try:
            if metadata.get("finalizers"):
                self._client.update(resource, namespace_of(obj), {**obj, "metadata": {**metadata, "finalizers": []}})
            self._client.delete(resource, namespace_of(obj), name_of(obj), options={"preconditions": {"uid": metadata["uid"]}})
        except NotFound:
            return

    def _tell(self, tenant: Object, observed: Observed) -> None:
        made = status(tenant, observed, times.time())
        if made == tenant.get("status"):
            return
        for fault in observed.faults:
            self._events.event(tenant, WARNING, fault.reason, fault.message)
        changed = copied(tenant)
        changed["status"] = made
        try:
            self._client.update(TENANTS_V1, "", changed, subresource="status")
        except (Conflict, NotFound):
            return  # it is newer than the cache: the informer will tell

    # what leaves a tenant, and the end of one

    def _release(self, name: str) -> None:
        """A namespace that no tenant has any more keeps nothing of its tenant's, above all no access."""
        try:
            namespace = self._client.get(NAMESPACES, "", name)
        except NotFound:
            return
        if tenant_of(namespace) or being_deleted(namespace):
            return
        for kind, resource in _KINDS.items():
            for each in self._client.list(resource, name, label_selector=_MANAGED)["items"]:
                self._delete(each | {"kind": kind})
        released = namespace_release(namespace)
        if released is not None:
            self._client.update(NAMESPACES, "", released)

    def _finish(self, tenant: Object) -> None:
        """What the tenant granted is taken back; its namespaces stay or go, as it says."""
        name = name_of(tenant)
        finalizers = tenant["metadata"].get("finalizers") or []
        if FINALIZER not in finalizers:
            return
        if (tenant.get("spec") or {}).get("deletionPolicy") == "Delete":
            left = self._client.list(NAMESPACES, label_selector=f"berth.io/tenant={name}")["items"]
            for each in left:
                if not being_deleted(each):
                    self._delete_namespace(each)
            if left:
                self._tell(tenant, Observed({name_of(each): each for each in left}, [_going(len(left))]))
                raise Requeue(_GOING_SECONDS)
        else:
            self._revoke(name)
        self._set_finalizers(tenant, [each for each in finalizers if each != FINALIZER])

    def _delete_namespace(self, namespace: Object) -> None:
        try:
            self._client.delete(NAMESPACES, "", name_of(namespace), options={"preconditions": {"uid": namespace["metadata"]["uid"]}})
        except NotFound:
            return

    def _revoke(self, tenant: str) -> None:
        """Deletes the role bindings that a tenant which is no more left in its namespaces."""
        for namespace in self._client.list(NAMESPACES, label_selector=f"berth.io/tenant={tenant}")["items"]:
            held = self._client.list(ROLE_BINDINGS, name_of(namespace), label_selector=_MANAGED)["items"]
            for each in held:
                self._delete(each | {"kind": "RoleBinding"})

    def _set_finalizers(self, tenant: Object, finalizers: list[str]) -> None:
        changed = copied(tenant)
        changed["metadata"]["finalizers"] = finalizers
        try:
            self._client.update(TENANTS_V1, "", changed)
        except NotFound:
            return


def _tenant_key(namespace: Object) -> list[Key]:
    tenant = tenant_of(namespace)
    return [("", tenant)] if tenant else []


def _noted(error: StatusError, observed: Observed, fault: Fault) -> StatusError:
    if not isinstance(error, Conflict):  # a conflict is nothing to tell of: it is done again at once
        observed.faults.append(fault)
    return error


def _fault(obj: Object, namespace: str, error: StatusError) -> Fault:
    what = f'{obj["kind"]} "{name_of(obj)}" in namespace "{namespace}": {error.message}'
    if obj["kind"] == "RoleBinding" and isinstance(error, Forbidden):
        role = obj["roleRef"]["name"]
        return Fault("RoleNotGrantable", f'{what}; to let tenants have ClusterRole "{role}", allow binding it by berth:tenant-grants')
    return Fault("NotFurnished", what)


def _going(count: int) -> Fault:
    return Fault("Deleting", f"{count} namespaces are being deleted")


def build(context: Context) -> Controller:
    queue: WorkQueue[Key] = WorkQueue(max_seconds=60.0)
    return Controller(queue, TenantReconciler(context, queue).sync, workers=2)
