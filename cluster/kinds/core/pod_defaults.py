"""Defaults of a pod's spec, as a pod and as a template carries them.

Upstream: `pkg/apis/core/v1/defaults.go`.  Tolerations, priority and the service account are admission's, not defaults.
"""

from __future__ import annotations

from typing import Final

from cluster.api.names import Object
from cluster.kinds.core.pod_containers import CONTAINER_FIELDS, default_container
from cluster.kinds.core.pod_resources import canonical_requirements, canonical_resource_list, default_pod_level_resources, default_requests
from cluster.kinds.core.pod_volumes import default_volume
from cluster.kinds.core.pod_zero_values import drop_zero_values

GRACE_PERIOD: Final = 30
SCHEDULER: Final = "default-scheduler"
_INIT_ANNOTATIONS: Final = (
    "pod.beta.kubernetes.io/init-containers",
    "pod.alpha.kubernetes.io/init-containers",
    "pod.beta.kubernetes.io/init-container-statuses",
    "pod.alpha.kubernetes.io/init-container-statuses",
)


def default_pod(pod: Object) -> None:
    """What a pod gets beyond its spec's defaults: requests from limits, service links, host ports."""
    spec = pod.get("spec")
    if not isinstance(spec, dict):
        return
    for field in ("containers", "initContainers"):
        for container in spec.get(field) or ():
            default_requests(container)
    if spec.get("resources"):
        default_pod_level_resources(spec)
    if spec.get("enableServiceLinks") is None:
        spec["enableServiceLinks"] = True
    if spec.get("hostNetwork"):
        _default_host_ports(spec)
    default_pod_spec(spec)
    period = spec["terminationGracePeriodSeconds"]
    if isinstance(period, int) and period < 0:
        spec["terminationGracePeriodSeconds"] = 1
    if status := pod.get("status"):
        for condition in status.get("conditions") or ():
            for name in ("lastProbeTime", "lastTransitionTime"):
                condition.setdefault(name, None)
    if annotations := pod.get("metadata", {}).get("annotations"):
        for name in _INIT_ANNOTATIONS:
            annotations.pop(name, None)


def default_template(template: Object) -> None:
    """A pod template's defaults: those of its spec alone."""
    for name in ("metadata", "spec"):
        if template.get(name) is None:
            template[name] = {}
    if template["metadata"]:
        drop_zero_values(template["metadata"])
    default_pod_spec(template["spec"])


def default_pod_spec(spec: Object) -> None:
    """The defaults that every pod spec gets; what Kubernetes keeps behind a gate that is closed is dropped."""
    drop_zero_values(spec)
    spec.pop("schedulingGroup", None)
    if not spec.get("dnsPolicy"):
        spec["dnsPolicy"] = "ClusterFirst"
    if not spec.get("restartPolicy"):
        spec["restartPolicy"] = "Always"
    if not spec.get("schedulerName"):
        spec["schedulerName"] = SCHEDULER
    if spec.get("terminationGracePeriodSeconds") is None:
        spec["terminationGracePeriodSeconds"] = GRACE_PERIOD
    if spec.get("securityContext") is None:
        spec["securityContext"] = {}
    # `serviceAccount` is the old name of `serviceAccountName`; the new one wins, and both are served
    if account := spec.get("serviceAccountName") or spec.get("serviceAccount"):
        spec["serviceAccountName"] = spec["serviceAccount"] = account
    for volume in spec.get("volumes") or ():
        default_volume(volume)
    for field in CONTAINER_FIELDS:
        for container in spec.get(field) or ():
            default_container(container)
    if overhead := spec.get("overhead"):
        canonical_resource_list(overhead)
    if resources := spec.get("resources"):
        canonical_requirements(resources)


def _default_host_ports(spec: Object) -> None:
    for field in ("containers", "initContainers"):
        for container in spec.get(field) or ():
            for port in container.get("ports") or ():
                if not port.get("hostPort"):
                    port["hostPort"] = port.get("containerPort", 0)
