"""Kubeconfigs of the cluster: records of credentials that were issued to people who belong to no namespace."""

from __future__ import annotations

from typing import Final

from cluster.kinds.berth.kubeconfig_rules import strategy

STRATEGY: Final = strategy(namespaced=False)
