"""A node writes itself and its own pods' status, and nothing that would widen that."""

from __future__ import annotations

import base64
import copy

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

from admission.attributes import Attributes
from admission.plugins.node_restriction import NodeRestriction
from cluster.api.errors import NotFound, StatusError
from cluster.api.names import GroupResource, Object
from cluster.api.user import UserInfo
from rbac.authz.build import build_authorization
from tests.unit.admission.writes import write
from tests.unit.rbac.keys import ec_key
from tests.unit.rbac.world import NODE, World, binding, cluster_role, metadata, rule

PODS, NODES = GroupResource("", "pods"), GroupResource("", "nodes")
AUDIENCE_VOLUME = {"name": "t", "projected": {"sources": [{"serviceAccountToken": {"audience": "vault"}}, {"serviceAccountToken": {}}]}}
MINE = {"metadata": metadata("mine", "dev", uid="m"), "spec": {"nodeName": "n1", "volumes": [AUDIENCE_VOLUME]}}
THEIRS = {"metadata": metadata("theirs", "dev", uid="t"), "spec": {"nodeName": "n2"}}


@pytest.fixture
def world() -> World:
    made = World()
    made.put(PODS, MINE)
    made.put(PODS, THEIRS)
    made.put(NODES, {"metadata": metadata("n1", uid="u1")})
    return made


def verdict(world: World, attributes: Attributes) -> str | None:
    """The refusal without its beginning; None where it goes through."""
    attributes.user = attributes.user if attributes.user.name.startswith("system:node:") else NODE
    try:
        NodeRestriction(world, build_authorization(world).authorizer).admit(attributes)
    except NotFound as error:
        return error.message
    except StatusError as error:
        return error.message.partition(" is forbidden: ")[2]
    return None


def mirror(**change: object) -> Object:
    owner = {"apiVersion": "v1", "kind": "Node", "name": "n1", "uid": "u1", "controller": True}
    obj: Object = {
        "metadata": {"name": "m", "annotations": {"kubernetes.io/config.mirror": "x"}, "ownerReferences": [owner]},
        "spec": {"nodeName": "n1"},
    }
    obj["metadata"] |= change.pop("metadata", {})
    owner |= change.pop("owner", {})  # type: ignore[call-overload]
    obj["spec"] |= change
    return obj


@pytest.mark.parametrize(
    ("obj", "message"),
    [
        (mirror(), None),
        (mirror(volumes=[{"name": "v", "hostPath": {}}, {"name": "w", "projected": {"sources": [{"downwardAPI": {}}]}}]), None),
        (
            mirror(metadata={"annotations": {}}),
            'pod does not have "kubernetes.io/config.mirror" annotation, node "n1" can only create mirror pods',
        ),
        (mirror(nodeName="n2"), 'node "n1" can only create pods with spec.nodeName set to itself'),
        (mirror(metadata={"ownerReferences": []}), 'node "n1" can only create pods with an owner reference set to itself'),
        (mirror(metadata={"ownerReferences": [{}, {}]}), 'node "n1" can only create pods with a single owner reference set to itself'),
        (mirror(owner={"name": "n2"}), 'node "n1" can only create pods with an owner reference set to itself'),
        (mirror(owner={"controller": False}), 'node "n1" can only create pods with a controller owner reference set to itself'),
        (mirror(owner={"blockOwnerDeletion": True}), 'node "n1" must not set blockOwnerDeletion on an owner reference'),
        (mirror(owner={"uid": "x"}), "node n1 UID mismatch: expected x got u1"),
        (mirror(serviceAccountName="a"), 'node "n1" can not create pods that reference serviceaccounts'),
        (mirror(imagePullSecrets=[{"name": "a"}]), 'node "n1" can not create pods that reference secrets'),
        (mirror(containers=[{"envFrom": [{"configMapRef": {"name": "a"}}]}]), 'node "n1" can not create pods that reference configmaps'),
        (mirror(resourceClaims=[{"name": "a"}]), 'node "n1" can not create pods that reference resourceclaims'),
        (
            mirror(volumes=[{"name": "v", "persistentVolumeClaim": {"claimName": "a"}}]),
            'node "n1" can not create pods that reference persistentvolumeclaims',
        ),
        (
            mirror(volumes=[{"name": "v", "projected": {"sources": [{"serviceAccountToken": {}}]}}]),
            'node "n1" can not create pods that reference serviceaccounts (via projected volumes)',
        ),
        (mirror(volumes=[{"name": "v", "new": {}}]), 'error checking mirror pod for API references: unknown volume type for volume  "v"'),
    ],
)
def test_which_pods_a_node_creates(world: World, obj: Object, message: str | None) -> None:
    assert verdict(world, write("CREATE", "pods", obj, namespace="dev")) == message


