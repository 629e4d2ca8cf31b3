"""LimitPodHardAntiAffinityTopology: a pod may keep others off its node, but off no larger part of the cluster.

Upstream: `plugin/pkg/admission/antiaffinity`.
"""

from __future__ import annotations

from typing import Final

from admission.attributes import Attributes, Operation
from admission.pods import forbidden_pod, pod_of

_HOSTNAME: Final = "kubernetes.io/hostname"
_REQUIRED: Final = "requiredDuringSchedulingIgnoredDuringExecution"


class LimitPodHardAntiAffinityTopology:
    name = "LimitPodHardAntiAffinityTopology"

    def handles(self, operation: Operation) -> bool:
        return operation in (Operation.CREATE, Operation.UPDATE)

    def validate(self, attributes: Attributes) -> None:
        """Forbidden for a required term of anti-affinity whose topology is not the node."""
        pod = pod_of(attributes)
        if pod is None:
            return
        affinity = (pod.get("spec") or {}).get("affinity") or {}
        for term in (affinity.get("podAntiAffinity") or {}).get(_REQUIRED) or ():
            topology = term.get("topologyKey") or ""
            if topology != _HOSTNAME:
                why = f"affinity.PodAntiAffinity.RequiredDuringScheduling has TopologyKey {topology}"
                raise forbidden_pod(pod, f"{why} but only key {_HOSTNAME} is allowed")
