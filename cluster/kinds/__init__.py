"""What Berth knows of each kind: names, scope, defaults, validation, strategy, table cells; one file a kind.

Names, verbs and columns of every built-in kind are data (`data/`, recorded from Kubernetes); a kind that is more than its
schema has a file under its group that exports STRATEGY, and one line in `STRATEGIES` below.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Final

from cluster.kinds.model import Column, Strategy

STRATEGIES: Final[Mapping[tuple[str, str], str]] = {
    ("", "configmaps"): "core.configmaps",
    ("", "events"): "core.events",
    ("", "namespaces"): "core.namespaces",
    ("", "nodes"): "core.nodes",
    ("", "pods"): "core.pods",
    ("", "secrets"): "core.secrets",
    ("", "serviceaccounts"): "core.serviceaccounts",
    ("", "services"): "core.services",
    ("apps", "deployments"): "apps.deployments",
    ("apps", "replicasets"): "apps.replica_sets",
    ("certificates.k8s.io", "certificatesigningrequests"): "certificates.certificatesigningrequests",
    ("coordination.k8s.io", "leases"): "coordination.leases",
    ("events.k8s.io", "events"): "events.events",
    ("rbac.authorization.k8s.io", "clusterrolebindings"): "rbac.clusterrolebindings",
    ("rbac.authorization.k8s.io", "clusterroles"): "rbac.clusterroles",
    ("rbac.authorization.k8s.io", "rolebindings"): "rbac.rolebindings",
    ("rbac.authorization.k8s.io", "roles"): "rbac.roles",
}
"""(group, resource) to the module under `cluster.kinds` that exports its STRATEGY, imported when the kind is first used."""


def load_strategy(group: str, resource: str, columns: tuple[Column, ...] = ()) -> Strategy:
    """The strategy of a built-in kind: its file's, or one made of its schema and columns alone."""
    module = STRATEGIES.get((group, resource))
    if module is None:
        from cluster.kinds.generic import generic_strategy

        return generic_strategy(columns)
    strategy: Strategy = import_module(f"cluster.kinds.{module}").STRATEGY
    return strategy
