"""The policy where no file is given: metadata of what people and workloads do, nothing of what keeps the cluster running.

Requests that fail to authenticate have no user, so that only a rule without users and groups is theirs: the last one, which keeps the
stage ResponseStarted, as theirs is that one alone.  So does what opens a session in a pod: it is told when it begins, not only once it
has ended.
"""

from __future__ import annotations

from typing import Final

from cluster.api.names import Object
from rbac.audit.policy import Policy
from rbac.audit.policy_file import build_policy

_READS: Final = ["get", "list", "watch"]
_COMPONENTS: Final = ["system:kube-controller-manager", "system:kube-scheduler", "system:apiserver"]
DEFAULT_POLICY: Final[Object] = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {"level": "None", "verbs": _READS, "userGroups": ["system:nodes", "system:serviceaccounts:kube-system"]},
        {"level": "None", "verbs": _READS, "users": _COMPONENTS},
        {
            "level": "None",
            "userGroups": ["system:nodes", "system:serviceaccounts:kube-system"],
            "resources": [
                {"group": "", "resources": ["events", "nodes/status", "pods/status", "serviceaccounts/token"]},
                {"group": "events.k8s.io", "resources": ["events"]},
                {"group": "coordination.k8s.io", "resources": ["leases"]},
                {"group": "authentication.k8s.io", "resources": ["tokenreviews"]},
                {"group": "authorization.k8s.io", "resources": ["subjectaccessreviews"]},
            ],
        },
        {
            "level": "None",
            "users": _COMPONENTS,
            "resources": [
                {"group": "", "resources": ["events", "serviceaccounts/token"]},
                {"group": "events.k8s.io", "resources": ["events"]},
                {"group": "coordination.k8s.io", "resources": ["leases"]},
            ],
        },
        {
            "level": "None",
            "userGroups": ["system:authenticated", "system:unauthenticated"],
            "nonResourceURLs": [
                "/",
                "/api",
                "/api/*",
                "/apis",
                "/apis/*",
                "/healthz*",
                "/livez*",
                "/metrics",
                "/openapi/*",
                "/readyz*",
                "/version",
                "/version/",
            ],
        },
        {"level": "Metadata", "resources": [{"group": "", "resources": ["pods/attach", "pods/exec", "pods/portforward", "*/proxy"]}]},
        {"level": "Metadata", "userGroups": ["system:authenticated", "system:unauthenticated"], "omitStages": ["ResponseStarted"]},
        {"level": "Metadata"},
    ],
}


def default_policy() -> Policy:
    return build_policy(DEFAULT_POLICY)
