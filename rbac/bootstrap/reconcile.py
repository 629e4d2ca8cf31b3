"""How a default role or binding that exists already is brought up to date.

Upstream: component-helpers `auth/rbac/reconciliation`: what is missing is added, nothing is taken away, and an object
annotated `rbac.authorization.kubernetes.io/autoupdate: "false"` is left alone.
"""

from __future__ import annotations

from typing import Any, Final

from cluster.api.names import Object
from rbac.rules import uncovered

AUTOUPDATE: Final = "rbac.authorization.kubernetes.io/autoupdate"


def reconcile(existing: Object | None, expected: Object) -> Object | None:
    """The object to write: `expected` itself where none exists, a changed copy of `existing`, or None where all is well.

    A binding whose roleRef differs comes back without uid and resourceVersion: it has to be deleted and created anew.
    """
    if existing is None:
        return expected
    metadata = existing["metadata"]
    if (metadata.get("annotations") or {}).get(AUTOUPDATE) == "false":
        return None
    if "roleRef" in expected and existing.get("roleRef") != expected["roleRef"]:
        return expected
    wanted = dict(existing)
    wanted["metadata"] = _with_expected_metadata(metadata, expected["metadata"])
    if "roleRef" in expected:
        _add(wanted, "subjects", [each for each in expected.get("subjects") or () if each not in (existing.get("subjects") or ())])
    else:
        _add(wanted, "rules", uncovered(existing.get("rules") or (), expected.get("rules") or ()))
        _reconcile_aggregation(wanted, expected)
    return None if wanted == existing else wanted


def _add(wanted: Object, field: str, missing: list[Any]) -> None:
    if missing:
        wanted[field] = [*(wanted.get(field) or ()), *missing]


def _with_expected_metadata(metadata: Object, expected: Object) -> Object:
    merged = dict(metadata)
    for field in ("annotations", "labels"):
        if expected.get(field):
            merged[field] = {**expected[field], **(metadata.get(field) or {})}
    return merged


def _reconcile_aggregation(wanted: Object, expected: Object) -> None:
    if expected.get("aggregationRule") is None:
        wanted.pop("aggregationRule", None)
        return
    have = (wanted.get("aggregationRule") or {}).get("clusterRoleSelectors") or []
    missing = [each for each in expected["aggregationRule"].get("clusterRoleSelectors") or () if each not in have]
    if missing:
        wanted["aggregationRule"] = {"clusterRoleSelectors": [*have, *missing]}
