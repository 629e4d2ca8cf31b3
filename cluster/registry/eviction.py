"""Eviction: a pod is deleted if its disruption budget allows it.

Admission judges the eviction alone: who may evict need not be able to delete.  Upstream: `pkg/registry/core/pod/storage/eviction.go`.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from admission.attributes import Operation
from cluster.api.errors import BadRequest, Conflict, Forbidden, StatusError, TooManyRequests
from cluster.api.meta import now
from cluster.api.names import GroupResource, GroupVersionKind, Object
from cluster.api.selectors import from_label_selector
from cluster.kinds.model import Kind
from cluster.registry import read
from cluster.registry.binding import set_condition
from cluster.registry.delete import DeleteOptions, check_preconditions, delete
from cluster.registry.guaranteed import change
from cluster.registry.metadata import match_namespace
from cluster.registry.registry import Call, Registry, attributes

EVICTION: Final = GroupVersionKind("policy", "v1", "Eviction")
_BUDGETS: Final = GroupResource("policy", "poddisruptionbudgets")
_MAX_DISRUPTED: Final = 2000
_VIOLATES: Final = "Cannot evict pod as it would violate the pod's disruption budget."


def evict(registry: Registry, call: Call, pods: Kind, namespace: str, name: str, eviction: Object, options: DeleteOptions) -> None:
    """Deletes the pod; TooManyRequests where its budget is used up."""
    match_namespace(eviction, namespace)
    if eviction["metadata"].get("name") != name:
        raise BadRequest("name in URL does not match name in Eviction object")
    asked = attributes(call, Operation.CREATE, pods, namespace, name, eviction, None, "eviction", EVICTION)
    registry.mutate(call, asked, pods)
    registry.validate(call, asked)
    pod = registry.codec(pods).load(read.get(registry, pods, namespace, name))
    if _ignores_budget(pod):
        _remove(registry, call, pods, pod, options)
        return
    budgets = registry.catalog.by_group_resource(_BUDGETS)
    names = _budgets_of(registry, budgets, namespace, pod) if budgets is not None else []
    if len(names) > 1:
        message = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
        raise StatusError(message, code=500)
    if budgets is None or not names or _spend(registry, call, budgets, namespace, names[0], pod):
        _remove(registry, call, pods, pod, options)
    else:
        _remove_unhealthy(registry, call, pods, pod, options, names[0])


def _remove(registry: Registry, call: Call, pods: Kind, pod: Object, options: DeleteOptions) -> None:
    """Says why it ends, which makes it another version, and deletes it."""

    def marked(found: Object) -> Object:
        check_preconditions(pods, found, options)
        return _marked(found)

    namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
    if not call.dry_run:
        entry = change(registry, pods, namespace, name, marked)
        if options.resource_version is not None:
            options = replace(options, resource_version=registry.codec(pods).load(entry)["metadata"]["resourceVersion"])
    delete(registry, call, pods, namespace, name, options, admitted=True)


def _remove_unhealthy(registry: Registry, call: Call, pods: Kind, pod: Object, options: DeleteOptions, budget: str) -> None:
    """Unless it has become healthy meanwhile: then whoever evicts it may try again."""
    as_it_was = replace(options, resource_version=pod["metadata"]["resourceVersion"])
    try:
        _remove(registry, call, pods, pod, as_it_was)
    except Conflict:
        if options.resource_version is not None:
            raise
        raise _refused(f"The disruption budget {budget} is still being processed by the server.", 10) from None


def _ignores_budget(pod: Object) -> bool:
    phase = (pod.get("status") or {}).get("phase")
    return phase in ("Succeeded", "Failed", "Pending") or bool(pod["metadata"].get("deletionTimestamp"))


def _budgets_of(registry: Registry, budgets: Kind, namespace: str, pod: Object) -> list[str]:
    codec = registry.codec(budgets)
    own = pod["metadata"].get("labels") or {}
    found: list[str] = []
    for entry in registry.store.list(codec.resource, namespace).entries:
        selector = codec.load(entry)["spec"].get("selector")
        if from_label_selector(selector).matches(own):
            found.append(entry.key.name)
    return found


def _spend(registry: Registry, call: Call, budgets: Kind, namespace: str, name: str, pod: Object) -> bool:
    """Takes one disruption from the budget; False where nothing is taken, since it does not guard a pod that is unhealthy."""
    budget = registry.codec(budgets).load(read.get(registry, budgets, namespace, name))
    if not _is_ready(pod) and _lets_unhealthy_go(budget, budget.get("status") or {}):
        return False

    def spent(budget: Object) -> Object:
        status = budget.setdefault("status", {})
        _check(budget, status)
        status["disruptionsAllowed"] -= 1
        status.setdefault("disruptedPods", {})[pod["metadata"]["name"]] = now()
        return budget

    change(registry, budgets, namespace, name, spent, dry_run=call.dry_run)
    return True


def _lets_unhealthy_go(budget: Object, status: Object) -> bool:
    if budget["spec"].get("unhealthyPodEvictionPolicy") == "AlwaysAllow":
        return True
    desired: int = status.get("desiredHealthy", 0)
    return bool(status.get("currentHealthy", 0) >= desired > 0)


def _check(budget: Object, status: Object) -> None:
    name = budget["metadata"]["name"]
    resource = GroupResource("policy", "poddisruptionbudget")
    if status.get("observedGeneration", 0) < budget["metadata"].get("generation", 0):
        raise _refused(f"The disruption budget {name} is still being processed by the server.", 10)
    allowed = status.get("disruptionsAllowed", 0)
    if allowed < 0:
        raise Forbidden.of(resource, name, "pdb disruptions allowed is negative")
    if len(status.get("disruptedPods") or ()) > _MAX_DISRUPTED:
        raise Forbidden.of(resource, name, "DisruptedPods map too big - too many evictions not confirmed by PDB controller")
    if allowed == 0:
        desired, current = status.get("desiredHealthy", 0), status.get("currentHealthy", 0)
        if current <= desired:
            raise _refused(f"The disruption budget {name} needs {desired} healthy pods and has {current} currently", 0)
        raise _refused(f"The disruption budget {name} does not allow evicting pods currently", 0)


def _refused(why: str, retry_after: int) -> TooManyRequests:
    details: Object = {"causes": [{"reason": "DisruptionBudget", "message": why}]}
    if retry_after:
        details["retryAfterSeconds"] = retry_after
    return TooManyRequests(_VIOLATES, details=details)


def _is_ready(pod: Object) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(each.get("type") == "Ready" and each.get("status") == "True" for each in conditions)


def _marked(pod: Object) -> Object:
    condition = {"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI", "message": "Eviction API: evicting"}
    set_condition(pod.setdefault("status", {}), condition)
    return pod
