"""What a tenant's namespaces are furnished with: labels, role bindings, quotas, limit ranges and network policies.

Pure, and used twice: by the API server, which writes a namespace and its furniture in one transaction where a tenant makes one,
and by the tenant controller, which keeps them so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Final

import orjson

from cluster.api.expiry import EXPIRES_AT
from cluster.api.meta import parse_time
from cluster.api.names import Object
from cluster.api.tenancy import OWNER_ROLES, POD_SECURITY, POD_SECURITY_MODES, TENANT_LABEL, namespace_rules, spec_of

MANAGED_BY: Final = "berth.io/managed-by"
MANAGER: Final = "tenant-controller"
"""The label's value on all that is furniture, so that what is no longer wanted is told from what a tenant made."""
APPLIED: Final = "berth.io/tenant-applied"
"""An annotation of namespaces: which labels and annotations are the tenant's, to be taken off when it no longer has them."""
ISOLATION: Final = "berth-tenant-isolation"
_RBAC: Final = "rbac.authorization.k8s.io"
_KINDS: Final = (
    ("resourceQuotas", "v1", "ResourceQuota"),
    ("limitRanges", "v1", "LimitRange"),
    ("networkPolicies", "networking.k8s.io/v1", "NetworkPolicy"),
)


def furniture(tenant: Object, namespace: str, now: float) -> list[Object]:
    """The objects that a namespace of the tenant is to have at a time (epoch seconds): bindings, and what bounds the namespace."""
    return [*bounds(tenant, namespace), *bindings(tenant, namespace, now)]


def bounds(tenant: Object, namespace: str) -> list[Object]:
    """Quotas, limit ranges and network policies: those of the spec, and the one that isolates the tenant."""
    spec = spec_of(tenant)
    found = [
        _object(api_version, kind, each["name"], namespace, {"spec": each["spec"]})
        for name, api_version, kind in _KINDS
        for each in spec.get(name) or ()
    ]
    if spec.get("defaultNetworkPolicy") == "Isolated":
        own = {"namespaceSelector": {"matchLabels": {TENANT_LABEL: tenant["metadata"]["name"]}}}
        policy = {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{"from": [own]}]}
        found.append(_object("networking.k8s.io/v1", "NetworkPolicy", ISOLATION, namespace, {"spec": policy}))
    return found


def bindings(tenant: Object, namespace: str, now: float) -> list[Object]:
    """The RoleBindings of owners and members; what has expired is none any more."""
    spec = spec_of(tenant)
    found: list[Object] = []
    if owners := spec.get("owners"):
        found += [_binding(f"berth:tenant:owners:{role}", role, owners, namespace) for role in OWNER_ROLES]
    for role in spec.get("roles") or ():
        expires = role.get("expiresAt")
        if role.get("namespaces") and namespace not in role["namespaces"]:
            continue
        if expires is None or parse_time(expires).timestamp() > now:
            name = f"berth:tenant:members:{role['clusterRole'][:100]}:{_digest(role)}"
            found.append(_binding(name, role["clusterRole"], role["subjects"], namespace, expires))
    return list({each["metadata"]["name"]: each for each in found}.values())


def next_expiry(tenant: Object, now: float) -> float | None:
    """When the next of its roles ends, in epoch seconds; None where none will."""
    times = [parse_time(each["expiresAt"]).timestamp() for each in spec_of(tenant).get("roles") or () if each.get("expiresAt")]
    return min((each for each in times if each > now), default=None)


def namespace_metadata(tenant: Object, current: Object) -> tuple[dict[str, str], dict[str, str]]:
    """(labels, annotations) that a namespace of the tenant is to have, whose metadata are `current`: others' are left alone."""
    rules = namespace_rules(tenant)
    labels: dict[str, str] = {**(rules.get("labels") or {}), **_pod_security(tenant), TENANT_LABEL: tenant["metadata"]["name"]}
    annotations: dict[str, str] = dict(rules.get("annotations") or {})
    before = _applied(current.get("annotations") or {})
    annotations[APPLIED] = orjson.dumps({"labels": sorted(labels), "annotations": sorted(annotations)}).decode()
    return (
        _merged(current.get("labels") or {}, before.get("labels") or (), labels),
        _merged(current.get("annotations") or {}, before.get("annotations") or (), annotations),
    )


def released_metadata(current: Object) -> tuple[dict[str, str], dict[str, str]]:
    """(labels, annotations) of a namespace that is no tenant's any more: without what the tenant applied."""
    annotations = current.get("annotations") or {}
    before = _applied(annotations)
    return (
        _merged(current.get("labels") or {}, before.get("labels") or (), {}),
        _merged(annotations, (*(before.get("annotations") or ()), APPLIED), {}),
    )


def _pod_security(tenant: Object) -> dict[str, str]:
    levels = spec_of(tenant).get("podSecurity") or {}
    found: dict[str, str] = {}
    for mode in POD_SECURITY_MODES:
        if levels.get(mode):
            found[POD_SECURITY + mode] = levels[mode]
        if levels.get(f"{mode}Version"):
            found[f"{POD_SECURITY}{mode}-version"] = levels[f"{mode}Version"]
    return found


def _applied(annotations: Mapping[str, str]) -> Object:
    """What was applied before; nothing where somebody has spoiled the note."""
    try:
        found = orjson.loads(annotations.get(APPLIED, "{}"))
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _merged(current: Mapping[str, str], before: Iterable[str], wanted: Mapping[str, str]) -> dict[str, str]:
    return {**{key: value for key, value in current.items() if key not in before}, **wanted}


def _object(api_version: str, kind: str, name: str, namespace: str, content: Object) -> Object:
    metadata = {"name": name, "namespace": namespace, "labels": {MANAGED_BY: MANAGER}}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **content}


def _binding(name: str, role: str, subjects: list[Object], namespace: str, expires: str | None = None) -> Object:
    reference = {"apiGroup": _RBAC, "kind": "ClusterRole", "name": role}
    made = _object(f"{_RBAC}/v1", "RoleBinding", name, namespace, {"subjects": subjects, "roleRef": reference})
    if expires is not None:
        made["metadata"]["annotations"] = {EXPIRES_AT: expires}
    return made


def _digest(role: Object) -> str:
    """Names the grant by all that it says, so that a changed one is another binding: a binding's role cannot be changed."""
    return hashlib.sha256(orjson.dumps(role, option=orjson.OPT_SORT_KEYS)).hexdigest()[:10]
