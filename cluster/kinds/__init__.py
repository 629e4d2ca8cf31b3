"""What Berth knows of each kind: names, scope, defaults, validation, strategy, table cells; one file a kind.

Names, verbs and columns of every built-in kind are data (`data/`, recorded from Kubernetes); a kind that is more than its
schema has a file under its group that exports STRATEGY, and one line in `STRATEGIES` below.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Final

from cluster.kinds.model import Column, Strategy

STRATEGIES: Final[Mapping[tuple[str, str], str]] = {
    ("", "componentstatuses"): "core.componentstatuses",
    ("", "configmaps"): "core.configmaps",
    ("", "endpoints"): "core.endpoints",
    ("", "events"): "core.events",
    ("", "limitranges"): "core.limitranges",
    ("", "namespaces"): "core.namespaces",
    ("", "nodes"): "core.nodes",
    ("", "persistentvolumeclaims"): "core.persistentvolumeclaims",
    ("", "persistentvolumes"): "core.persistentvolumes",
    ("", "pods"): "core.pods",
    ("", "podtemplates"): "core.pod_templates",
    ("", "replicationcontrollers"): "core.replicationcontrollers",
    ("", "resourcequotas"): "core.resourcequotas",
    ("", "secrets"): "core.secrets",
    ("", "serviceaccounts"): "core.serviceaccounts",
    ("", "services"): "core.services",
    ("admissionregistration.k8s.io", "mutatingadmissionpolicies"): "admissionregistration.mutatingadmissionpolicies",
    ("admissionregistration.k8s.io", "mutatingadmissionpolicybindings"): "admissionregistration.mutatingadmissionpolicybindings",
    ("admissionregistration.k8s.io", "mutatingwebhookconfigurations"): "admissionregistration.mutatingwebhookconfigurations",
    ("admissionregistration.k8s.io", "validatingadmissionpolicies"): "admissionregistration.validatingadmissionpolicies",
    ("admissionregistration.k8s.io", "validatingadmissionpolicybindings"): "admissionregistration.validatingadmissionpolicybindings",
    ("admissionregistration.k8s.io", "validatingwebhookconfigurations"): "admissionregistration.validatingwebhookconfigurations",
    ("apiextensions.k8s.io", "customresourcedefinitions"): "apiextensions.customresourcedefinitions",
    ("apiregistration.k8s.io", "apiservices"): "apiregistration.apiservices",
    ("apps", "controllerrevisions"): "apps.controller_revisions",
    ("apps", "daemonsets"): "apps.daemon_sets",
    ("apps", "deployments"): "apps.deployments",
    ("apps", "replicasets"): "apps.replica_sets",
    ("apps", "statefulsets"): "apps.stateful_sets",
    ("autoscaling", "horizontalpodautoscalers"): "autoscaling.horizontalpodautoscalers",
    ("batch", "cronjobs"): "batch.cron_jobs",
    ("batch", "jobs"): "batch.jobs",
    ("berth.io", "auditevents"): "berth.auditevents",
    ("berth.io", "clusterkubeconfigs"): "berth.clusterkubeconfigs",
    ("berth.io", "kubeconfigs"): "berth.kubeconfigs",
    ("berth.io", "tenantnamespaces"): "berth.tenantnamespaces",
    ("berth.io", "tenants"): "berth.tenants",
    ("certificates.k8s.io", "certificatesigningrequests"): "certificates.certificatesigningrequests",
    ("coordination.k8s.io", "leases"): "coordination.leases",
    ("discovery.k8s.io", "endpointslices"): "discovery.endpointslices",
    ("events.k8s.io", "events"): "events.events",
    ("flowcontrol.apiserver.k8s.io", "flowschemas"): "flowcontrol.flowschemas",
    ("flowcontrol.apiserver.k8s.io", "prioritylevelconfigurations"): "flowcontrol.prioritylevelconfigurations",
    ("networking.k8s.io", "ingressclasses"): "networking.ingressclasses",
    ("networking.k8s.io", "ingresses"): "networking.ingresses",
    ("networking.k8s.io", "ipaddresses"): "networking.ipaddresses",
    ("networking.k8s.io", "networkpolicies"): "networking.networkpolicies",
    ("networking.k8s.io", "servicecidrs"): "networking.servicecidrs",
    ("node.k8s.io", "runtimeclasses"): "node.runtimeclasses",
    ("policy", "poddisruptionbudgets"): "policy.poddisruptionbudgets",
    ("rbac.authorization.k8s.io", "clusterrolebindings"): "rbac.clusterrolebindings",
    ("rbac.authorization.k8s.io", "clusterroles"): "rbac.clusterroles",
    ("rbac.authorization.k8s.io", "rolebindings"): "rbac.rolebindings",
    ("rbac.authorization.k8s.io", "roles"): "rbac.roles",
    ("resource.k8s.io", "deviceclasses"): "resource.deviceclasses",
    ("resource.k8s.io", "resourceclaims"): "resource.resourceclaims",
    ("resource.k8s.io", "resourceclaimtemplates"): "resource.resourceclaimtemplates",
    ("resource.k8s.io", "resourceslices"): "resource.resourceslices",
    ("scheduling.k8s.io", "priorityclasses"): "scheduling.priorityclasses",
    ("storage.k8s.io", "csidrivers"): "storage.csidrivers",
    ("storage.k8s.io", "csinodes"): "storage.csinodes",
    ("storage.k8s.io", "csistoragecapacities"): "storage.csistoragecapacities",
    ("storage.k8s.io", "storageclasses"): "storage.storageclasses",
    ("storage.k8s.io", "volumeattachments"): "storage.volumeattachments",
    ("storage.k8s.io", "volumeattributesclasses"): "storage.volumeattributesclasses",
}
"""(group, resource) to the module under `cluster.kinds` that exports its STRATEGY, imported when the kind is first used.

STRATEGY is a Strategy or, where rules depend on the Kubernetes version (`1.36`), a function from it to one.
"""


def load_strategy(group: str, resource: str, version: str, columns: tuple[Column, ...] = ()) -> Strategy:
    """The strategy of a built-in kind: its file's, or one made of its schema and columns alone."""
    module = STRATEGIES.get((group, resource))
    if module is None:
        from cluster.kinds.generic import generic_strategy

        return generic_strategy(columns)
    exported: Strategy | Callable[[str], Strategy] = import_module(f"cluster.kinds.{module}").STRATEGY
    return exported if isinstance(exported, Strategy) else exported(version)
