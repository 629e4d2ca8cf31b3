"""Kubeconfigs of a namespace: records of credentials that were issued to its people and service accounts."""

from __future__ import annotations

from typing import Final

from cluster.kinds.berth.kubeconfig_rules import strategy

STRATEGY: Final = strategy(namespaced=True)
