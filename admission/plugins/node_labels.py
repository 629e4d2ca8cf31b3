"""Which labels a kubelet may put on its own node.  Upstream: kubelet `pkg/apis/well_known_labels.go`, noderestriction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

_OF_KUBELETS: Final = frozenset(
    {
        "kubernetes.io/hostname",
        "topology.kubernetes.io/zone",
        "topology.kubernetes.io/region",
        "failure-domain.beta.kubernetes.io/zone",
        "failure-domain.beta.kubernetes.io/region",
        "beta.kubernetes.io/instance-type",
        "node.kubernetes.io/instance-type",
        "kubernetes.io/os",
        "kubernetes.io/arch",
        "beta.kubernetes.io/os",
        "beta.kubernetes.io/arch",
    }
)
_NAMESPACES_OF_KUBELETS: Final = ("kubelet.kubernetes.io", "node.kubernetes.io")
_RESTRICTED: Final = "node-restriction.kubernetes.io"


def modified(new: Mapping[str, str], old: Mapping[str, str]) -> set[str]:
    """The keys that were added, removed or changed."""
    return {key for key in new.keys() | old.keys() if new.get(key) != old.get(key)}


def forbidden_labels(keys: Iterable[str]) -> list[str]:
    """Those that a kubelet may not add, change or remove, sorted."""
    return sorted(key for key in keys if _forbidden(key))


def _forbidden(key: str) -> bool:
    namespace, slash, _ = key.partition("/")
    if not slash or key in _OF_KUBELETS:
        return False
    if _within(namespace, _RESTRICTED):
        return True
    if not (_within(namespace, "kubernetes.io") or _within(namespace, "k8s.io")):
        return False
    return not any(_within(namespace, each) for each in _NAMESPACES_OF_KUBELETS)


def _within(namespace: str, domain: str) -> bool:
    return namespace == domain or namespace.endswith("." + domain)
