"""What the three controllers ask of a certificate signing request.

Upstream: `pkg/controller/certificates/certificate_controller_utils.go`.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from cluster.api.certificates import parse_request
from cluster.api.names import Object

if TYPE_CHECKING:
    from cryptography import x509


def conditions(request: Object) -> list[Object]:
    return (request.get("status") or {}).get("conditions") or []


def has_condition(request: Object, kind: str) -> bool:
    """Whatever its status: no condition of these kinds may be anything but true."""
    return any(each.get("type") == kind for each in conditions(request))


def has_true_condition(request: Object, kind: str) -> bool:
    """A condition from before there was a status counts as true."""
    return any(each.get("type") == kind and each.get("status") in (None, "", "True") for each in conditions(request))


def certificate_of(request: Object) -> bytes:
    """The certificate that was issued, PEM; empty where none was."""
    return base64.b64decode((request.get("status") or {}).get("certificate") or "")


def parsed(request: Object) -> x509.CertificateSigningRequest:
    """ValueError where `spec.request` cannot be read."""
    return parse_request(base64.b64decode(request["spec"].get("request") or ""))