def changed(obj: Object, **parts: Object) -> Object:
    made = copy.deepcopy(obj)
    for part, change in parts.items():
        made.setdefault(part, {}).update(change)
    return made


NODE_OBJECT: Object = {"metadata": {"name": "n1", "labels": {"kubernetes.io/hostname": "n1"}}, "spec": {}}
CONFIGURED = {"configSource": {"configMap": {"name": "a"}}}
LABELS = 'node "n1" cannot update labels through pod status'
CLAIM: Object = {"metadata": {"name": "c", "resourceVersion": "1"}, "spec": {}, "status": {"phase": "Bound"}}


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        (write("DELETE", "pods", namespace="dev", name="mine"), None),
        (write("DELETE", "pods", namespace="dev", name="theirs"), 'node "n1" can only delete pods with spec.nodeName set to itself'),
        (write("DELETE", "pods", namespace="dev", name="gone"), 'pod "gone" not found'),
        (write("UPDATE", "pods", MINE, MINE), 'unexpected operation "UPDATE", node "n1" can only create and delete mirror pods'),
        (write("CREATE", "pods/exec", MINE), "unexpected pod subresource \"exec\", only 'status' and 'eviction' are allowed"),
        (write("UPDATE", "pods/status", MINE, MINE), None),
        (write("UPDATE", "pods/status", MINE, THEIRS), 'node "n1" can only update pod status for pods with spec.nodeName set to itself'),
        (
            write("UPDATE", "pods/status", changed(MINE, metadata={"labels": {"a": "b"}}), MINE),
            LABELS,
        ),
        (
            write("UPDATE", "pods/status", changed(MINE, status={"resourceClaimStatuses": [{"name": "a"}]}), MINE),
            'node "n1" cannot update resource claim statues',
        ),
        (
            write("UPDATE", "pods/status", changed(MINE, status={"extendedResourceClaimStatus": {"resourceClaimName": "a"}}), MINE),
            'node "n1" cannot update extended resource claim status',
        ),
        (write("UPDATE", "pods/status", MINE, changed(MINE, metadata={"labels": {"a": "b"}})), LABELS),
        (write("CREATE", "pods/status", MINE, namespace="dev"), 'unexpected operation "CREATE"'),
        (write("DELETE", "pods/status", None, MINE, namespace="dev", name="mine"), 'unexpected operation "DELETE"'),
        (write("CREATE", "pods/eviction", {"metadata": {"name": "gone"}}, namespace="dev"), 'pod "gone" not found'),
        (write("CREATE", "pods/eviction", {"metadata": {}}, namespace="dev", name="mine"), None),
        (write("CREATE", "pods/eviction", {"metadata": {}}, namespace="dev"), "could not determine pod from request data"),
        (write("UPDATE", "pods/eviction", {"metadata": {"name": "mine"}}, namespace="dev"), "unexpected operation UPDATE"),
        (write("DELETE", "pods/eviction", None, namespace="dev", name="mine"), "unexpected operation DELETE"),
        (write("CREATE", "pods/eviction", {"metadata": {"name": "mine"}}, namespace="dev"), None),
        (
            write("CREATE", "pods/eviction", {"metadata": {"name": "theirs"}}, namespace="dev"),
            "node n1 can only evict pods with spec.nodeName set to itself",
        ),
        (write("CREATE", "nodes", NODE_OBJECT), None),
        (write("CREATE", "nodes", changed(NODE_OBJECT, metadata={"name": "n2"})), 'node "n1" is not allowed to modify node "n2"'),
        (
            write("CREATE", "nodes", changed(NODE_OBJECT, spec={"configSource": {}})),
            'node "n1" is not allowed to create pods with a non-nil configSource',
        ),
        (write("UPDATE", "nodes/status", NODE_OBJECT, NODE_OBJECT), None),
        (
            write("UPDATE", "nodes", changed(NODE_OBJECT, spec={"taints": [{"key": "a"}]}), NODE_OBJECT),
            'node "n1" is not allowed to modify taints',
        ),
        (
            write("UPDATE", "nodes", changed(NODE_OBJECT, metadata={"ownerReferences": [{}]}), NODE_OBJECT),
            'node "n1" is not allowed to modify ownerReferences',
        ),
        (
            write("UPDATE", "nodes", changed(NODE_OBJECT, spec={"configSource": {}}), NODE_OBJECT),
            'node "n1" is not allowed to update configSource to a new non-nil configSource',
        ),
        (
            write("UPDATE", "nodes", changed(NODE_OBJECT, metadata={"labels": {"x.k8s.io/b": "1", "x.k8s.io/a": "1"}}), NODE_OBJECT),
            "is not allowed to modify labels: x.k8s.io/a, x.k8s.io/b",
        ),
        (write("UPDATE", "nodes", NODE_OBJECT, changed(NODE_OBJECT, spec={"configSource": {}})), None),
        (
            write("UPDATE", "nodes", changed(NODE_OBJECT, spec=CONFIGURED), changed(NODE_OBJECT, spec=CONFIGURED)),
            None,
        ),
        (
            write("UPDATE", "nodes", NODE_OBJECT, changed(NODE_OBJECT, spec={"taints": [{"key": "a"}]})),
            'node "n1" is not allowed to modify taints',
        ),
        (
            write("UPDATE", "nodes", NODE_OBJECT, changed(NODE_OBJECT, metadata={"ownerReferences": [{}]})),
            'node "n1" is not allowed to modify ownerReferences',
        ),
        (
            write("UPDATE", "nodes", NODE_OBJECT, changed(NODE_OBJECT, metadata={"labels": {"x.k8s.io/a": "1"}})),
            "is not allowed to modify labels: x.k8s.io/a",
        ),
        (
            write(
                "UPDATE",
                "nodes",
                changed(NODE_OBJECT, metadata={"labels": {"x.k8s.io/a": "1", "example.com/b": "2"}}),
                changed(NODE_OBJECT, metadata={"labels": {"x.k8s.io/a": "1"}}),
            ),
            None,
        ),
        (
            write("UPDATE", "nodes", changed(NODE_OBJECT, metadata={"name": "n2"}), name="n2"),
            'node "n1" is not allowed to modify node "n2"',
        ),
        (write("DELETE", "nodes", name="n1"), None),
        (write("DELETE", "nodes", name="n2"), 'node "n1" is not allowed to modify node "n2"'),
        (write("UPDATE", "persistentvolumeclaims", CLAIM, CLAIM), "may only update PVC status"),
        (
            write("UPDATE", "persistentvolumeclaims/status", changed(CLAIM, status={"capacity": {"storage": "1"}}), CLAIM),
            None,
        ),
        (
            write("UPDATE", "persistentvolumeclaims/status", changed(CLAIM, metadata={"labels": {"a": "b"}}), CLAIM),
            'node "n1" is not allowed to update fields other than status.quantity and status.conditions',
        ),
        (write("CREATE", "leases.coordination.k8s.io", {"metadata": {"name": "n1"}}, namespace="kube-node-lease"), None),
        (
            write("CREATE", "leases.coordination.k8s.io", {"metadata": {"name": "n2"}}, namespace="kube-node-lease"),
            "can only access node lease with the same name as the requesting node",
        ),
        (
            write("UPDATE", "leases.coordination.k8s.io", {"metadata": {"name": "n1"}}, namespace="dev"),
            'can only access leases in the "kube-node-lease" system namespace',
        ),
        (write("CREATE", "csinodes.storage.k8s.io", {"metadata": {"name": "n1"}}), None),
        (
            write("DELETE", "csinodes.storage.k8s.io", name="n2"),
            "can only access CSINode with the same name as the requesting node",
        ),
        (write("CREATE", "resourceslices.resource.k8s.io", {"spec": {"nodeName": "n1"}}), None),
        (
            write("CREATE", "resourceslices.resource.k8s.io", {"spec": {}}),
            "can only create ResourceSlice with the same NodeName as the requesting node",
        ),
        (
            write("DELETE", "resourceslices.resource.k8s.io", None, {"spec": {"nodeName": "n2"}}),
            "can only delete ResourceSlice with the same NodeName as the requesting node",
        ),
        (
            write("CREATE", "podcertificaterequests.certificates.k8s.io", {"metadata": {"name": "x"}}, namespace="dev"),
            "PodCertificateRequest feature gate is disabled",
        ),
        (write("CREATE", "configmaps", {"metadata": {"name": "x"}}), None),
    ],
)
def test_what_a_node_writes(world: World, attributes: Attributes, message: str | None) -> None:
    assert verdict(world, attributes) == message


