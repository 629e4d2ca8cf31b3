"""Whether tolerations tolerate a taint.  Upstream: `staging/src/k8s.io/component-helpers/scheduling/corev1/helpers.go`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cluster.api.names import Object


def tolerates(toleration: Mapping[str, str], taint: Mapping[str, str]) -> bool:
    """An empty key with Exists tolerates every taint, an empty effect every effect."""
    if toleration.get("effect") and toleration["effect"] != taint.get("effect"):
        return False
    if toleration.get("key") and toleration["key"] != taint.get("key"):
        return False
    if toleration.get("operator") == "Exists":
        return True
    return bool(toleration.get("key")) and (toleration.get("value") or "") == (taint.get("value") or "")


def tolerated(taint: Mapping[str, str], tolerations: Iterable[Object] | None) -> bool:
    return any(tolerates(each, taint) for each in tolerations or ())


def untolerated(taints: Iterable[Object] | None, tolerations: Iterable[Object] | None, effects: frozenset[str]) -> Object | None:
    """The first taint of these effects that isn't tolerated."""
    for taint in taints or ():
        if taint.get("effect") in effects and not tolerated(taint, tolerations):
            return taint
    return None
