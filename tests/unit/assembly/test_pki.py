"""What the cluster's CAs sign."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from msgspec.structs import replace

from cluster.assembly import pki
from cluster.assembly.config import Config, Home


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    made = Config(Home(tmp_path_factory.mktemp("pki")))
    pki.ensure(made)
    pki.ensure(made, pki.node_leaves(made, "n1"))
    return made


def _certificate(config: Config, name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(config.home.certificate(name).read_bytes())


def _contents(config: Config) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in config.home.pki.iterdir()}


LEAVES = ("apiserver", "apiserver-kubelet-client", "admin", "controller-manager", "scheduler", "node-n1", "kubelet-n1")


@pytest.mark.parametrize("name", LEAVES)
def test_every_certificate_is_signed_by_the_ca_and_is_none_itself(config: Config, name: str) -> None:
    leaf = _certificate(config, name)
    leaf.verify_directly_issued_by(_certificate(config, "ca"))
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_front_proxies_have_an_authority_of_their_own(config: Config) -> None:
    proxy = _certificate(config, "front-proxy-client")
    assert (proxy.subject.rfc4514_string(), proxy.issuer.rfc4514_string()) == ("CN=front-proxy-client", "CN=front-proxy-ca")
    proxy.verify_directly_issued_by(_certificate(config, "front-proxy-ca"))
    assert list(proxy.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [ExtendedKeyUsageOID.CLIENT_AUTH]


@pytest.mark.parametrize("name", ["ca", "front-proxy-ca"])
def test_a_ca_may_sign_and_nothing_else(config: Config, name: str) -> None:
    extensions = _certificate(config, name).extensions
    usage = extensions.get_extension_for_class(x509.KeyUsage)
    assert extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert (usage.critical, usage.value.key_cert_sign, usage.value.crl_sign, usage.value.key_encipherment) == (True, True, True, False)


@pytest.mark.parametrize(("name", "use"), [("apiserver", ExtendedKeyUsageOID.SERVER_AUTH), ("admin", ExtendedKeyUsageOID.CLIENT_AUTH)])
def test_a_certificate_is_for_one_use(config: Config, name: str, use: x509.ObjectIdentifier) -> None:
    assert list(_certificate(config, name).extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [use]


@pytest.mark.parametrize(
    ("name", "subject"),
    [
        ("admin", "CN=kubernetes-admin,O=system:masters"),
        ("scheduler", "CN=system:kube-scheduler"),
        ("node-n1", "CN=system:node:n1,O=system:nodes"),
    ],
)
def test_names_are_those_that_the_default_roles_know(config: Config, name: str, subject: str) -> None:
    assert _certificate(config, name).subject.rfc4514_string() == subject


def test_only_the_owner_reads_keys(config: Config) -> None:
    modes = {stat.S_IMODE(path.stat().st_mode) for path in config.home.pki.glob("*.key")}
    assert (modes, stat.S_IMODE(config.home.pki.stat().st_mode)) == ({0o600}, 0o700)


def test_what_is_there_stays(config: Config) -> None:
    before = _contents(config)
    pki.ensure(config)
    pki.ensure(config, pki.node_leaves(config, "n1"))
    assert _contents(config) == before


def test_other_serving_names_make_only_the_serving_certificate_anew(tmp_path: Path) -> None:
    config = Config(Home(tmp_path))
    pki.ensure(config)
    before = _contents(config)
    moved = replace(config, node_host="172.17.0.1")
    pki.ensure(moved)
    after = _contents(moved)
    assert {name for name in after if after[name] != before[name]} == {"apiserver.crt", "apiserver.key"}


def test_a_pair_without_its_key_is_made_anew(tmp_path: Path) -> None:
    config = Config(Home(tmp_path))
    pki.ensure(config)
    config.home.key("admin").unlink()
    pki.ensure(config)
    assert config.home.key("admin").exists()
