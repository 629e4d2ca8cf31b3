"""Whether a write fits into the quotas of its namespace, and what it changes of their usage.

Upstream: `CheckRequest` in apiserver `pkg/admission/plugin/resourcequota/controller.go`; steps and messages are in its order.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from msgspec import Struct, field

from admission.attributes import Attributes, Operation
from admission.denial import forbidden
from admission.quota.configuration import LimitedResource
from cluster.api.errors import StatusError
from cluster.api.names import Object
from cluster.api.quantity import ZERO
from cluster.api.quota.evaluator import Evaluator, concerns
from cluster.api.quota.scopes import Scope, scopes_of
from cluster.api.resource_lists import ResourceList, added, exceeding, increase, masked, negative, parsed, shown, texts_of, without_zeros


class Demand(Struct, frozen=True):
    """What a write uses: measured once, and held against quotas as often as they change."""

    evaluator: Evaluator
    attributes: Attributes
    obj: Object
    replaced: Object | None
    """The stored object that an update replaces, whose usage is charged already."""
    usage: ResourceList
    growth: ResourceList
    """What is used more than by what is replaced."""
    limited: frozenset[str]
    """The resources that it may use only where a quota covers them."""
    limited_scopes: tuple[Scope, ...]
    """The scopes that it is in, in which nothing may be used without a quota of that scope."""
    _missing: dict[tuple[str, ...], str] = field(default_factory=dict)

    def missing(self, names: tuple[str, ...]) -> str:
        """Why the object can't be measured by what a quota limits; found out once."""
        if names not in self._missing:
            self._missing[names] = self.evaluator.missing(names, self.obj)
        return self._missing[names]


def demand(evaluator: Evaluator, attributes: Attributes, limited: Sequence[LimitedResource]) -> Demand:
    obj, old = attributes.object, attributes.old_object
    assert obj is not None, "a create or update has an object"
    usage = evaluator.usage(obj)
    replaced = old if old is not None and old["metadata"].get("resourceVersion") else None
    growth = increase(usage, evaluator.usage(replaced)) if replaced is not None else usage
    return Demand(
        evaluator,
        attributes,
        obj,
        replaced,
        usage,
        growth,
        frozenset(_limited_names(usage, attributes, limited)),
        tuple(scope for each in limited if evaluator.selects for scope in each.scopes if evaluator.in_scope(scope, obj)),
    )


def _limited_names(usage: ResourceList, attributes: Attributes, limited: Iterable[LimitedResource]) -> Iterator[str]:
    for each in limited:
        if each.resource == attributes.resource.group_resource:
            yield from (name for name, amount in usage.items() if amount > ZERO and any(text in name for text in each.contains))


def check(demand: Demand, quotas: Iterable[Object]) -> list[Object]:
    """The quotas that the write is charged to, as they are with it; Forbidden where it does not fit, or lacks a quota that it needs."""
    covering: list[Scope] = []
    concerned: list[Object] = []
    restricted: set[str] = set()
    for quota in quotas:
        if demand.evaluator.selects:
            covering += [scope for scope in scopes_of(quota) if demand.evaluator.in_scope(scope, demand.obj)]
        if concerns(demand.evaluator, quota, demand.obj):
            restricted.update(_restricted(demand, quota))
            concerned.append(quota)
    attributes = demand.attributes
    if below := negative(demand.usage):
        raise forbidden(attributes, f"quota usage is negative for resource(s): {','.join(sorted(below))}")
    if attributes.operation is Operation.UPDATE and attributes.old_object is None:
        raise forbidden(attributes, "unable to get previous usage since prior version of object was not found")
    charges = [(quota, charge) for quota in concerned if (charge := without_zeros(_growth(demand, quota)))]
    if not charges and (concerned or not without_zeros(demand.growth)):
        return []
    _check_coverage(demand, restricted, covering)
    return [_charged(demand, quota, charge) for quota, charge in charges]


def _restricted(demand: Demand, quota: Object) -> Collection[str]:
    """The resources by which the quota restricts the write; Forbidden where one of them can't be told."""
    name, status = quota["metadata"]["name"], quota["status"]
    names = demand.evaluator.names(status["hard"])
    if why := demand.missing(tuple(names)):
        raise forbidden(demand.attributes, f"failed quota: {name}: {why}")
    used = status.get("used") or {}
    if any(each not in used for each in names):
        raise forbidden(demand.attributes, f"status unknown for quota: {name}, resources: {','.join(sorted(names))}")
    return names


def _growth(demand: Demand, quota: Object) -> ResourceList:
    """What is new to a quota: all of it, where what is replaced was none of the quota's concern."""
    if demand.replaced is not None and not concerns(demand.evaluator, quota, demand.replaced):
        return demand.usage
    return demand.growth


def _check_coverage(demand: Demand, restricted: Collection[str], covering: Iterable[Scope]) -> None:
    """Forbidden for resources that no quota restricts though one must; upstream's plain error for scopes."""
    uncovered = sorted(demand.limited.difference(restricted))
    if uncovered:
        raise forbidden(demand.attributes, f"insufficient quota to consume: {','.join(uncovered)}")
    covered = {scope.name for scope in covering}
    open_scopes = [scope for scope in demand.limited_scopes if scope.name not in covered]
    if open_scopes:
        raise StatusError(f"insufficient quota to match these scopes: [{' '.join(str(scope) for scope in open_scopes)}]")


def _charged(demand: Demand, quota: Object, charge: ResourceList) -> Object:
    status = quota["status"]
    requested = masked(charge, status["hard"])
    hard, used = (parsed(masked(status.get(each) or {}, requested)) for each in ("hard", "used"))
    total = added(used, requested)
    beyond = exceeding(total, hard) if demand.attributes.subresource != "status" else []
    if beyond:
        amounts = f"requested: {shown(masked(requested, beyond))}, used: {shown(masked(used, beyond))}"
        why = f"exceeded quota: {quota['metadata']['name']}, {amounts}, limited: {shown(masked(hard, beyond))}"
        raise forbidden(demand.attributes, why)
    return {**quota, "status": {**status, "used": {**(status.get("used") or {}), **texts_of(total)}}}
