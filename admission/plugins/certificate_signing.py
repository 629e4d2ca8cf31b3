"""CertificateSigning: who issues a certificate, or says that none will be, may sign for the request's signer.

Upstream: `plugin/pkg/admission/certificates/signing`.
"""

from __future__ import annotations

from typing import Final

from admission.attributes import Attributes, Operation
from admission.denial import forbidden
from admission.signers import may_act_for
from cluster.api.authorization import Authorizer
from cluster.api.certificates import SIGNING_REQUESTS
from cluster.api.names import Object


class CertificateSigning:
    name = "CertificateSigning"
    resources: Final = frozenset({SIGNING_REQUESTS})

    def __init__(self, authorizer: Authorizer) -> None:
        self._authorizer = authorizer

    def handles(self, operation: Operation) -> bool:
        return operation is Operation.UPDATE

    def validate(self, attributes: Attributes) -> None:
        """The old object's signer counts, so that naming another one in the update gains nothing."""
        if attributes.subresource != "status" or attributes.resource.group_resource != SIGNING_REQUESTS:
            return
        old = attributes.old_object or {}
        if _outcome(attributes.object or {}) == _outcome(old):
            return
        signer = (old.get("spec") or {}).get("signerName") or ""
        if not may_act_for(self._authorizer, attributes.user, "sign", signer):
            raise forbidden(attributes, f'user not permitted to sign requests with signerName "{signer}"')


def _outcome(request: Object) -> tuple[str, list[Object]]:
    status = request.get("status") or {}
    return status.get("certificate") or "", status.get("conditions") or []
