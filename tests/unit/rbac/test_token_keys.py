"""The keys of service-account tokens: what PEM files say, and how they change."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from rbac.authn.key_files import CHECK_SECONDS, KeyFiles
from rbac.authn.keys import load_private_key, load_public_keys
from tests.unit.rbac.keys import authority, ec_key, rsa_key


def public(private: bytes, form: PublicFormat = PublicFormat.SubjectPublicKeyInfo) -> bytes:
    return load_pem_private_key(private, None).public_key().public_bytes(Encoding.PEM, form)


def ids(pem: bytes) -> list[str]:
    return [key.key_id for key in load_public_keys(pem)]


def test_a_public_key_is_read_from_any_pem() -> None:
    assert ids(public(ec_key())) == ids(ec_key())
    assert ids(public(rsa_key(), PublicFormat.PKCS1)) == ids(rsa_key())
    traditional = load_pem_private_key(ec_key(), None).private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    assert b"BEGIN EC PRIVATE KEY" in traditional
    assert ids(traditional) == ids(ec_key())
    assert ids(authority()[0]) == ids(authority()[1])


def test_a_file_may_have_several_keys() -> None:
    pem = (
        b"first\n" + rsa_key() + b"# between\n" + public(ec_key()) + b"-----BEGIN NOISE-----\nAA==\n-----END NOISE-----\n" + authority()[0]
    )
    assert ids(pem) == [*ids(rsa_key()), *ids(ec_key()), *ids(authority()[1])]


@pytest.mark.parametrize("pem", [b"", b"rubbish", b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"])
def test_a_file_without_a_key_is_refused(pem: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        load_public_keys(pem)


@pytest.mark.parametrize(
    "key", [ed25519.Ed25519PrivateKey.generate(), ec.generate_private_key(ec.SECP256K1())], ids=["ed25519", "another curve"]
)
def test_a_key_that_tokens_are_not_signed_with_is_refused(key: ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey) -> None:
    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(ValueError, match=r"^unknown service-account key: use an RSA key or an EC key on P-256, P-384 or P-521$"):
        load_public_keys(pem)


def test_the_first_private_key_signs() -> None:
    found = load_private_key(public(rsa_key()) + ec_key() + rsa_key())
    assert isinstance(found, ec.EllipticCurvePrivateKey)
    with pytest.raises(ValueError, match=r"^data does not contain a valid RSA or ECDSA private key$"):
        load_private_key(public(rsa_key()))


def test_an_encrypted_key_is_refused() -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    with pytest.raises(ValueError, match=r"^the private key is encrypted: use one without a passphrase$"):
        load_private_key(pem)


class Files:
    """A folder with the keys of a cluster, and the clock by which they are looked at."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = 0.0
        self.write("sa.key", ec_key())
        self.keys = KeyFiles(folder / "sa.key", lambda: sorted(folder.glob("*.pub")), clock=lambda: self.now)

    def write(self, name: str, data: bytes) -> None:
        """As whoever replaces a file at once does."""
        (self.folder / "new").write_bytes(data)
        os.replace(self.folder / "new", self.folder / name)

    def ids(self) -> list[str]:
        return [key.key_id for key in self.keys.current().public]

    def wait(self) -> None:
        self.now += CHECK_SECONDS


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def test_keys_stay_the_same_value_until_a_file_changes(files: Files) -> None:
    first = files.keys.current()
    files.wait()
    assert files.keys.current() is first
    assert files.keys.refreshed() is first


def test_a_key_that_is_added_verifies_and_one_that_is_replaced_signs(files: Files) -> None:
    files.write("old.pub", public(ec_key()))
    files.write("sa.key", rsa_key())
    assert files.ids() == ids(ec_key()), "nobody has looked yet"
    files.wait()
    assert files.ids() == [*ids(rsa_key()), *ids(ec_key())]
    assert isinstance(files.keys.current().signing, rsa.RSAPrivateKey)
    (files.folder / "old.pub").unlink()
    assert files.keys.refreshed().candidates(ids(ec_key())[0]) == ()
    assert len(files.keys.current().candidates("")) == 1


@pytest.mark.parametrize("broken", [b"", b"rubbish"])
def test_a_file_that_cannot_be_read_leaves_the_keys_as_they_were(files: Files, broken: bytes) -> None:
    files.write("sa.key", broken)
    files.wait()
    assert files.ids() == ids(ec_key())
    (files.folder / "sa.key").unlink()
    files.wait()
    assert files.ids() == ids(ec_key())
    files.write("sa.key", rsa_key())
    files.wait()
    assert files.ids() == ids(rsa_key())


def test_what_is_wrong_with_a_file_is_said_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "sa.key").write_bytes(ec_key())
    (tmp_path / "x.pub").write_bytes(b"rubbish")
    with pytest.raises(ValueError, match=r'x\.pub": data does not contain any valid RSA or ECDSA public keys$'):
        KeyFiles(tmp_path / "sa.key", lambda: [tmp_path / "x.pub"])
    with pytest.raises(ValueError, match=r'x\.pub": data does not contain a valid RSA or ECDSA private key$'):
        KeyFiles(tmp_path / "x.pub", list)
    with pytest.raises(OSError, match=r"none"):
        KeyFiles(tmp_path / "none", list)
