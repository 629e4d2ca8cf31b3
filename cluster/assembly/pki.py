"""The cluster's public key infrastructure: a CA and what it signs, another CA for front proxies, all in `<home>/pki`, 0600, made once.

`ensure(config)` makes what is missing and leaves what is there; a serving certificate whose names no longer cover the
configuration is the one thing made anew.  Names and organizations are those of a kubeadm cluster, so that the default
roles fit.
"""

from __future__ import annotations

import datetime
import fcntl
import hashlib
import ipaddress
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from cluster.api.private_file import write_private
from cluster.assembly.config import Config

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec

CA_YEARS: Final = 10
LEAF_YEARS: Final = 5
KUBELET_CLIENT: Final = "kube-apiserver-kubelet-client"
"""The common name that kubelets admit."""
CLUSTER_CA: Final = "ca"
FRONT_PROXY_CA: Final = "front-proxy-ca"
AUTHORITIES: Final = {CLUSTER_CA: "kubernetes", FRONT_PROXY_CA: "front-proxy-ca"}
"""The CAs, and their common names."""


class Leaf(Struct, frozen=True):
    """A certificate to have.  `names` are the serving names (DNS or IP); none makes it a client certificate."""

    file: str
    common_name: str
    organizations: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    authority: str = CLUSTER_CA
    """The CA that signs it, by its file and key in AUTHORITIES."""


def control_plane_leaves(config: Config) -> list[Leaf]:
    """The certificates of everything but the nodes."""
    domain = config.cluster_domain
    names = ["kubernetes", "kubernetes.default", "kubernetes.default.svc", f"kubernetes.default.svc.{domain}", "localhost"]
    names += ["127.0.0.1", config.host, config.node_host, config.advertise_address, config.service_ip]
    return [
        Leaf("apiserver", "kube-apiserver", names=tuple(dict.fromkeys(names))),
        Leaf("apiserver-kubelet-client", KUBELET_CLIENT, ("kubeadm:cluster-admins",)),
        Leaf("admin", "kubernetes-admin", ("system:masters",)),
        Leaf("controller-manager", "system:kube-controller-manager"),
        Leaf("scheduler", "system:kube-scheduler"),
        Leaf("front-proxy-client", "front-proxy-client", authority=FRONT_PROXY_CA),
    ]


def node_leaves(config: Config, node: str) -> list[Leaf]:
    """A node's identity towards the API server, and its kubelet's serving certificate."""
    return [
        Leaf(f"node-{node}", f"system:node:{node}", ("system:nodes",)),
        Leaf(f"kubelet-{node}", f"system:node:{node}", ("system:nodes",), names=tuple(dict.fromkeys((node, config.node_host)))),
    ]


def ensure(config: Config, leaves: Sequence[Leaf] | None = None) -> None:
    """Makes the CAs, the service-account key and the leaves (default: the control plane's) where they are missing.

    Safe to run in several processes at once.  OSError where the home can't be written.
    """
    home = config.home
    home.pki.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _locked(home.pki / ".lock"):
        wanted = [leaf for leaf in (control_plane_leaves(config) if leaves is None else leaves) if not _good(config, leaf)]
        if wanted or not home.key("sa").exists():
            _service_account_key(config)
            for name in AUTHORITIES:
                _authority(config, name)
            for leaf in wanted:
                _issue(config, leaf, *_authority(config, leaf.authority))


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600), "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _good(config: Config, leaf: Leaf) -> bool:
    """Whether the leaf is on disk and, if it serves, was made for the same names."""
    home = config.home
    if not (home.key(leaf.file).exists() and home.certificate(leaf.file).exists()):
        return False
    if not leaf.names:
        return True
    from cryptography import x509

    certificate = x509.load_pem_x509_certificate(home.certificate(leaf.file).read_bytes())
    try:
        alternative = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return False
    held = {str(each) for kind in (x509.DNSName, x509.IPAddress) for each in alternative.get_values_for_type(kind)}
    fresh = certificate.not_valid_after_utc > datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=30)
    return fresh and set(leaf.names) <= held


def _authority(config: Config, file: str) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

    home = config.home
    if home.key(file).exists() and home.certificate(file).exists():
        loaded = load_pem_private_key(home.key(file).read_bytes(), None)
        if not isinstance(loaded, ec.EllipticCurvePrivateKey):
            raise ValueError(f'"{home.key(file)}" holds no elliptic curve key')
        return x509.load_pem_x509_certificate(home.certificate(file).read_bytes()), loaded
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(AUTHORITIES[file])
    certificate = (
        _builder(name, name, key, CA_YEARS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(_key_usage(signs=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    _write_pair(config, file, certificate.public_bytes(Encoding.PEM), _pem(key))
    return certificate, key


def _issue(config: Config, leaf: Leaf, authority: x509.Certificate, authority_key: ec.EllipticCurvePrivateKey) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.x509.oid import ExtendedKeyUsageOID

    if not leaf.names:
        _issue_client(config, leaf)
        return
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        _builder(_name(leaf.common_name, leaf.organizations), authority.subject, key, LEAF_YEARS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False)
        .add_extension(x509.SubjectAlternativeName([_general_name(each) for each in leaf.names]), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    _write_pair(config, leaf.file, certificate.public_bytes(Encoding.PEM), _pem(key))


def _issue_client(config: Config, leaf: Leaf) -> None:
    from rbac.credentials.certificates import issue_client_certificate

    home = config.home
    authority = home.certificate(leaf.authority).read_bytes(), home.key(leaf.authority).read_bytes()
    lifetime = datetime.timedelta(days=365 * LEAF_YEARS)
    _write_pair(config, leaf.file, *issue_client_certificate(*authority, leaf.common_name, leaf.organizations, lifetime))


def _service_account_key(config: Config) -> None:
    """The key that signs service-account tokens, and its public half."""
    if not config.home.key("sa").exists():
        _new_service_account_key(config)


def rotate_service_account_key(config: Config) -> None:
    """From now on another key signs service-account tokens; what the old one signed stays good, by its public half.

    A running API server takes the change up by itself.  OSError where the home can't be written.
    """
    with _locked(config.home.pki / ".lock"):
        _new_service_account_key(config)


def _new_service_account_key(config: Config) -> None:
    """Writes it, after the old one's public half is kept as `sa-<digest>.pub`."""
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    home = config.home
    if (home.pki / "sa.pub").exists():
        old = (home.pki / "sa.pub").read_bytes()
        write_private(home.pki / f"sa-{hashlib.sha256(old).hexdigest()[:12]}.pub", old)
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    write_private(home.pki / "sa.pub", public)
    write_private(home.key("sa"), _pem(key))


def _name(common_name: str, organizations: Sequence[str] = ()) -> x509.Name:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, each) for each in organizations]
    return x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _general_name(name: str) -> x509.GeneralName:
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, years: int) -> x509.CertificateBuilder:
    from cryptography import x509

    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(days=365 * years))
    )


def _key_usage(*, signs: bool) -> x509.KeyUsage:
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=not signs,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _write_pair(config: Config, name: str, certificate: bytes, key: bytes) -> None:
    """Both in PEM; the certificate first: a pair is there once its key is."""
    config.home.key(name).unlink(missing_ok=True)
    write_private(config.home.certificate(name), certificate)
    write_private(config.home.key(name), key)
