"""ClusterTrustBundleAttest: who publishes a trust bundle for a signer may attest for that signer.

Upstream: `plugin/pkg/admission/certificates/ctbattest`.
"""

from __future__ import annotations

from typing import Final

from admission.attributes import Attributes, Operation
from admission.denial import forbidden
from admission.signers import may_act_for
from admission.written import object_of
from cluster.api.authorization import Authorizer
from cluster.api.field import quoted
from cluster.api.names import GroupResource, Object

_BUNDLES: Final = GroupResource("certificates.k8s.io", "clustertrustbundles")
_COLLECTOR_FIELDS: Final = frozenset({"ownerReferences", "finalizers", "selfLink", "managedFields"})
"""What the garbage collector writes of an object's metadata, and what follows from it."""


class ClusterTrustBundleAttest:
    name = "ClusterTrustBundleAttest"
    resources: Final = frozenset({_BUNDLES})

    def __init__(self, authorizer: Authorizer) -> None:
        self._authorizer = authorizer

    def handles(self, operation: Operation) -> bool:
        return operation in (Operation.CREATE, Operation.UPDATE)

    def validate(self, attributes: Attributes) -> None:
        """A bundle of no signer needs no right, nor does a write that leaves what the bundle says.

        The new object's signer counts: an update can not change it.
        """
        bundle = object_of(attributes, _BUNDLES)
        if bundle is None:
            return
        signer = (bundle.get("spec") or {}).get("signerName") or ""
        if not signer or _is_unchanged(bundle, attributes.old_object):
            return
        if not may_act_for(self._authorizer, attributes.user, "attest", signer):
            raise forbidden(attributes, f"user not permitted to attest for signerName {quoted(signer)}")


def _is_unchanged(bundle: Object, old: Object | None) -> bool:
    """Whether the write changes nothing but what the garbage collector may."""
    return old is not None and _compared(bundle) == _compared(old)


def _compared(bundle: Object) -> Object:
    metadata = {name: value for name, value in (bundle.get("metadata") or {}).items() if name not in _COLLECTOR_FIELDS}
    return {**bundle, "metadata": metadata}
