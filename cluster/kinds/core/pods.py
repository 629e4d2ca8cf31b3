"""Pods.  Upstream: `pkg/registry/core/pod/strategy.go`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from cluster.api.names import Object
from cluster.api.pod_resources import quality_of_service
from cluster.kinds.core import pod_printing, pod_resize, pod_updates, pod_validation
from cluster.kinds.core.pod_affinity import merge_match_label_keys
from cluster.kinds.core.pod_defaults import default_pod
from cluster.kinds.core.pod_resources import decoded
from cluster.kinds.core.pod_status_validation import validate_status
from cluster.kinds.core.pod_warnings import warnings
from cluster.kinds.model import Strategy, SubresourceStrategy

_TERMINAL: Final = frozenset({"Succeeded", "Failed"})
_GATED: Final = {
    "type": "PodScheduled",
    "status": "False",
    "lastProbeTime": None,
    "lastTransitionTime": None,
    "reason": "SchedulingGated",
    "message": "Scheduling is blocked due to non-empty scheduling gates",
}


def _prepare_for_create(pod: Object) -> None:
    """The status is the system's: a new pod is Pending, and its QoS class is settled for good."""
    spec = pod.get("spec") or {}
    pod.setdefault("metadata", {})["generation"] = 1
    pod["status"] = {"phase": "Pending", "qosClass": quality_of_service(spec)}
    if spec.get("schedulingGates"):
        pod["status"]["conditions"] = [dict(_GATED)]
    merge_match_label_keys(pod)


def _grace_period(pod: Object, asked: int | None) -> int:
    """What runs nowhere, or runs no more, goes at once; a negative period is a second."""
    spec, status = pod.get("spec") or {}, pod.get("status") or {}
    period = asked if asked is not None else spec.get("terminationGracePeriodSeconds") or 0
    if not spec.get("nodeName") or status.get("phase") in _TERMINAL:
        return 0
    return 1 if period < 0 else int(period)


def _spec_field(name: str) -> Callable[[Object], str]:
    return lambda pod: str((pod.get("spec") or {}).get(name) or "")


def _status_field(name: str) -> Callable[[Object], str]:
    return lambda pod: str((pod.get("status") or {}).get(name) or "")


def _host_network(pod: Object) -> str:
    return "true" if (pod.get("spec") or {}).get("hostNetwork") else "false"


def _pod_ip(pod: Object) -> str:
    addresses = (pod.get("status") or {}).get("podIPs") or [{}]
    return str(addresses[0].get("ip") or "")


STRATEGY: Final = Strategy(
    default=decoded(default_pod),
    prepare_for_create=_prepare_for_create,
    validate=pod_validation.validate,
    validate_update=pod_updates.validate_update,
    warnings=warnings,
    subresources={
        "status": SubresourceStrategy(pod_updates.prepare_status, validate_status),
        "ephemeralcontainers": SubresourceStrategy(pod_resize.prepare_ephemeral_containers, pod_resize.validate_ephemeral_containers),
        "resize": SubresourceStrategy(pod_resize.prepare_resize, pod_resize.validate_resize),
    },
    selectable_fields={
        "spec.nodeName": _spec_field("nodeName"),
        "spec.restartPolicy": _spec_field("restartPolicy"),
        "spec.schedulerName": _spec_field("schedulerName"),
        "spec.serviceAccountName": _spec_field("serviceAccountName"),
        "spec.hostNetwork": _host_network,
        "status.phase": _status_field("phase"),
        "status.podIP": _pod_ip,
        "status.nominatedNodeName": _status_field("nominatedNodeName"),
    },
    cells=pod_printing.cells,
    row_conditions=pod_printing.row_conditions,
    grace_period=_grace_period,
)
