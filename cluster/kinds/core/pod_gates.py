"""What may change of a pod that waits behind scheduling gates: where it may go, and only more narrowly.

Upstream: `validateNodeSelectorMutation` and `validateNodeAffinityMutation` of `pkg/apis/core/validation/validation.go`.
"""

from __future__ import annotations

from typing import Final

from cluster.api import field
from cluster.api.field import FieldError, child, index
from cluster.api.names import Object
from cluster.kinds.core.pod_affinity import REQUIRED

_SELECTOR: Final = "spec.nodeSelector"
_AFFINITY: Final = "spec.affinity.nodeAffinity"
_ONLY_ADDITIONS: Final = "only additions are allowed (no mutations or deletions)"


def gated_spec(munged: Object, before: Object) -> list[FieldError]:
    """Judges the changed selector and node affinity, and puts the old ones into `munged`, so that they count as unchanged."""
    errors: list[FieldError] = []
    new, old = munged.get("nodeSelector") or {}, before.get("nodeSelector") or {}
    if any(new.get(name) != value for name, value in old.items()):
        errors.append(field.invalid(_SELECTOR, new, "only additions to spec.nodeSelector are allowed (no mutations or deletions)"))
    _restore(munged, "nodeSelector", before)
    new_affinity, old_affinity = munged.get("affinity") or {}, before.get("affinity") or {}
    errors += _node_affinity(new_affinity.get("nodeAffinity") or {}, old_affinity.get("nodeAffinity") or {})
    merged = {name: value for name, value in new_affinity.items() if name != "nodeAffinity"}
    if old_affinity.get("nodeAffinity") is not None:
        merged["nodeAffinity"] = old_affinity["nodeAffinity"]
    if merged or before.get("affinity") is not None:
        munged["affinity"] = merged
    else:
        munged.pop("affinity", None)
    return errors


def _restore(munged: Object, name: str, before: Object) -> None:
    munged.pop(name, None)
    if before.get(name) is not None:
        munged[name] = before[name]


def _node_affinity(new: Object, old: Object) -> list[FieldError]:
    terms = ((new.get(REQUIRED) or {}).get("nodeSelectorTerms")) or []
    old_terms = ((old.get(REQUIRED) or {}).get("nodeSelectorTerms")) or []
    path = child(_AFFINITY, REQUIRED, "nodeSelectorTerms")
    if not old_terms:
        return []
    if len(terms) != len(old_terms):
        return [field.invalid(path, terms, "no additions/deletions to non-empty NodeSelectorTerms list are allowed")]
    return [
        field.invalid(index(path, position), term, _ONLY_ADDITIONS)
        for position, (term, before) in enumerate(zip(terms, old_terms, strict=True))
        if not _only_added(term, before)
    ]


def _only_added(term: Object, before: Object) -> bool:
    if not before.get("matchExpressions") and not before.get("matchFields") and (term.get("matchExpressions") or term.get("matchFields")):
        return False
    for name in ("matchExpressions", "matchFields"):
        old, new = before.get(name) or [], term.get(name) or []
        if new[: len(old)] != old:
            return False
    return True
