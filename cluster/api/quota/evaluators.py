"""Which evaluator measures a resource: those with rules of their own, and a count for all others.

Upstream: `pkg/quota/v1/evaluator/core/registry.go`, `pkg/quota/v1/install/registry.go`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cluster.api.names import GroupResource
from cluster.api.quota.evaluator import Evaluator, ObjectCount
from cluster.api.quota.pods import PodEvaluator
from cluster.api.quota.resource_claims import Neighbours, ResourceClaimEvaluator
from cluster.api.quota.services import ServiceEvaluator
from cluster.api.quota.volume_claims import VolumeClaimEvaluator

IGNORED: Final = frozenset(
    GroupResource(group, resource)
    for group, resources in {
        "": "bindings componentstatuses events",
        "authentication.k8s.io": "tokenreviews selfsubjectreviews",
        "authorization.k8s.io": "subjectaccessreviews selfsubjectaccessreviews localsubjectaccessreviews selfsubjectrulesreviews",
        "events.k8s.io": "events",
    }.items()
    for resource in resources.split()
)
"""What no quota counts: it is never stored, or there were no quotas on it from the beginning."""
_ALIASES: Final = ("configmaps", "resourcequotas", "replicationcontrollers", "secrets")
"""Core resources that are counted by their bare name, too."""


class Evaluators:
    """All of them."""

    def __init__(self, neighbours: Neighbours, pods: PodEvaluator | None = None) -> None:
        pods = pods or PodEvaluator()
        self.special: Final[Sequence[Evaluator]] = (
            pods,
            ServiceEvaluator(),
            VolumeClaimEvaluator(),
            ResourceClaimEvaluator(neighbours, pods),
            *(ObjectCount(GroupResource("", name), name) for name in _ALIASES),
        )
        """Those that limit more than `count/`."""
        self._by_resource: dict[GroupResource, Evaluator] = {each.resource: each for each in self.special}

    def of(self, resource: GroupResource) -> Evaluator:
        found = self._by_resource.get(resource)
        if found is None:
            found = self._by_resource[resource] = ObjectCount(resource)
        return found
