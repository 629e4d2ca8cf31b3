"""Rules for certificate signing requests.  Upstream: `pkg/apis/certificates/validation/validation.go`."""

from __future__ import annotations

import base64
from typing import Final

from cluster.api import field, validation
from cluster.api.certificates import LEGACY_UNKNOWN, parse_request, pem_blocks
from cluster.api.field import FieldError
from cluster.api.names import Object
from cluster.kinds.checks import spec_of, status_of
from cluster.kinds.model import ValidateUpdate

APPROVAL: Final = ("Approved", "Denied")
_ALWAYS_TRUE: Final = (*APPROVAL, "Failed")
_STATUSES: Final = ("False", "True", "Unknown")
_MIN_SECONDS: Final = 600
USAGES: Final = frozenset(
    {
        "any",
        "cert sign",
        "client auth",
        "code signing",
        "content commitment",
        "crl sign",
        "data encipherment",
        "decipher only",
        "digital signature",
        "email protection",
        "encipher only",
        "ipsec end system",
        "ipsec tunnel",
        "ipsec user",
        "key agreement",
        "key encipherment",
        "microsoft sgc",
        "netscape sgc",
        "ocsp signing",
        "s/mime",
        "server auth",
        "signing",
        "timestamping",
    }
)


def validate(request: Object, old: Object | None = None) -> list[FieldError]:
    """A new request, or one after an update of `old`, whose own faults are forgiven."""
    spec = spec_of(request)
    before = spec_of(old) if old else {}
    errors: list[FieldError] = []
    fault = _request_fault(spec.get("request") or "") if not old or spec.get("request") != before.get("request") else ""
    if fault:
        errors.append(field.invalid("spec.request", spec.get("request"), fault))
    errors += _validate_usages(spec.get("usages") or [], before.get("usages") or [])
    signer = spec.get("signerName") or ""
    if signer == LEGACY_UNKNOWN and before.get("signerName") != LEGACY_UNKNOWN:
        errors.append(field.invalid("spec.signerName", signer, "the legacy signerName is not allowed via this API version"))
    else:
        errors += validate_signer_name("spec.signerName", signer)
    seconds = spec.get("expirationSeconds")
    if seconds is not None and seconds < _MIN_SECONDS:
        message = "may not specify a duration less than 600 seconds (10 minutes)"
        errors.append(field.invalid("spec.expirationSeconds", seconds, message))
    errors += _validate_conditions(_conditions(request), _conditions(old or {}))
    certificate, was = status_of(request).get("certificate") or "", status_of(old).get("certificate") or "" if old else ""
    if certificate != was and not _certificate_fault(was):
        fault = _certificate_fault(certificate)
        if fault:
            errors.append(field.invalid("status.certificate", "<certificate data>", fault))
    return errors


def _request_fault(encoded: str) -> str:
    """Why it isn't a signed PKCS#10 request in PEM, empty where it is."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    try:
        request = parse_request(base64.b64decode(encoded))
        if request.is_signature_valid:
            return ""
        key = request.public_key()
    except UnsupportedAlgorithm:
        return "x509: cannot verify signature: algorithm unimplemented"
    except (ValueError, TypeError) as error:
        return str(error)
    if isinstance(key, RSAPublicKey):
        return "crypto/rsa: verification error"
    return f"x509: {'ECDSA' if isinstance(key, EllipticCurvePublicKey) else 'Ed25519'} verification failure"


def _certificate_fault(encoded: str) -> str:
    """Why it isn't a chain of certificates in PEM, empty where it is (or where there is none)."""
    from cryptography import x509

    if not encoded:
        return ""
    blocks = 0
    for block in pem_blocks(base64.b64decode(encoded)):
        if block.kind != "CERTIFICATE":
            return f"only CERTIFICATE PEM blocks are allowed, found {field.quoted(block.kind)}"
        if block.has_headers:
            return "no PEM block headers are permitted"
        try:
            x509.load_der_x509_certificate(block.der)
        except ValueError:
            return "x509: malformed certificate"
        blocks += 1
    return "" if blocks else "must contain at least one CERTIFICATE PEM block"


