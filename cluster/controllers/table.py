"""The one table of controllers.  A new one is a module with `build`, a line here, and its role among the bootstrap roles."""

from __future__ import annotations

from typing import Final

from cluster.controllers import (
    bootstrap_signer,
    cluster_role_aggregation,
    deployment,
    endpoint_slice,
    garbage,
    grants,
    legacy_token_cleaner,
    namespace,
    node_ipam,
    node_lifecycle,
    pod_garbage,
    policy_status,
    pv_protection,
    pvc_protection,
    replica_set,
    resource_quota,
    root_ca,
    service_account,
    taint_eviction,
    tenant,
    token,
    token_cleaner,
    vac_protection,
)
from cluster.controllers.certificates import approving, cleaning, signing
from cluster.controllers.framework import Registration

CONTROLLERS: Final = (
    Registration("serviceaccount", "service-account-controller", service_account.build),
    Registration("serviceaccount-token", "", token.build),
    Registration("legacy-serviceaccount-token-cleaner", "legacy-service-account-token-cleaner", legacy_token_cleaner.build),
    Registration("bootstrap-signer", "bootstrap-signer", bootstrap_signer.build),
    Registration("token-cleaner", "token-cleaner", token_cleaner.build),
    Registration("root-ca-certificate-publisher", "root-ca-cert-publisher", root_ca.build),
    Registration("namespace", "namespace-controller", namespace.build),
    Registration("clusterrole-aggregation", "clusterrole-aggregation-controller", cluster_role_aggregation.build),
    Registration("deployment", "deployment-controller", deployment.build),
    Registration("replicaset", "replicaset-controller", replica_set.build),
    Registration("endpointslice", "endpointslice-controller", endpoint_slice.build),
    Registration("node-ipam", "node-controller", node_ipam.build),
    Registration("node-lifecycle", "node-controller", node_lifecycle.build),
    Registration("taint-eviction", "node-controller", taint_eviction.build, component="taint-eviction-controller"),
    Registration("pod-garbage-collector", "pod-garbage-collector", pod_garbage.build),
    Registration("persistentvolumeclaim-protection", "pvc-protection-controller", pvc_protection.build),
    Registration("persistentvolume-protection", "pv-protection-controller", pv_protection.build),
    Registration("volumeattributesclass-protection", "volumeattributesclass-protection-controller", vac_protection.build, since=34),
    Registration("certificatesigningrequest-approving", "certificate-controller", approving.build),
    Registration("certificatesigningrequest-signing", "certificate-controller", signing.build),
    Registration("certificatesigningrequest-cleaner", "certificate-controller", cleaning.build),
    Registration("tenant", "tenant-controller", tenant.build),
    Registration("grants", "grants-controller", grants.build),
    Registration("resourcequota", "resourcequota-controller", resource_quota.build),
    Registration("validatingadmissionpolicy-status", "validatingadmissionpolicy-status-controller", policy_status.build, since=30),
    Registration("garbage-collector", "generic-garbage-collector", garbage.build),
)
"""The garbage collector comes last: it shares what all others watch."""
