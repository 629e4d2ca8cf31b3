"""Cluster role bindings.  Upstream: `pkg/registry/rbac/clusterrolebinding/strategy.go`."""

from __future__ import annotations

from typing import Final

from cluster.kinds.rbac.rules import binding_strategy

STRATEGY: Final = binding_strategy(("ClusterRole",), namespaced=False)
