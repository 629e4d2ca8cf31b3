"""Certificate signing requests for tables."""

from __future__ import annotations

import base64
import datetime
import ipaddress
from collections.abc import Sequence

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cluster.api.certificates import KUBELET_CLIENT
from cluster.api.names import Object
from cluster.client import times

NOW = datetime.datetime(2026, 1, 10, 12, tzinfo=datetime.UTC)
KEY = ec.generate_private_key(ec.SECP256R1())
DNS, IP = x509.DNSName("node.example.com"), x509.IPAddress(ipaddress.ip_address("10.0.0.1"))
MAIL, URI = x509.RFC822Name("node@example.com"), x509.UniformResourceIdentifier("spiffe://example.com/node")
CLIENT = ("digital signature", "key encipherment", "client auth")
SERVING = ("digital signature", "key encipherment", "server auth")


def pkcs10(
    common_name: str = "system:node:n1",
    organizations: Sequence[str] = ("system:nodes",),
    names: Sequence[x509.GeneralName] = (),
    more: Sequence[tuple[str, str]] = (),
) -> x509.CertificateSigningRequest:
    """A request, signed by KEY; `more` are further attributes of the subject, (object identifier, value)."""
    attributes = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, each) for each in organizations]
    attributes += [x509.NameAttribute(NameOID.COMMON_NAME, common_name)] if common_name else []
    attributes += [x509.NameAttribute(x509.ObjectIdentifier(oid), value) for oid, value in more]
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(attributes))
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(KEY, hashes.SHA256())


def pem_of(request: x509.CertificateSigningRequest) -> bytes:
    return request.public_bytes(serialization.Encoding.PEM)


def condition(kind: str, minutes_ago: float = 0, status: str = "True") -> Object:
    return {"type": kind, "status": status, "lastUpdateTime": times.time(NOW - datetime.timedelta(minutes=minutes_ago))}


def signing_request(
    *conditions: Object,
    request: bytes | None = None,
    signer: str = KUBELET_CLIENT,
    usages: Sequence[str] = CLIENT,
    certificate: bytes = b"",
    minutes_old: float = 0,
    **spec: object,
) -> Object:
    """An object of the API named `csr`; `request` is PEM."""
    created = times.time(NOW - datetime.timedelta(minutes=minutes_old))
    status: Object = {"conditions": list(conditions)} if conditions else {}
    if certificate:
        status["certificate"] = base64.b64encode(certificate).decode()
    asked = base64.b64encode(pem_of(pkcs10()) if request is None else request).decode()
    return {
        "apiVersion": "certificates.k8s.io/v1",
        "kind": "CertificateSigningRequest",
        "metadata": {"name": "csr", "uid": "u1", "creationTimestamp": created},
        "spec": {"request": asked, "signerName": signer, "usages": list(usages), **spec},
        "status": status,
    }