@pytest.mark.parametrize(
    ("label", "allowed"),
    [
        ("kubernetes.io/hostname", True),
        ("kubernetes.io/os", True),
        ("topology.kubernetes.io/zone", True),
        ("node.kubernetes.io/anything", True),
        ("x.kubelet.kubernetes.io/anything", True),
        ("example.com/anything", True),
        ("plain", True),
        ("node-restriction.kubernetes.io/x", False),
        ("a.node-restriction.kubernetes.io/x", False),
        ("node-role.kubernetes.io/master", False),
        ("kubernetes.io/other", False),
        ("k8s.io/other", False),
    ],
)
def test_which_labels_a_node_sets(world: World, label: str, allowed: bool) -> None:
    message = None if allowed else f'node "n1" is not allowed to set the following labels: {label}'
    assert verdict(world, write("CREATE", "nodes", {"metadata": {"name": "n1", "labels": {label: "x"}}})) == message


def token(audiences: list[str] | None = None, **reference: str) -> Attributes:
    bound = {"apiVersion": "v1", "kind": "Pod", "name": "mine", "uid": "m"} | reference
    obj = {"spec": {"audiences": audiences or [], "boundObjectRef": bound}}
    return write("CREATE", "serviceaccounts/token", obj, namespace="dev", name="user")


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        (token(), None),
        (token(["vault"]), None),
        (token(kind="Secret"), "node requested token not bound to a pod"),
        (token(uid=""), "node requested token with a pod binding without a uid"),
        (token(name="gone"), 'pod "gone" not found'),
        (
            token(uid="x"),
            "the UID in the bound object reference (x) does not match the UID in record. "
            "The object might have been deleted and then recreated",
        ),
        (token(name="theirs", uid="t"), "node requested token bound to a pod scheduled on a different node"),
        (token(["a", "b"]), "node may only request 0 or 1 audiences"),
        (
            token(["db"]),
            'audience "db" not found in pod spec volume, system:node:n1 is not authorized to request tokens for this audience',
        ),
    ],
)
def test_which_tokens_a_node_gets(world: World, attributes: Attributes, message: str | None) -> None:
    assert verdict(world, attributes) == message


