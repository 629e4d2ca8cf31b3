"""Pods: compute resources as long as they may run, and the number of them.  Upstream: `pkg/quota/v1/evaluator/core/pods.go`."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Final

from cluster.api.meta import parse_time
from cluster.api.names import GroupResource, Object
from cluster.api.pod_resources import BEST_EFFORT, is_pod_level, limits_of, qos_class, requests_of
from cluster.api.quantity import Quantity
from cluster.api.quota import scopes
from cluster.api.quota.evaluator import CREATE, ONE, UPDATE, count_name
from cluster.api.quota.scopes import Scope
from cluster.api.resource_lists import ResourceList, parsed
from cluster.api.resource_names import DEVICE_CLASS, HUGE_PAGES, REQUESTS, is_extended, is_extended_in_quota

PODS: Final = GroupResource("", "pods")
_COUNT: Final = count_name(PODS)
_COMPUTE: Final = ("cpu", "memory", "ephemeral-storage")
_LIMITS: Final = "limits."
_NAMES: Final = frozenset({_COUNT, "pods", *(prefix + name for prefix in ("", REQUESTS, _LIMITS) for name in _COMPUTE)})
_TO_BE_SET: Final = frozenset(prefix + name for prefix in ("", REQUESTS, _LIMITS) for name in ("cpu", "memory"))
"""What each container must say of itself where a quota limits it."""
_HUGE_PAGES: Final = (HUGE_PAGES, REQUESTS + HUGE_PAGES)


class PodEvaluator:
    resource = PODS
    selects = True

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now

    def handles(self, operation: str, subresource: str, obj: Object, old: Object | None) -> bool:
        if subresource == "resize":
            return operation == UPDATE
        if subresource:
            return False
        return operation == CREATE or (operation == UPDATE and old is not None and is_terminating(old) != is_terminating(obj))

    def names(self, limited: Iterable[str]) -> list[str]:
        return [each for each in limited if each in _NAMES or each.startswith(_HUGE_PAGES) or is_extended_in_quota(each)]

    def missing(self, required: Collection[str], obj: Object) -> str:
        """`must specify limits.cpu for: a,b; memory for: a`"""
        spec = obj.get("spec") or {}
        needed = _TO_BE_SET.intersection(required)
        if not needed or is_pod_level(spec):
            return ""
        without: dict[str, set[str]] = {}
        for container in (*(spec.get("containers") or ()), *(spec.get("initContainers") or ())):
            resources = container.get("resources") or {}
            given = _compute_usage(parsed(resources.get("requests")), parsed(resources.get("limits")))
            for name in needed - given.keys():
                without.setdefault(name, set()).add(container.get("name") or "")
        if not without:
            return ""
        return "must specify " + "; ".join(f"{name} for: {','.join(sorted(without[name]))}" for name in sorted(without))

    def in_scope(self, scope: Scope, obj: Object) -> bool:
        if scope.name in (scopes.TERMINATING, scopes.NOT_TERMINATING):
            return is_terminating(obj) == (scope.name == scopes.TERMINATING)
        if scope.name in (scopes.BEST_EFFORT, scopes.NOT_BEST_EFFORT):
            return (qos_class(obj) == BEST_EFFORT) == (scope.name == scopes.BEST_EFFORT)
        if scope.name == scopes.PRIORITY_CLASS:
            return scope.accepts([each for each in (obj["spec"].get("priorityClassName"),) if each])
        return scope.name == scopes.CROSS_NAMESPACE_POD_AFFINITY and _looks_across_namespaces(obj)

    def usage(self, obj: Object) -> ResourceList:
        """One that has ended, or whose end is overdue, counts as an object alone."""
        if not is_charged(obj, self._now()):
            return {_COUNT: ONE}
        return {_COUNT: ONE, **_compute_usage(requests_of(obj), limits_of(obj))}


def is_terminating(pod: Object) -> bool:
    """Whether it is to run for a time only."""
    seconds = (pod.get("spec") or {}).get("activeDeadlineSeconds")
    return seconds is not None and seconds >= 0


def is_charged(pod: Object, now: float) -> bool:
    """Whether it still counts for compute resources at a time (epoch seconds)."""
    if (pod.get("status") or {}).get("phase") in ("Failed", "Succeeded"):
        return False
    end = overdue_from(pod)
    return end is None or now <= end


def overdue_from(pod: Object) -> float | None:
    """From when a pod that is being deleted counts no more though it is still there: its node may be lost.  In epoch seconds."""
    metadata = pod["metadata"]
    if not metadata.get("deletionTimestamp") or metadata.get("deletionGracePeriodSeconds") is None:
        return None
    return float(parse_time(metadata["deletionTimestamp"]).timestamp() + metadata["deletionGracePeriodSeconds"])


def _compute_usage(requests: Mapping[str, Quantity], limits: Mapping[str, Quantity]) -> ResourceList:
    """By the names that quotas have for it."""
    usage: ResourceList = {"pods": ONE}
    for name in _COMPUTE:
        if name in requests:
            usage[name] = usage[REQUESTS + name] = requests[name]
        if name in limits:
            usage[_LIMITS + name] = limits[name]
    for name, amount in requests.items():
        if name.startswith(HUGE_PAGES):
            usage[name] = usage[REQUESTS + name] = amount
        elif name.startswith(DEVICE_CLASS) or is_extended(name):
            usage[REQUESTS + name] = amount
    return usage


def _looks_across_namespaces(pod: Object) -> bool:
    affinity = pod["spec"].get("affinity") or {}
    for kind in ("podAffinity", "podAntiAffinity"):
        rules = affinity.get(kind) or {}
        terms = list(rules.get("requiredDuringSchedulingIgnoredDuringExecution") or ())
        terms += [each.get("podAffinityTerm") or {} for each in rules.get("preferredDuringSchedulingIgnoredDuringExecution") or ()]
        if any(term.get("namespaces") or term.get("namespaceSelector") is not None for term in terms):
            return True
    return False
