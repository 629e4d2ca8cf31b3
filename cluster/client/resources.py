"""The resources that the cluster's own components use, by name."""

from __future__ import annotations

from typing import Final

from cluster.api.names import GroupVersionResource

BINDINGS: Final = GroupVersionResource("", "v1", "bindings")
CONFIG_MAPS: Final = GroupVersionResource("", "v1", "configmaps")
CORE_EVENTS: Final = GroupVersionResource("", "v1", "events")
ENDPOINTS: Final = GroupVersionResource("", "v1", "endpoints")
LIMIT_RANGES: Final = GroupVersionResource("", "v1", "limitranges")
NAMESPACES: Final = GroupVersionResource("", "v1", "namespaces")
NODES: Final = GroupVersionResource("", "v1", "nodes")
PERSISTENT_VOLUMES: Final = GroupVersionResource("", "v1", "persistentvolumes")
PERSISTENT_VOLUME_CLAIMS: Final = GroupVersionResource("", "v1", "persistentvolumeclaims")
PODS: Final = GroupVersionResource("", "v1", "pods")
REPLICATION_CONTROLLERS: Final = GroupVersionResource("", "v1", "replicationcontrollers")
RESOURCE_QUOTAS: Final = GroupVersionResource("", "v1", "resourcequotas")
SECRETS: Final = GroupVersionResource("", "v1", "secrets")
SERVICE_ACCOUNTS: Final = GroupVersionResource("", "v1", "serviceaccounts")
SERVICES: Final = GroupVersionResource("", "v1", "services")

CONTROLLER_REVISIONS: Final = GroupVersionResource("apps", "v1", "controllerrevisions")
DAEMON_SETS: Final = GroupVersionResource("apps", "v1", "daemonsets")
DEPLOYMENTS: Final = GroupVersionResource("apps", "v1", "deployments")
REPLICA_SETS: Final = GroupVersionResource("apps", "v1", "replicasets")
STATEFUL_SETS: Final = GroupVersionResource("apps", "v1", "statefulsets")

CRON_JOBS: Final = GroupVersionResource("batch", "v1", "cronjobs")
JOBS: Final = GroupVersionResource("batch", "v1", "jobs")

CERTIFICATE_SIGNING_REQUESTS: Final = GroupVersionResource("certificates.k8s.io", "v1", "certificatesigningrequests")
CUSTOM_RESOURCE_DEFINITIONS: Final = GroupVersionResource("apiextensions.k8s.io", "v1", "customresourcedefinitions")
ENDPOINT_SLICES: Final = GroupVersionResource("discovery.k8s.io", "v1", "endpointslices")
EVENTS: Final = GroupVersionResource("events.k8s.io", "v1", "events")
INGRESSES: Final = GroupVersionResource("networking.k8s.io", "v1", "ingresses")
LEASES: Final = GroupVersionResource("coordination.k8s.io", "v1", "leases")
NETWORK_POLICIES: Final = GroupVersionResource("networking.k8s.io", "v1", "networkpolicies")
POD_DISRUPTION_BUDGETS: Final = GroupVersionResource("policy", "v1", "poddisruptionbudgets")
PRIORITY_CLASSES: Final = GroupVersionResource("scheduling.k8s.io", "v1", "priorityclasses")
RUNTIME_CLASSES: Final = GroupVersionResource("node.k8s.io", "v1", "runtimeclasses")
CSI_NODES: Final = GroupVersionResource("storage.k8s.io", "v1", "csinodes")
STORAGE_CLASSES: Final = GroupVersionResource("storage.k8s.io", "v1", "storageclasses")
VALIDATING_ADMISSION_POLICIES: Final = GroupVersionResource("admissionregistration.k8s.io", "v1", "validatingadmissionpolicies")
VOLUME_ATTRIBUTES_CLASSES: Final = GroupVersionResource("storage.k8s.io", "v1", "volumeattributesclasses")

CLUSTER_ROLES: Final = GroupVersionResource("rbac.authorization.k8s.io", "v1", "clusterroles")
CLUSTER_ROLE_BINDINGS: Final = GroupVersionResource("rbac.authorization.k8s.io", "v1", "clusterrolebindings")
ROLES: Final = GroupVersionResource("rbac.authorization.k8s.io", "v1", "roles")
ROLE_BINDINGS: Final = GroupVersionResource("rbac.authorization.k8s.io", "v1", "rolebindings")

SELF_SUBJECT_ACCESS_REVIEWS: Final = GroupVersionResource("authorization.k8s.io", "v1", "selfsubjectaccessreviews")
SELF_SUBJECT_REVIEWS: Final = GroupVersionResource("authentication.k8s.io", "v1", "selfsubjectreviews")
SUBJECT_ACCESS_REVIEWS: Final = GroupVersionResource("authorization.k8s.io", "v1", "subjectaccessreviews")
TOKEN_REVIEWS: Final = GroupVersionResource("authentication.k8s.io", "v1", "tokenreviews")
