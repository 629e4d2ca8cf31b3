"""What each of the cluster's signers signs.

Upstream: `pkg/controller/certificates/signer/signer.go`, `pkg/apis/certificates/helpers.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from cluster.api.certificates import API_SERVER_CLIENT, KUBELET_CLIENT, KUBELET_SERVING, LEGACY_UNKNOWN
from cluster.api.user import NODE_PREFIX, NODES

if TYPE_CHECKING:
    from cryptography import x509

Rule = Callable[["x509.CertificateSigningRequest", Sequence[str]], str]
"""(request, usages) to why it is not signed; empty where it is."""
_CLIENT_USAGES: Final = frozenset({"client auth", "digital signature", "key encipherment"})
_SERVING_USAGES: Final = frozenset({"digital signature", "key encipherment", "server auth"})
_ONLY_RSA: Final = frozenset({"key encipherment"})
"""A usage that keys other than RSA's have no need of, and may leave out."""


def api_server_client(request: x509.CertificateSigningRequest, usages: Sequence[str]) -> str:  # noqa: ARG001
    for usage in usages:
        if usage not in _CLIENT_USAGES:
            return f"invalid usage for client certificate: {usage}"
    return "" if "client auth" in usages else "missing required usage for client certificate: client auth"


def kubelet_client(request: x509.CertificateSigningRequest, usages: Sequence[str]) -> str:
    if organizations(request) != [NODES]:
        return "subject organization is not system:nodes"
    kinds = alternative_names(request)
    for kind in ("DNS", "Email", "IP", "URI"):
        if kind in kinds:
            return f"{kind} subjectAltNames are not allowed"
    return _of_a_node(request) or _exactly(usages, _CLIENT_USAGES)


def kubelet_serving(request: x509.CertificateSigningRequest, usages: Sequence[str]) -> str:
    if organizations(request) != [NODES]:
        return "subject organization is not system:nodes"
    kinds = alternative_names(request)
    if not kinds & {"DNS", "IP"}:
        return "DNS or IP subjectAltName is required"
    for kind in ("Email", "URI"):
        if kind in kinds:
            return f"{kind} subjectAltNames are not allowed"
    return _exactly(usages, _SERVING_USAGES) or _of_a_node(request)


def legacy_unknown(request: x509.CertificateSigningRequest, usages: Sequence[str]) -> str:  # noqa: ARG001
    """What was asked for before there were signers' names has no rules."""
    return ""


RULES: Final[Mapping[str, Rule]] = {
    API_SERVER_CLIENT: api_server_client,
    KUBELET_CLIENT: kubelet_client,
    KUBELET_SERVING: kubelet_serving,
    LEGACY_UNKNOWN: legacy_unknown,
}
"""A signer's name to its rule."""


def organizations(request: x509.CertificateSigningRequest) -> list[str]:
    from cryptography.x509.oid import NameOID

    return [str(each.value) for each in request.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)]


def common_name(request: x509.CertificateSigningRequest) -> str:
    """The last one, as Go reads it; empty where there is none."""
    from cryptography.x509.oid import NameOID

    names = request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[-1].value) if names else ""


def alternative_names(request: x509.CertificateSigningRequest) -> set[str]:
    """Which of the kinds that certificates are signed with it asks for: DNS, Email, IP, URI."""
    from cryptography import x509

    kinds: dict[type[x509.GeneralName], str] = {
        x509.DNSName: "DNS",
        x509.RFC822Name: "Email",
        x509.IPAddress: "IP",
        x509.UniformResourceIdentifier: "URI",
    }
    try:
        names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return set()
    return {kinds[type(each)] for each in names if type(each) in kinds}


def _of_a_node(request: x509.CertificateSigningRequest) -> str:
    return "" if common_name(request).startswith(NODE_PREFIX) else "subject common name does not begin with system:node:"


def _exactly(usages: Sequence[str], wanted: frozenset[str]) -> str:
    return "" if {*usages} in (wanted, wanted - _ONLY_RSA) else f"usages did not match [{' '.join(sorted(wanted))}]"
