"""Cluster roles.  Upstream: `pkg/registry/rbac/clusterrole/strategy.go`."""

from __future__ import annotations

from typing import Final

from cluster.kinds.cells import created_at, name_of
from cluster.kinds.rbac.rules import role_strategy

STRATEGY: Final = role_strategy(namespaced=False, cells=lambda role: [name_of(role), created_at(role)])
