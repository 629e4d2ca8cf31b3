"""Service accounts.  Upstream: `pkg/registry/core/serviceaccount/strategy.go`."""

from __future__ import annotations

from typing import Final

from cluster.api.names import Object
from cluster.kinds.cells import name_and
from cluster.kinds.checks import metadata_of
from cluster.kinds.model import Strategy

_MOUNTABLE: Final = "kubernetes.io/enforce-mountable-secrets"


def _prepare(account: Object) -> None:
    """A reference to a secret is its name and nothing else."""
    if account.get("secrets"):
        account["secrets"] = [{"name": each["name"]} if each.get("name") else {} for each in account["secrets"]]


def _warnings(account: Object, old: Object | None) -> list[str]:
    if old is not None and _MOUNTABLE in (metadata_of(old).get("annotations") or {}):
        return []
    if _MOUNTABLE in (metadata_of(account).get("annotations") or {}):
        advice = "prefer separate namespaces to isolate access to mounted secrets"
        return [f"metadata.annotations[{_MOUNTABLE}]: deprecated in v1.32+; {advice}"]
    return []


STRATEGY: Final = Strategy(
    prepare_for_create=_prepare,
    prepare_for_update=lambda account, old: _prepare(account),
    warnings=_warnings,
    cells=name_and(),
    has_generation=False,
)
