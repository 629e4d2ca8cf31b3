"""Affinity and spreading of pods: the label keys that a pod's own labels fill in.

Upstream: `pkg/registry/core/pod/strategy.go`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from cluster.api.names import Object

REQUIRED: Final = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED: Final = "preferredDuringSchedulingIgnoredDuringExecution"


def pod_affinity_terms(spec: Object) -> Iterator[Object]:
    """Every term of pod affinity and pod anti-affinity, required and preferred."""
    affinity = spec.get("affinity")
    if not affinity:
        return
    for kind in ("podAffinity", "podAntiAffinity"):
        rules = affinity.get(kind) or {}
        yield from (each.get("podAffinityTerm") or {} for each in rules.get(PREFERRED) or ())
        yield from rules.get(REQUIRED) or ()


def merge_match_label_keys(pod: Object) -> None:
    """Turns `matchLabelKeys` and `mismatchLabelKeys` into expressions of the selector beside them."""
    spec, labels = pod.get("spec") or {}, (pod.get("metadata") or {}).get("labels") or {}
    for term in pod_affinity_terms(spec):
        _merge(term, term.get("matchLabelKeys") or (), "In", labels)
        _merge(term, term.get("mismatchLabelKeys") or (), "NotIn", labels)
    for constraint in spec.get("topologySpreadConstraints") or ():
        _merge(constraint, constraint.get("matchLabelKeys") or (), "In", labels)


def _merge(holder: Object, keys: Sequence[str], operator: str, labels: dict[str, str]) -> None:
    selector = holder.get("labelSelector")
    if selector is None:
        return
    for key in keys:
        if key in labels:
            expressions = selector.get("matchExpressions") or []
            selector["matchExpressions"] = [*expressions, {"key": key, "operator": operator, "values": [labels[key]]}]
