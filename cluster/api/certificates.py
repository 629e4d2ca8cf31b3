"""Certificate signing requests as all rooms read them: the signers' names, PEM, and PKCS#10.

Upstream: `staging/src/k8s.io/api/certificates/v1/types.go`, `pkg/apis/certificates/helpers.go` (ParseCSR).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

from cluster.api.names import GroupResource

if TYPE_CHECKING:
    from cryptography import x509

SIGNING_REQUESTS: Final = GroupResource("certificates.k8s.io", "certificatesigningrequests")
API_SERVER_CLIENT: Final = "kubernetes.io/kube-apiserver-client"
KUBELET_CLIENT: Final = "kubernetes.io/kube-apiserver-client-kubelet"
KUBELET_SERVING: Final = "kubernetes.io/kubelet-serving"
LEGACY_UNKNOWN: Final = "kubernetes.io/legacy-unknown"
NOT_A_REQUEST: Final = "PEM block type must be CERTIFICATE REQUEST"
_BEGIN: Final = b"-----BEGIN "
_END: Final = b"-----END "
_DASHES: Final = b"-----"


class Block(NamedTuple):
    """A PEM block: what its first line names, whether it has headers, and its content."""

    kind: str
    has_headers: bool
    der: bytes


def pem_blocks(data: bytes) -> Iterator[Block]:
    """The well-formed blocks in order, and nothing of what is between them.  Takes time linear in the data, whatever it is."""
    position = 0
    while True:
        begin = _line(data, _BEGIN, position)
        end = _line(data, _END, begin) if begin >= 0 else -1
        if end < 0:
            return
        position = end + len(_END)
        first, _, body = data[begin + len(_BEGIN) : end].partition(b"\n")
        stop = data.find(b"\n", position)
        last = data[position : stop if stop >= 0 else len(data)].rstrip()
        first = first.rstrip()
        if first != last or not first.endswith(_DASHES):
            continue
        lines = body.splitlines()
        headers = next((i for i, line in enumerate(lines) if b":" not in line), len(lines))
        try:
            der = base64.b64decode(b"".join(b"".join(lines[headers:]).split()), validate=True)
        except binascii.Error:
            continue
        yield Block(first.removesuffix(_DASHES).decode(errors="replace"), headers > 0, der)


def _line(data: bytes, start: bytes, position: int) -> int:
    """Where the next line begins with `start`; -1 where none does."""
    while True:
        found = data.find(start, position)
        if found <= 0 or data[found - 1 : found] == b"\n":
            return found
        position = found + len(start)


def parse_request(pem: bytes) -> x509.CertificateSigningRequest:
    """The PKCS#10 request, whose signature is not checked here.  ValueError, in upstream's words, for what is none."""
    from cryptography import x509

    block = next(pem_blocks(pem), None)
    if block is None or block.kind != "CERTIFICATE REQUEST":
        raise ValueError(NOT_A_REQUEST)
    try:
        request = x509.load_der_x509_csr(block.der)
        _ = request.subject, [*request.extensions]  # read now, so that what is malformed in them shows here
    except (ValueError, TypeError, x509.DuplicateExtension) as error:
        fault = "syntax error: trailing data" if "ExtraData" in str(error) else f"structure error: {error}"
        raise ValueError(f"asn1: {fault}") from None
    return request
