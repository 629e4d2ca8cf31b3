"""The Node authorizer: a kubelet reads what its own pods refer to and writes about itself.

Upstream: `plugin/pkg/auth/authorizer/node/node_authorizer.go`; the rules that apply to all nodes alike are those of
`bootstrappolicy.NodeRules`, which are also ClusterRole system:node.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from cluster.api.authorization import Attributes, Decision, Verdict
from cluster.api.field import quoted
from rbac.authz.node_graph import NodeGraph
from rbac.authz.references import node_name
from rbac.authz.union import NO_OPINION
from rbac.rules import Rule, compile_rules

NODE_LEASES: Final = "kube-node-lease"
_ALLOW: Final = Verdict(Decision.ALLOW, "")
_READ: Final = frozenset({"get", "list", "watch"})
_OWN: Final = frozenset({"get", "create", "update", "patch", "delete"})


def _no(reason: str) -> Verdict:
    return Verdict(Decision.NO_OPINION, reason)


def _selects(attributes: Attributes, field: str, value: str) -> bool:
    return any(each[0] == field and each[1] in ("=", "==") and each[2] == value for each in attributes.field_selector)


class NodeAuthorizer:
    """Has an opinion about callers `system:node:<name>` in group `system:nodes` only."""

    name: Final = "Node"

    def __init__(self, graph: NodeGraph, rules: list[Rule]) -> None:
        self._graph = graph
        self._rules = compile_rules(rules)
        self._special: Mapping[tuple[str, str], Callable[[str, Attributes], Verdict]] = {
            ("", "secrets"): self._read_namespaced,
            ("", "configmaps"): self._read_namespaced,
            ("", "persistentvolumeclaims"): self._claim,
            ("", "persistentvolumes"): self._get,
            ("resource.k8s.io", "resourceclaims"): self._get,
            ("storage.k8s.io", "volumeattachments"): self._get,
            ("", "serviceaccounts"): self._service_account,
            ("coordination.k8s.io", "leases"): _lease,
            ("storage.k8s.io", "csinodes"): _csi_node,
            ("resource.k8s.io", "resourceslices"): self._slice,
            ("", "nodes"): _node,
            ("", "pods"): self._pod,
        }

    def authorize(self, attributes: Attributes) -> Verdict:
        node = node_name(attributes.user)
        if node is None:
            return NO_OPINION
        if not node:
            return _no(f"unknown node for user {quoted(attributes.user.name)}")
        if attributes.is_resource:
            special = self._special.get((attributes.api_group, attributes.resource))
            if special is not None:
                return special(node, attributes)
        return _ALLOW if any(rule.allows(attributes) for rule in self._rules) else NO_OPINION

    def _related(self, node: str, attributes: Attributes) -> Verdict:
        if not attributes.name:
            return _no("No Object name found")
        if self._graph.leads((attributes.resource, attributes.namespace, attributes.name), node):
            return _ALLOW
        return _no(f"no relationship found between node '{node}' and this object")

    def _get(self, node: str, attributes: Attributes) -> Verdict:
        if attributes.verb != "get":
            return _no("can only get individual resources of this type")
        if attributes.subresource:
            return _no("cannot get subresource")
        return self._related(node, attributes)

    def _read_namespaced(self, node: str, attributes: Attributes) -> Verdict:
        if attributes.verb not in _READ:
            return _no("can only read resources of this type")
        if attributes.subresource:
            return _no("cannot read subresource")
        if not attributes.namespace:
            return _no("can only read namespaced object of this type")
        return self._related(node, attributes)

    def _claim(self, node: str, attributes: Attributes) -> Verdict:
        if attributes.subresource != "status":
            return self._get(node, attributes)
        if attributes.verb not in ("update", "patch"):
            return _no("can only get/update/patch this type")
        return self._related(node, attributes)

    def _service_account(self, node: str, attributes: Attributes) -> Verdict:
        if attributes.verb == "get" and not attributes.subresource:
            return self._read_namespaced(node, attributes)
        if attributes.verb != "create" or not attributes.name:
            return _no("can only create tokens for individual service accounts")
        if attributes.subresource != "token":
            return _no("can only create token subresource of serviceaccount")
        return self._related(node, attributes)

    def _slice(self, node: str, attributes: Attributes) -> Verdict:
        if attributes.subresource:
            return _no("cannot authorize ResourceSlice subresources")
        if attributes.verb == "create":
            return _ALLOW
        if attributes.verb in _OWN:
            return self._related(node, attributes)
        if attributes.verb in ("watch", "list", "deletecollection"):
            if _selects(attributes, "spec.nodeName", node):
                return _ALLOW
            return _no("can only list/watch/deletecollection resourceslices with nodeName field selector")
        allowed = "get, watch, list, create, update, patch, delete, deletecollection"
        return _no(f"only the following verbs are allowed for a ResourceSlice: {allowed}")

    def _pod(self, node: str, attributes: Attributes) -> Verdict:
        verb, subresource = attributes.verb, attributes.subresource
        if not subresource:
            if verb == "get":
                return self._get(node, attributes)
            if verb in _READ:
                if _selects(attributes, "spec.nodeName", node):
                    return _ALLOW
                if attributes.name:
                    return self._related(node, attributes)
                return _no("can only list/watch pods with spec.nodeName field selector")
        permitted = {"": ("create", "delete"), "status": ("update", "patch"), "eviction": ("create",)}
        return _ALLOW if verb in permitted.get(subresource, ()) else NO_OPINION


def _lease(node: str, attributes: Attributes) -> Verdict:
    if attributes.verb not in _OWN:
        return _no("can only get, create, update, patch, or delete a node lease")
    if attributes.namespace != NODE_LEASES:
        return _no(f'can only access leases in the "{NODE_LEASES}" system namespace')
    if attributes.verb != "create" and attributes.name != node:
        return _no("can only access node lease with the same name as the requesting node")
    return _ALLOW


def _csi_node(node: str, attributes: Attributes) -> Verdict:
    if attributes.verb not in _OWN:
        return _no("can only get, create, update, patch, or delete a CSINode")
    if attributes.subresource:
        return _no("cannot authorize CSINode subresources")
    if attributes.verb != "create" and attributes.name != node:
        return _no("can only access CSINode with the same name as the requesting node")
    return _ALLOW


def _node(node: str, attributes: Attributes) -> Verdict:
    verb, name = attributes.verb, attributes.name
    if attributes.subresource == "status":
        return _ALLOW if verb in ("update", "patch") else NO_OPINION
    if attributes.subresource:
        return NO_OPINION
    if verb in ("create", "update", "patch"):
        return _ALLOW
    if verb not in _READ:
        return NO_OPINION
    if name == node:
        return _ALLOW
    if not name:
        return _no(f"node '{node}' cannot read all nodes, only its own Node object")
    return _no(f"node '{node}' cannot read '{name}', only its own Node object")
