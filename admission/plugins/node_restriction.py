"""NodeRestriction: a kubelet writes its own node, its own leases, and the status of its own pods, and nothing that would widen that.

Upstream: `plugin/pkg/admission/noderestriction`.  The node authorizer decides what a node may touch; this looks at the content.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from admission.attributes import Attributes, Operation
from admission.denial import forbidden
from admission.plugins.node_labels import forbidden_labels, modified
from admission.plugins.pod_audiences import PodAudiences
from cluster.api.authorization import Attributes as Question
from cluster.api.authorization import Authorizer
from cluster.api.certificates import KUBELET_CLIENT, KUBELET_SERVING, parse_request
from cluster.api.errors import NotFound
from cluster.api.field import quoted
from cluster.api.names import GroupResource, Object
from cluster.api.protocols import Reader
from rbac.authz.node import NODE_LEASES
from rbac.authz.references import MIRROR, is_mirror, node_name
from rbac.authz.references import api_references as api_references_of

_PODS: Final = GroupResource("", "pods")
_NODES: Final = GroupResource("", "nodes")
_CLAIM_STATUS_OF_NODES: Final = ("capacity", "conditions", "allocatedResourceStatuses", "allocatedResources")
_OWN_STATUS: Final = "can only update pod status for pods with spec.nodeName set to itself"
_KUBELET_SIGNERS: Final = (KUBELET_SERVING, KUBELET_CLIENT)


class NodeRestriction:
    name = "NodeRestriction"

    def __init__(self, reader: Reader, authorizer: Authorizer) -> None:
        self._reader = reader
        self._authorizer = authorizer
        self._audiences = PodAudiences(reader)
        self._checks: Mapping[GroupResource, Callable[[str, Attributes], None]] = {
            _PODS: self._pod,
            _NODES: _node,
            GroupResource("", "persistentvolumeclaims"): _claim,
            GroupResource("", "serviceaccounts"): self._token,
            GroupResource("coordination.k8s.io", "leases"): _lease,
            GroupResource("storage.k8s.io", "csinodes"): _csi_node,
            GroupResource("resource.k8s.io", "resourceslices"): _slice,
            GroupResource("certificates.k8s.io", "certificatesigningrequests"): _signing_request,
            GroupResource("certificates.k8s.io", "podcertificaterequests"): _pod_certificate_request,
        }

    def handles(self, operation: Operation) -> bool:
        return operation is not Operation.CONNECT

    def admit(self, attributes: Attributes) -> None:
        """Forbidden where a node goes beyond itself; callers who are no nodes are not its business."""
        node = node_name(attributes.user)
        if node is None:
            return
        if not node:
            raise forbidden(attributes, f"could not determine node from user {quoted(attributes.user.name)}")
        check = self._checks.get(attributes.resource.group_resource)
        if check is not None:
            check(node, attributes)

    def _pod(self, node: str, attributes: Attributes) -> None:
        subresource, operation = attributes.subresource, attributes.operation
        if subresource == "status":
            _pod_status(node, attributes)
        elif subresource == "eviction":
            self._eviction(node, attributes)
        elif subresource:
            why = f"unexpected pod subresource {quoted(subresource)}, only 'status' and 'eviction' are allowed"
            raise forbidden(attributes, why)
        elif operation is Operation.CREATE:
            self._mirror_pod(node, attributes)
        elif operation is Operation.DELETE:
            if _node_of(self._existing_pod(attributes, attributes.name)) != node:
                raise forbidden(attributes, f"node {quoted(node)} can only delete pods with spec.nodeName set to itself")
        else:
            why = f"unexpected operation {quoted(operation)}, node {quoted(node)} can only create and delete mirror pods"
            raise forbidden(attributes, why)

    def _existing_pod(self, attributes: Attributes, name: str) -> Object:
        pod = self._reader.get(_PODS, attributes.namespace, name)
        if pod is None:
            raise NotFound.of(GroupResource("", "pod"), name)
        return pod

    def _mirror_pod(self, node: str, attributes: Attributes) -> None:
        pod = attributes.object or {}
        shown = f"node {quoted(node)}"
        if not is_mirror(pod):
            raise forbidden(attributes, f"pod does not have {quoted(MIRROR)} annotation, {shown} can only create mirror pods")
        if _node_of(pod) != node:
            raise forbidden(attributes, f"{shown} can only create pods with spec.nodeName set to itself")
        owners = pod["metadata"].get("ownerReferences") or []
        if len(owners) > 1:
            raise forbidden(attributes, f"{shown} can only create pods with a single owner reference set to itself")
        owner = owners[0] if owners else {}
        if (owner.get("apiVersion"), owner.get("kind"), owner.get("name")) != ("v1", "Node", node):
            raise forbidden(attributes, f"{shown} can only create pods with an owner reference set to itself")
        if not owner.get("controller"):
            raise forbidden(attributes, f"{shown} can only create pods with a controller owner reference set to itself")
        if owner.get("blockOwnerDeletion"):
            raise forbidden(attributes, f"{shown} must not set blockOwnerDeletion on an owner reference")
        current = self._reader.get(_NODES, "", node)
        if current is None:
            raise NotFound.of(GroupResource("", "node"), node)
        uid = current["metadata"].get("uid", "")
        if owner.get("uid", "") != uid:
            raise forbidden(attributes, f"node {node} UID mismatch: expected {owner.get('uid', '')} got {uid}")
        reference, fault = api_references_of(pod["spec"])
        if fault:
            raise forbidden(attributes, f"error checking mirror pod for API references: {fault}")
        if reference:
            raise forbidden(attributes, f"{shown} can not create pods that reference {reference}")

    def _eviction(self, node: str, attributes: Attributes) -> None:
        if attributes.operation is not Operation.CREATE:
            raise forbidden(attributes, f"unexpected operation {attributes.operation}")
        name = attributes.name or ((attributes.object or {}).get("metadata") or {}).get("name", "")
        if not name:
            raise forbidden(attributes, "could not determine pod from request data")
        if _node_of(self._existing_pod(attributes, name)) != node:
            raise forbidden(attributes, f"node {node} can only evict pods with spec.nodeName set to itself")

    def _token(self, node: str, attributes: Attributes) -> None:
        """A node asks for tokens that are bound to its own pods, and for audiences that those pods name."""
        if attributes.operation is not Operation.CREATE or attributes.subresource != "token":
            return
        spec = (attributes.object or {}).get("spec") or {}
        reference = spec.get("boundObjectRef") or {}
        if (reference.get("apiVersion"), reference.get("kind")) != ("v1", "Pod") or not reference.get("name"):
            raise forbidden(attributes, "node requested token not bound to a pod")
        uid = reference.get("uid")
        if not uid:
            raise forbidden(attributes, "node requested token with a pod binding without a uid")
        pod = self._existing_pod(attributes, reference["name"])
        if uid != pod["metadata"].get("uid"):
            why = f"the UID in the bound object reference ({uid}) does not match the UID in record. "
            raise forbidden(attributes, f"{why}The object might have been deleted and then recreated")
        if _node_of(pod) != node:
            raise forbidden(attributes, "node requested token bound to a pod scheduled on a different node")
        self._check_audience(attributes, pod, spec.get("audiences") or [])

    def _check_audience(self, attributes: Attributes, pod: Object, audiences: list[str]) -> None:
        if len(audiences) > 1:
            raise forbidden(attributes, "node may only request 0 or 1 audiences")
        audience = audiences[0] if audiences else ""
        named, fault = self._audiences.named_by(pod, audience)
        if fault:
            raise forbidden(attributes, f"error validating audience {quoted(audience)}: {fault}")
        if named:
            return
        question = Question(
            attributes.user,
            "request-serviceaccounts-token-audience",
            namespace=attributes.namespace,
            api_version="v1",
            resource=audience,
            name=attributes.name,
        )
        if not self._authorizer.authorize(question).allowed:
            why = f"audience {quoted(audience)} not found in pod spec volume, {attributes.user.name}"
            raise forbidden(attributes, f"{why} is not authorized to request tokens for this audience")


def _node_of(pod: Object) -> str:
    return str((pod.get("spec") or {}).get("nodeName") or "")


def _pod_status(node: str, attributes: Attributes) -> None:
    if attributes.operation is not Operation.UPDATE:
        raise forbidden(attributes, f"unexpected operation {quoted(attributes.operation)}")
    old, new = attributes.old_object or {}, attributes.object or {}
    shown = f"node {quoted(node)}"
    if _node_of(old) != node:
        raise forbidden(attributes, f"{shown} {_OWN_STATUS}")
    if (old["metadata"].get("labels") or {}) != (new["metadata"].get("labels") or {}):
        raise forbidden(attributes, f"{shown} cannot update labels through pod status")
    before, after = old.get("status") or {}, new.get("status") or {}
    if (before.get("resourceClaimStatuses") or []) != (after.get("resourceClaimStatuses") or []):
        raise forbidden(attributes, f"{shown} cannot update resource claim statues")
    if before.get("extendedResourceClaimStatus") != after.get("extendedResourceClaimStatus"):
        raise forbidden(attributes, f"{shown} cannot update extended resource claim status")


def _node(node: str, attributes: Attributes) -> None:
    new, old = attributes.object or {}, attributes.old_object or {}
    requested = attributes.name or (new.get("metadata") or {}).get("name", "")
    shown = f"node {quoted(node)}"
    if requested != node:
        raise forbidden(attributes, f"{shown} is not allowed to modify node {quoted(requested)}")
    spec, old_spec = new.get("spec") or {}, old.get("spec") or {}
    labels = (new.get("metadata") or {}).get("labels") or {}
    if attributes.operation is Operation.CREATE:
        if spec.get("configSource") is not None:
            raise forbidden(attributes, f"{shown} is not allowed to create pods with a non-nil configSource")
        refused = forbidden_labels(labels)
        if refused:
            raise forbidden(attributes, f"{shown} is not allowed to set the following labels: {', '.join(refused)}")
    if attributes.operation is Operation.UPDATE:
        if spec.get("configSource") is not None and spec["configSource"] != old_spec.get("configSource"):
            raise forbidden(attributes, f"{shown} is not allowed to update configSource to a new non-nil configSource")
        if (spec.get("taints") or []) != (old_spec.get("taints") or []):
            raise forbidden(attributes, f"{shown} is not allowed to modify taints")
        if (new["metadata"].get("ownerReferences") or []) != (old["metadata"].get("ownerReferences") or []):
            raise forbidden(attributes, f"{shown} is not allowed to modify ownerReferences")
        refused = forbidden_labels(modified(labels, old["metadata"].get("labels") or {}))
        if refused:
            raise forbidden(attributes, f"is not allowed to modify labels: {', '.join(refused)}")


def _claim(node: str, attributes: Attributes) -> None:
    if attributes.subresource != "status":
        raise forbidden(attributes, "may only update PVC status")
    if attributes.operation is not Operation.UPDATE:
        raise forbidden(attributes, f"unexpected operation {quoted(attributes.operation)}")

    def rest(claim: Object) -> Object:
        metadata = {name: value for name, value in claim["metadata"].items() if name not in ("resourceVersion", "managedFields")}
        status = {name: value for name, value in (claim.get("status") or {}).items() if name not in _CLAIM_STATUS_OF_NODES}
        return {**claim, "metadata": metadata, "status": status}

    if rest(attributes.object or {}) != rest(attributes.old_object or {}):
        why = "is not allowed to update fields other than status.quantity and status.conditions"
        raise forbidden(attributes, f"node {quoted(node)} {why}")


def _own_name(attributes: Attributes) -> str:
    """The name of the object written, which a create says in the object itself."""
    if attributes.operation is Operation.CREATE:
        return str(((attributes.object or {}).get("metadata") or {}).get("name", ""))
    return attributes.name


def _lease(node: str, attributes: Attributes) -> None:
    if attributes.namespace != NODE_LEASES:
        raise forbidden(attributes, f"can only access leases in the {quoted(NODE_LEASES)} system namespace")
    if _own_name(attributes) != node:
        raise forbidden(attributes, "can only access node lease with the same name as the requesting node")


def _csi_node(node: str, attributes: Attributes) -> None:
    if _own_name(attributes) != node:
        raise forbidden(attributes, "can only access CSINode with the same name as the requesting node")


def _slice(node: str, attributes: Attributes) -> None:
    if attributes.operation is Operation.UPDATE:
        return
    judged = attributes.object if attributes.operation is Operation.CREATE else attributes.old_object
    if ((judged or {}).get("spec") or {}).get("nodeName") != node:
        verb = attributes.operation.lower()
        raise forbidden(attributes, f"can only {verb} ResourceSlice with the same NodeName as the requesting node")


def _signing_request(node: str, attributes: Attributes) -> None:
    spec = (attributes.object or {}).get("spec") or {}
    if attributes.operation is not Operation.CREATE or spec.get("signerName") not in _KUBELET_SIGNERS:
        return
    from base64 import b64decode

    from cryptography.x509.oid import NameOID

    try:
        names = parse_request(b64decode(spec.get("request") or "")).subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    except ValueError as error:
        raise forbidden(attributes, f"unable to parse csr: {error}") from None
    if [each.value for each in names] != [f"system:node:{node}"]:
        raise forbidden(attributes, f"can only create a node CSR with CN=system:node:{node}")


def _pod_certificate_request(node: str, attributes: Attributes) -> None:  # noqa: ARG001 - a check's signature
    """The feature is off in 1.36 unless it is switched on, which it can not be here."""
    raise forbidden(attributes, "PodCertificateRequest feature gate is disabled")
