"""Services: their number, their node ports and their load balancers.  Upstream: `pkg/quota/v1/evaluator/core/services.go`."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from cluster.api.names import GroupResource, Object
from cluster.api.quantity import ZERO, of_value
from cluster.api.quota.evaluator import CREATE, ONE, UPDATE, count_name
from cluster.api.quota.scopes import Scope
from cluster.api.resource_lists import ResourceList

SERVICES: Final = GroupResource("", "services")
_COUNT: Final = count_name(SERVICES)
_NODE_PORTS: Final = "services.nodeports"
_LOAD_BALANCERS: Final = "services.loadbalancers"
_NAMES: Final = frozenset({_COUNT, "services", _NODE_PORTS, _LOAD_BALANCERS})


class ServiceEvaluator:
    resource = SERVICES
    selects = False

    def handles(self, operation: str, subresource: str, obj: Object, old: Object | None) -> bool:  # noqa: ARG002
        """Updates, too: the type may change."""
        return operation in (CREATE, UPDATE) and not subresource

    def names(self, limited: Iterable[str]) -> list[str]:
        return [each for each in limited if each in _NAMES]

    def missing(self, required: Collection[str], obj: Object) -> str:  # noqa: ARG002
        return ""

    def in_scope(self, scope: Scope, obj: Object) -> bool:  # noqa: ARG002
        return False

    def usage(self, obj: Object) -> ResourceList:
        """By what is meant to be, as node ports are allocated only once the service has passed."""
        spec = obj.get("spec") or {}
        ports, kind = spec.get("ports") or (), spec.get("type")
        usage: ResourceList = {_COUNT: ONE, "services": ONE, _LOAD_BALANCERS: ZERO, _NODE_PORTS: ZERO}
        if kind == "LoadBalancer":
            usage[_LOAD_BALANCERS] = ONE
            if spec.get("allocateLoadBalancerNodePorts") is False:
                ports = [each for each in ports if each.get("nodePort")]
        if kind in ("LoadBalancer", "NodePort"):
            usage[_NODE_PORTS] = of_value(len(ports))
        return usage
