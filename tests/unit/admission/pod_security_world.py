"""A world with a PodSecurity plugin, and pods for each level."""

from __future__ import annotations

from typing import Any

from admission.attributes import Attributes
from admission.plugins.pod_security import PodSecurity
from cluster.api.errors import StatusError
from cluster.api.names import Object
from tests.unit.admission.pod_security_samples import plain, pod, secured
from tests.unit.rbac.world import World, metadata

CONFIGURATION: Object = {
    "apiVersion": "pod-security.admission.config.k8s.io/v1",
    "kind": "PodSecurityConfiguration",
    "exemptions": {"usernames": ["root"], "namespaces": ["exempt", "kube-system"], "runtimeClasses": ["gvisor"]},
}
PRIVILEGED_POD = pod(secured("c", privileged=True))
BASELINE_POD = pod(plain("c"))
RESTRICTED_POD = pod(
    secured("c", allowPrivilegeEscalation=False, capabilities={"drop": ["ALL"]}),
    securityContext={"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
)


def namespace(name: str, levels: dict[str, str]) -> Object:
    return {"metadata": metadata(name, labels={f"pod-security.kubernetes.io/{mode}": level for mode, level in levels.items()})}


def validated(world: World, attributes: Attributes, **more: Any) -> tuple[StatusError | None, list[str], dict[str, str]]:
    """What the write is refused with, its warnings, and its audit annotations without their prefix."""
    error = None
    try:
        PodSecurity(world, CONFIGURATION, **more).validate(attributes)
    except StatusError as refusal:
        error = refusal
    told = {key.removeprefix("pod-security.kubernetes.io/"): value for key, value in attributes.annotations.items()}
    return error, attributes.warnings, told
