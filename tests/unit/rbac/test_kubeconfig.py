"""Kubeconfigs, and the file that a user has already."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from rbac.credentials import kubeconfig
from rbac.credentials.certificates import issue_client_certificate
from tests.unit.rbac.keys import DAY, authority

BERTH = kubeconfig.render("https://127.0.0.1:6443", b"ca", "admin", cert_pem=b"crt", key_pem=b"key", cluster="berth", context="berth")
OTHER = """\
apiVersion: v1
kind: Config
clusters:
- name: prod
  cluster: {server: https://prod, extensions: [{name: x, extension: {y: 1}}]}
contexts:
- name: prod
  context: {cluster: prod, user: me}
users:
- name: me
  user: {exec: {command: login}}
current-context: prod
"""


def test_a_kubeconfig_with_a_token() -> None:
    document = kubeconfig.render("https://x", b"ca", "system:serviceaccount:dev:user", token="t", namespace="dev", context="user")
    assert document["users"] == [{"name": "user", "user": {"token": "t"}}]
    assert document["contexts"] == [{"name": "user", "context": {"cluster": "berth", "namespace": "dev", "user": "user"}}]
    assert document["clusters"] == [{"name": "berth", "cluster": {"certificate-authority-data": "Y2E=", "server": "https://x"}}]
    assert yaml.safe_load(kubeconfig.dump(document)) == document


def test_merging_makes_a_private_file(tmp_path: Path) -> None:
    path = tmp_path / "new" / "config"
    kubeconfig.merge(path, BERTH)
    assert kubeconfig.load(path)["current-context"] == "berth"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["config"]


def test_merging_keeps_what_is_there_and_replaces_its_own(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(OTHER)
    kubeconfig.merge(path, {**BERTH, "clusters": [{"name": "berth", "cluster": {"server": "https://old"}}]})
    kubeconfig.merge(path, BERTH)
    merged, before = kubeconfig.load(path), yaml.safe_load(OTHER)
    for name in ("clusters", "users", "contexts"):
        assert merged[name] == before[name] + BERTH[name]
    assert kubeconfig.server_of(path, "berth") == "https://127.0.0.1:6443"
    assert kubeconfig.server_of(path, "prod") == "https://prod"
    assert kubeconfig.server_of(path, "none") is None


def test_removing_undoes_merging(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(OTHER)
    kubeconfig.merge(path, BERTH)
    kubeconfig.remove(path, "berth")
    assert kubeconfig.load(path) == {**yaml.safe_load(OTHER), "current-context": ""}


def test_removing_keeps_a_cluster_that_another_context_uses(tmp_path: Path) -> None:
    path = tmp_path / "config"
    kubeconfig.merge(path, BERTH)
    tina = kubeconfig.render("https://127.0.0.1:6443", b"ca", "tina", token="t", cluster="berth", context="tina")
    kubeconfig.merge(path, tina)
    kubeconfig.remove(path, "berth")
    document = kubeconfig.load(path)
    assert ([each["name"] for each in document["clusters"]], [each["name"] for each in document["users"]]) == (["berth"], ["tina"])
    assert document["current-context"] == "tina"


def test_removing_from_no_file_does_nothing(tmp_path: Path) -> None:
    assert kubeconfig.remove(tmp_path / "config", "berth") is False
    assert list(tmp_path.iterdir()) == []


def test_removing_says_whether_there_was_something(tmp_path: Path) -> None:
    path = tmp_path / "config"
    kubeconfig.merge(path, BERTH)
    assert [kubeconfig.remove(path, "berth") for _ in range(2)] == [True, False]


def test_files_that_a_document_names_mean_the_same_elsewhere(tmp_path: Path) -> None:
    document = {
        "clusters": [{"name": "c", "cluster": {"certificate-authority": "ca.crt", "server": "https://x"}}],
        "users": [{"name": "u", "user": {"client-key": "/keys/u", "tokenFile": "../token", "token": "t"}}],
    }
    anchored = kubeconfig.anchored(document, Path("/home/tina/.kube"))
    assert anchored == {
        "clusters": [{"name": "c", "cluster": {"certificate-authority": "/home/tina/.kube/ca.crt", "server": "https://x"}}],
        "users": [{"name": "u", "user": {"client-key": "/keys/u", "tokenFile": "/home/tina/.kube/../token", "token": "t"}}],
    }
    assert document["clusters"][0]["cluster"] == {"certificate-authority": "ca.crt", "server": "https://x"}


def test_a_document_without_a_current_context_leaves_it(tmp_path: Path) -> None:
    path = tmp_path / "config"
    kubeconfig.merge(path, BERTH)
    kubeconfig.merge(path, {"contexts": [{"name": "other", "context": {}}]})
    document = kubeconfig.load(path)
    assert (document["current-context"], [each["name"] for each in document["contexts"]]) == ("berth", ["berth", "other"])


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        "text",
        "kind: Pod",
        "clusters: {}",
        "users: [x]",
        "contexts: [{context: {}}]",
        "clusters: [{name: a, cluster: []}, 1]",
        "\x00",
    ],
)
def test_a_broken_file_is_named_and_left_alone(tmp_path: Path, content: str) -> None:
    path = tmp_path / "config"
    path.write_text(content)
    with pytest.raises(ValueError, match="config"):
        kubeconfig.merge(path, BERTH)
    with pytest.raises(ValueError, match="config"):
        kubeconfig.remove(path, "berth")
    assert path.read_text() == content
    assert [each.name for each in tmp_path.iterdir()] == ["config"]


def test_a_file_behind_a_link_is_changed_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "real").write_text(OTHER)
    (tmp_path / "config").symlink_to(tmp_path / "real")
    kubeconfig.merge(tmp_path / "config", BERTH)
    assert (tmp_path / "config").is_symlink()
    assert kubeconfig.load(tmp_path / "real")["current-context"] == "berth"


def test_writers_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "config"
    documents = [kubeconfig.render("https://x", b"ca", f"u{n}", token="t", cluster=f"c{n}", context=f"u{n}") for n in range(8)]
    threads = [threading.Thread(target=kubeconfig.merge, args=(path, each)) for each in documents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {each["name"] for each in kubeconfig.load(path)["contexts"]} == {f"u{n}" for n in range(8)}


def test_a_lock_that_stays_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kubeconfig, "_LOCK_SECONDS", 0.0)
    (tmp_path / "config.lock").touch()
    with pytest.raises(OSError, match="is locked"):
        kubeconfig.merge(tmp_path / "config", BERTH)


def test_a_client_certificate_is_signed_by_its_ca_and_no_more_than_that() -> None:
    ca = x509.load_pem_x509_certificate(authority()[0])
    certificate = x509.load_pem_x509_certificate(issue_client_certificate(*authority(), "tina", ["ops"], DAY)[0])
    certificate.verify_directly_issued_by(ca)
    assert certificate.subject.rfc4514_string() == "CN=tina,O=ops"
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert isinstance(certificate.public_key(), ec.EllipticCurvePublicKey)


def test_a_client_certificate_never_outlives_its_ca() -> None:
    ca = x509.load_pem_x509_certificate(authority()[0])
    certificate = x509.load_pem_x509_certificate(issue_client_certificate(*authority(), "tina", [], 1000 * DAY)[0])
    assert certificate.not_valid_after_utc == ca.not_valid_after_utc
