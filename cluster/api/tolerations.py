"""Whether a toleration tolerates a taint.  Upstream: `staging/src/k8s.io/component-helpers/scheduling/corev1/helpers.go`."""

from __future__ import annotations

from cluster.api.names import Object


def tolerates(toleration: Object, taint: Object) -> bool:
    """An empty key with Exists tolerates every taint, an empty effect every effect."""
    if toleration.get("effect") and toleration["effect"] != taint.get("effect"):
        return False
    if toleration.get("key") and toleration["key"] != taint.get("key"):
        return False
    if toleration.get("operator") == "Exists":
        return True
    return bool(toleration.get("key")) and (toleration.get("value") or "") == (taint.get("value") or "")
