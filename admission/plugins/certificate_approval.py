"""CertificateApproval: who approves or denies a request may do so for its signer.

Upstream: `plugin/pkg/admission/certificates/approval`.
"""

from __future__ import annotations

from typing import Final

from admission.attributes import Attributes, Operation
from admission.denial import forbidden
from admission.signers import may_act_for
from cluster.api.authorization import Authorizer
from cluster.api.certificates import SIGNING_REQUESTS


class CertificateApproval:
    name = "CertificateApproval"
    resources: Final = frozenset({SIGNING_REQUESTS})

    def __init__(self, authorizer: Authorizer) -> None:
        self._authorizer = authorizer

    def handles(self, operation: Operation) -> bool:
        return operation is Operation.UPDATE

    def validate(self, attributes: Attributes) -> None:
        """The old object's signer counts, so that naming another one in the update gains nothing."""
        if attributes.subresource != "approval" or attributes.resource.group_resource != SIGNING_REQUESTS:
            return
        signer = ((attributes.old_object or {}).get("spec") or {}).get("signerName") or ""
        if not may_act_for(self._authorizer, attributes.user, "approve", signer):
            raise forbidden(attributes, f'user not permitted to approve requests with signerName "{signer}"')