def _validate_usages(usages: list[str], before: list[str]) -> list[FieldError]:
    errors = [] if usages else [field.required("spec.usages")]
    paths = [field.index("spec.usages", i) for i in range(len(usages))]
    if all(each in USAGES for each in before):
        known = sorted(USAGES)
        errors += [field.not_supported(path, each, known) for path, each in zip(paths, usages, strict=True) if each not in USAGES]
    if len(set(before)) == len(before):
        pairs = enumerate(zip(paths, usages, strict=True))
        errors += [field.duplicate(path, each) for i, (path, each) in pairs if each in usages[:i]]
    return errors


def validate_signer_name(path: str, name: str) -> list[FieldError]:
    """A domain and a path, as `example.com/signer-name`."""
    if not name:
        return [field.required(path)]
    parts = name.split("/")
    if len(parts) != 2:
        message = "must be a fully qualified domain and path of the form 'example.com/signer-name'"
        return [field.invalid(path, name, message)]
    domain, segment = parts
    errors = [field.too_long(path, "", 253)] if len(domain) > 253 else []
    for label in domain.split("."):
        faults = validation.is_dns1123_label(label)
        if faults:
            errors += [field.invalid(path, domain, f'validating label "{label}": {fault}') for fault in faults]
            break
    if "." not in domain:
        errors.append(field.invalid(path, domain, "should be a domain with at least two segments separated by dots"))
    for label in segment.split("."):
        faults = validation.is_dns1123_subdomain(label)
        if faults:
            errors += [field.invalid(path, segment, f'validating label "{label}": {fault}') for fault in faults]
            break
    longest = 253 + len("/") + (63 + len(".") + 253)
    return [*errors, field.too_long(path, "", longest)] if len(name) > longest else errors


def _conditions(request: Object) -> list[Object]:
    return list(status_of(request).get("conditions") or ())


def _validate_conditions(conditions: list[Object], before: list[Object]) -> list[FieldError]:
    path = "status.conditions"
    old_types = [each.get("type") or "" for each in before]
    both_before = {*APPROVAL} <= set(old_types)
    errors: list[FieldError] = []
    seen: set[str] = set()
    for position, condition in enumerate(conditions):
        place = field.index(path, position)
        kind, status = condition.get("type") or "", condition.get("status") or ""
        if not kind and "" not in old_types:
            errors.append(field.required(f"{place}.type"))
        allowed = ("True",) if kind in _ALWAYS_TRUE else _STATUSES
        if not status:
            errors.append(field.required(f"{place}.status"))
        elif status not in allowed:
            errors.append(field.not_supported(f"{place}.status", status, allowed))
        if kind in APPROVAL and not both_before and seen & ({*APPROVAL} - {kind}):
            errors.append(field.invalid(path, kind, "Approved and Denied conditions are mutually exclusive"))
        if kind in seen and len(set(old_types)) == len(old_types):
            errors.append(field.duplicate(f"{place}.type", kind))
        seen.add(kind)
    return errors


def _update_rules(*, approval: bool, certificate: bool) -> ValidateUpdate:
    """What an endpoint may change: the approval, the certificate, or neither."""

    def check(request: Object, old: Object) -> list[FieldError]:
        return validate(request, old) + _condition_changes(request, old, approval) + _certificate_changes(request, old, certificate)

    return check


def _condition_changes(request: Object, old: Object, approval: bool) -> list[FieldError]:
    path = "status.conditions"
    pairs = {
        kind: tuple([each for each in _conditions(obj) if each.get("type") == kind] for obj in (old, request)) for kind in _ALWAYS_TRUE
    }
    errors = [
        field.forbidden(path, f'updates may not remove a condition of type "{kind}"')
        for kind, (before, now) in pairs.items()
        if len(now) < len(before)
    ]
    for kind in () if approval else APPROVAL:
        before, now = pairs[kind]
        if len(now) > len(before):
            errors.append(field.forbidden(path, f'updates may not add a condition of type "{kind}"'))
        elif len(now) == len(before) and now != before:
            errors.append(field.forbidden(path, f'updates may not modify a condition of type "{kind}"'))
    return errors


def _certificate_changes(request: Object, old: Object, allowed: bool) -> list[FieldError]:
    now, before = status_of(request).get("certificate") or "", status_of(old).get("certificate") or ""
    if now == before:
        return []
    if not allowed:
        return [field.forbidden("status.certificate", "updates may not set certificate content")]
    return [field.forbidden("status.certificate", "updates may not modify existing certificate content")] if before else []


validate_update: Final = _update_rules(approval=False, certificate=False)
validate_status: Final = _update_rules(approval=False, certificate=True)
validate_approval: Final = _update_rules(approval=True, certificate=False)