def test_a_node_gets_a_token_for_an_audience_that_it_is_allowed(world: World) -> None:
    world.add(
        cluster_role("r", rule("request-serviceaccounts-token-audience", "db", names=["user"])),
        binding("", "b", "ClusterRole/r", "Group:system:nodes"),
    )
    assert verdict(world, token(["db"])) is None


CLAIM = {"name": "v", "persistentVolumeClaim": {"claimName": "c"}}
INLINE = {"name": "v", "csi": {"driver": "d"}}
EPHEMERAL = {"name": "v", "ephemeral": {"volumeClaimTemplate": {"spec": {}}}}
NO_DRIVER = 'csidriver.storage.k8s.io "d" not found'


@pytest.mark.parametrize(
    ("volumes", "audience", "absent", "fault"),
    [
        ([INLINE], "csi", "", None),
        ([CLAIM], "csi", "", None),
        ([EPHEMERAL], "csi", "", None),
        ([{"name": "v", "azureFile": {"shareName": "s"}}], "azure", "", None),
        ([{"name": "v", "persistentVolumeClaim": {"claimName": "azure"}}], "azure", "", None),
        ([AUDIENCE_VOLUME, CLAIM], "vault", "csidrivers.storage.k8s.io", None),
        ([INLINE], "csi", "csidrivers.storage.k8s.io", NO_DRIVER),
        ([CLAIM], "csi", "csidrivers.storage.k8s.io", NO_DRIVER),
        ([EPHEMERAL], "csi", "csidrivers.storage.k8s.io", NO_DRIVER),
        ([CLAIM], "csi", "persistentvolumeclaims", 'persistentvolumeclaim "c" not found'),
        ([EPHEMERAL], "csi", "persistentvolumeclaims", 'persistentvolumeclaim "mine-v" not found'),
        ([CLAIM], "csi", "persistentvolumes", 'persistentvolume "pv" not found'),
        ([CLAIM, INLINE], "csi", "persistentvolumes", None),
        ([CLAIM, INLINE], "csi", "csidrivers.storage.k8s.io", NO_DRIVER),
    ],
)
def test_audiences_are_followed_through_claims_to_drivers(
    world: World, volumes: list[Object], audience: str, absent: str, fault: str | None
) -> None:
    def specified(name: str, namespace: str = "", **spec: object) -> Object:
        return {"metadata": metadata(name, namespace), "spec": spec}

    objects = {
        "csidrivers.storage.k8s.io": [
            specified("d", tokenRequests=[{"audience": "csi"}]),
            specified("file.csi.azure.com", tokenRequests=[{"audience": "azure"}]),
        ],
        "persistentvolumes": [specified("pv", csi={"driver": "d"}), specified("azure", azureFile={"shareName": "s"})],
        "persistentvolumeclaims": [
            specified("c", "dev", volumeName="pv"),
            specified("mine-v", "dev", volumeName="pv"),
            specified("azure", "dev", volumeName="azure"),
        ],
    }
    for resource, members in objects.items():
        name, _, group = resource.partition(".")
        for member in members if resource != absent else ():
            world.put(GroupResource(group, name), member)
    world.put(PODS, changed(MINE, spec={"volumes": volumes}))
    assert verdict(world, token([audience])) == (fault and f'error validating audience "{audience}": {fault}')


