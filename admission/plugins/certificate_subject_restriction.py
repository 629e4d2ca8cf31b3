"""CertificateSubjectRestriction: nobody gets a client certificate of `system:masters`, which no authorizer would ever deny.

Upstream: `plugin/pkg/admission/certificates/subjectrestriction`.
"""

from __future__ import annotations

import base64
from typing import Final

from admission.attributes import Attributes, Operation
from admission.denial import forbidden
from cluster.api.certificates import API_SERVER_CLIENT, SIGNING_REQUESTS, parse_request
from cluster.api.user import MASTERS


class CertificateSubjectRestriction:
    name = "CertificateSubjectRestriction"
    resources: Final = frozenset({SIGNING_REQUESTS})

    def handles(self, operation: Operation) -> bool:
        return operation is Operation.CREATE

    def validate(self, attributes: Attributes) -> None:
        if attributes.resource.group_resource != SIGNING_REQUESTS or attributes.subresource:
            return
        spec = (attributes.object or {}).get("spec") or {}
        if spec.get("signerName") != API_SERVER_CLIENT:
            return
        from cryptography.x509.oid import NameOID

        try:
            request = parse_request(base64.b64decode(spec.get("request") or ""))
        except ValueError as error:
            raise forbidden(attributes, f"failed to parse CSR: {error}") from None
        if any(each.value == MASTERS for each in request.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)):
            raise forbidden(attributes, f"use of {API_SERVER_CLIENT} signer with {MASTERS} group is not allowed")
