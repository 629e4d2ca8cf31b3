"""Writes what type checking finds.  Upstream: `pkg/controller/validatingadmissionpolicystatus/controller.go`."""

from __future__ import annotations

from typing import Final

from cluster.api.errors import NotFound, UnsupportedMediaType
from cluster.api.names import Object
from cluster.client.cache import Key, key_of
from cluster.client.http import APPLY_PATCH
from cluster.client.informer import Handler
from cluster.client.resources import VALIDATING_ADMISSION_POLICIES
from cluster.client.work_queue import WorkQueue
from cluster.controllers.framework import Context, Controller
from cluster.controllers.objects import copied, name_of
from cluster.controllers.policy_status.kinds import ServedKinds

MANAGER: Final = "validatingadmissionpolicy-status"


def is_outdated(policy: Object) -> bool:
    return (policy["metadata"].get("generation") or 0) > ((policy.get("status") or {}).get("observedGeneration") or 0)


def build(context: Context) -> Controller:
    policies = context.informers.of(VALIDATING_ADMISSION_POLICIES)
    queue: WorkQueue[Key] = WorkQueue(max_seconds=60.0)
    kinds = ServedKinds(context.client)

    def reconcile(key: Key) -> None:
        policy = policies.get(*key)
        if policy is None or not is_outdated(policy):
            return
        # schemas and expressions take time and memory, which a cluster without policies need not spend
        from cluster.controllers.policy_status.type_checking import warnings_of
        from cluster.schema.model import SchemaSet

        schemas = SchemaSet.for_version(f"1.{context.options.kubernetes_minor}")
        found = warnings_of(policy, schemas, kinds)
        status: Object = {"observedGeneration": policy["metadata"]["generation"], "typeChecking": {}}
        if found:
            status["typeChecking"]["expressionWarnings"] = found
        _apply(context, policy, status)

    def seen(policy: Object) -> None:
        if is_outdated(policy):
            queue.add(key_of(policy))

    policies.add_handler(Handler(seen, lambda _, new: seen(new)))
    return Controller(queue, reconcile)


def _apply(context: Context, policy: Object, status: Object) -> None:
    client, name = context.client, name_of(policy)
    group, version, _ = VALIDATING_ADMISSION_POLICIES
    applied = {"apiVersion": f"{group}/{version}", "kind": "ValidatingAdmissionPolicy", "metadata": {"name": name}, "status": status}
    query = {"fieldManager": MANAGER, "force": "true"}
    try:
        client.patch(VALIDATING_ADMISSION_POLICIES, "", name, applied, subresource="status", content_type=APPLY_PATCH, query=query)
    except UnsupportedMediaType:  # a server without server-side apply
        whole = copied(policy)
        whole["status"] = (policy.get("status") or {}) | status
        client.update(VALIDATING_ADMISSION_POLICIES, "", whole, subresource="status")
    except NotFound:
        return