def signing_request(common_name: str, signer: str) -> Attributes:
    key = serialization.load_pem_private_key(ec_key(), None)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    made = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())  # type: ignore[arg-type]
    request = base64.b64encode(made.public_bytes(serialization.Encoding.PEM)).decode()
    obj = {"metadata": {"name": "x"}, "spec": {"signerName": signer, "request": request}}
    return write("CREATE", "certificatesigningrequests.certificates.k8s.io", obj)


@pytest.mark.parametrize(
    ("common_name", "signer", "message"),
    [
        ("system:node:n1", "kubernetes.io/kubelet-serving", None),
        ("system:node:n2", "kubernetes.io/kubelet-serving", "can only create a node CSR with CN=system:node:n1"),
        ("system:node:n2", "kubernetes.io/kube-apiserver-client-kubelet", "can only create a node CSR with CN=system:node:n1"),
        ("system:node:n2", "example.com/other", None),
    ],
)
def test_which_certificates_a_node_asks_for(world: World, common_name: str, signer: str, message: str | None) -> None:
    assert verdict(world, signing_request(common_name, signer)) == message


def test_a_request_for_a_certificate_that_is_none_is_refused(world: World) -> None:
    obj = {"metadata": {"name": "x"}, "spec": {"signerName": "kubernetes.io/kubelet-serving", "request": "bm9uZQ=="}}
    said = verdict(world, write("CREATE", "certificatesigningrequests.certificates.k8s.io", obj))
    assert said is not None
    assert said.startswith("unable to parse csr: ")


def test_who_is_no_node_is_not_restricted(world: World) -> None:
    attributes = write("CREATE", "nodes", {"metadata": {"name": "n2"}}, user=UserInfo("system:node:n1"))
    NodeRestriction(world, build_authorization(world).authorizer).admit(attributes)
    assert attributes.object == {"metadata": {"name": "n2"}}


def test_a_node_without_a_name_writes_nothing(world: World) -> None:
    nameless = UserInfo("system:node:", groups=("system:nodes",))
    message = 'could not determine node from user "system:node:"'
    assert verdict(world, write("CREATE", "configmaps", {"metadata": {"name": "x"}}, user=nameless)) == message
