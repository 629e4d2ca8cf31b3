"""Writes as plugins are shown them."""

from __future__ import annotations

from admission.attributes import Attributes, Operation
from cluster.api.names import GroupVersionKind, GroupVersionResource, Object
from cluster.api.user import UserInfo

KINDS = {
    "pods": "Pod",
    "namespaces": "Namespace",
    "nodes": "Node",
    "events": "Event",
    "events.events.k8s.io": "Event",
    "serviceaccounts": "ServiceAccount",
    "leases.coordination.k8s.io": "Lease",
    "csinodes.storage.k8s.io": "CSINode",
    "persistentvolumeclaims": "PersistentVolumeClaim",
    "resourceslices.resource.k8s.io": "ResourceSlice",
    "certificatesigningrequests.certificates.k8s.io": "CertificateSigningRequest",
    "podcertificaterequests.certificates.k8s.io": "PodCertificateRequest",
    "priorityclasses.scheduling.k8s.io": "PriorityClass",
    "localsubjectaccessreviews.authorization.k8s.io": "LocalSubjectAccessReview",
    "configmaps": "ConfigMap",
    "services": "Service",
    "persistentvolumes": "PersistentVolume",
    "volumeattributesclasses.storage.k8s.io": "VolumeAttributesClass",
    "clustertrustbundles.certificates.k8s.io": "ClusterTrustBundle",
    "ingresses.networking.k8s.io": "Ingress",
    "jobs.batch": "Job",
    "podgroups.scheduling.k8s.io": "PodGroup",
    "roles.rbac.authorization.k8s.io": "Role",
    "clusterroles.rbac.authorization.k8s.io": "ClusterRole",
    "rolebindings.rbac.authorization.k8s.io": "RoleBinding",
    "clusterrolebindings.rbac.authorization.k8s.io": "ClusterRoleBinding",
    "replicationcontrollers": "ReplicationController",
    "podtemplates": "PodTemplate",
    "replicasets.apps": "ReplicaSet",
    "deployments.apps": "Deployment",
    "statefulsets.apps": "StatefulSet",
    "daemonsets.apps": "DaemonSet",
    "cronjobs.batch": "CronJob",
}
TINA = UserInfo("tina")


def write(
    operation: str,
    what: str,
    obj: Object | None = None,
    old: Object | None = None,
    *,
    namespace: str = "",
    name: str = "",
    user: UserInfo = TINA,
) -> Attributes:
    """`write("UPDATE", "pods/status", new, old, namespace="dev", name="web")`; a name in the object is taken from there."""
    resource, _, subresource = what.partition("/")
    plural, _, group = resource.partition(".")
    name = name or ((obj or {}).get("metadata") or {}).get("name", "")
    return Attributes(
        operation=Operation(operation),
        kind=GroupVersionKind(group, "v1", KINDS[resource]),
        resource=GroupVersionResource(group, "v1", plural),
        subresource=subresource,
        namespace=namespace,
        name=name,
        object=obj,
        old_object=old,
        options={},
        dry_run=False,
        user=user,
    )
