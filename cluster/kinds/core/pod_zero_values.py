"""Fields of a pod spec that are as good as missing when they hold nothing: `false`, `0`, "", [] or {}.

Clients whose types can't tell the two apart send them or leave them out as they please, so they are never stored: else a client
that writes back what it read would seem to change the pod.  Upstream: the fields of `k8s.io/api/core/v1/types.go` that are no pointers.
"""

from __future__ import annotations

from typing import Any, Final

from cluster.api.names import Object

_LISTS: Final = frozenset(
    {
        *("accessModes", "add", "args", "claims", "command", "drop", "env", "envFrom", "ephemeralContainers", "hostAliases", "hostnames"),
        *("httpHeaders", "imagePullSecrets", "initContainers", "items", "matchExpressions", "matchFields", "matchLabelKeys"),
        *("mismatchLabelKeys", "nameservers", "namespaces", "portals", "ports", "preferredDuringSchedulingIgnoredDuringExecution"),
        *("readinessGates", "resizePolicy", "resourceClaims", "restartPolicyRules", "schedulingGates", "searches", "supplementalGroups"),
        *(
            "sysctls",
            "targetWWNs",
            "tolerations",
            "topologySpreadConstraints",
            "values",
            "volumeDevices",
            "volumeMounts",
            "volumes",
            "wwids",
        ),
    }
)
_MAPS: Final = frozenset(
    {"limits", "matchLabels", "nodeSelector", "overhead", "requests", "userAnnotations", "volumeAttributes", "labels", "annotations"}
)
_SCALARS: Final = frozenset(
    {
        *("action", "apiVersion", "audience", "certificateChainPath", "chapAuthDiscovery", "chapAuthSession", "containerName"),
        *("credentialBundlePath", "datasetName", "datasetUUID", "directory", "dnsPolicy", "effect", "failureThreshold", "group", "host"),
        *("hostIP", "hostIPC", "hostNetwork", "hostPID", "hostPort", "hostname", "imagePullPolicy", "initialDelaySeconds"),
        *("iscsiInterface", "keyPath", "keyType", "keyring", "level", "medium", "nodeName", "partition", "periodSeconds", "pool", "prefix"),
        *("priorityClassName", "protectionDomain", "protocol", "pullPolicy", "reference", "request", "revision", "role"),
        *("schedulerName", "scheme", "secretFile", "serviceAccount", "serviceAccountName", "sslEnabled", "stdin", "stdinOnce"),
        *("storageMode", "storagePolicyID", "storagePolicyName", "storagePool", "subPath", "subPathExpr", "subdomain"),
        *("successThreshold", "targetContainerName", "tenant", "terminationMessagePath", "terminationMessagePolicy", "timeoutSeconds"),
        *("tty", "user", "volumeNamespace", "workingDir"),
    }
)
_WITHIN: Final = {
    "env": frozenset({"value"}),
    "tolerations": frozenset({"key", "operator", "value"}),
    "volumeMounts": frozenset({"readOnly"}),
    "persistentVolumeClaim": frozenset({"readOnly"}),
    "nfs": frozenset({"readOnly"}),
    "ports": frozenset({"name"}),
}
HOLDERS: Final = frozenset(
    {
        *("affinity", "appArmorProfile", "awsElasticBlockStore", "azureDisk", "azureFile", "capabilities", "cephfs", "cinder"),
        *("claims", "clusterTrustBundle", "configMap", "configMapKeyRef", "configMapRef", "containers", "csi", "dataSource"),
        *("dataSourceRef", "dnsConfig", "downwardAPI", "emptyDir", "env", "envFrom", "ephemeral", "ephemeralContainers"),
        *("evictionResponders", "exec", "exitCodes", "fc", "fieldRef", "fileKeyRef", "flexVolume", "flocker", "gcePersistentDisk"),
        *("gitRepo", "glusterfs", "grpc", "hostAliases", "hostPath", "httpGet", "httpHeaders", "image", "imagePullSecrets"),
        *("initContainers", "iscsi", "items", "labelSelector", "lifecycle", "livenessProbe", "managedFields", "matchExpressions"),
        *("matchFields", "metadata", "namespaceSelector", "nfs", "nodeAffinity", "nodePublishSecretRef", "nodeSelectorTerms", "os"),
        *("ownerReferences", "persistentVolumeClaim", "photonPersistentDisk", "podAffinity", "podAffinityTerm", "podAntiAffinity"),
        *("podCertificate", "ports", "portworxVolume", "postStart", "preStop", "preference"),
        *("preferredDuringSchedulingIgnoredDuringExecution", "projected", "quobyte", "rbd", "readinessGates", "readinessProbe"),
        *("requiredDuringSchedulingIgnoredDuringExecution", "resizePolicy", "resourceClaims", "resourceFieldRef", "resources"),
        *("restartPolicyRules", "scaleIO", "schedulingGates", "schedulingGroup", "seLinuxOptions", "seccompProfile", "secret"),
        *("secretKeyRef", "secretRef", "securityContext", "selector", "serviceAccountToken", "sleep", "source", "sources", "spec"),
        *("startupProbe", "storageos", "sysctls", "tcpSocket", "tolerations", "topologySpreadConstraints", "valueFrom"),
        *("volumeClaimTemplate", "volumeDevices", "volumeMounts", "volumes", "vsphereVolume", "windowsOptions", "workloadRef"),
    }
)
"""Under these names are objects, or lists of them, that have fields of their own (`options` are the user's, in flex volumes)."""
_NONE: Final[frozenset[str]] = frozenset()


def drop_zero_values(spec: Object) -> None:
    """Removes them, and nulls, at every depth."""
    _drop(spec, _NONE)


def _drop(holder: Object, more: frozenset[str]) -> None:
    if not all(holder.values()):
        for name in [name for name, value in holder.items() if value is None or (not value and _is_zero(name, value, more))]:
            del holder[name]
    for name in HOLDERS.intersection(holder):  # few of many fields
        value, within = holder[name], _WITHIN.get(name, _NONE)
        if type(value) is dict:
            _drop(value, within)
        elif type(value) is list:
            for member in value:
                if type(member) is dict:
                    _drop(member, within)


def _is_zero(name: str, value: Any, more: frozenset[str]) -> bool:
    if isinstance(value, list):
        return name in _LISTS
    if isinstance(value, dict):
        return name in _MAPS
    return name in _SCALARS or name in more
