"""What an EncryptionConfiguration may say, what its ciphers open, and what lies in the database under it."""

from __future__ import annotations

import base64
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from cluster.storage.encryption.configuration import BadConfiguration, load, parse
from cluster.storage.encryption.engine import SealedEngine
from cluster.storage.encryption.providers import SEALED, AesCbc, AesGcm, Provider, Unreadable
from cluster.storage.engine import Record, Row, Transaction
from cluster.storage.sqlite import SQLiteEngine

KEYS = {name: base64.b64encode(name.encode() * 8)[:44].decode() for name in ("one1", "two2", "six6")}
SECRET = b'{"metadata":{"name":"s"},"data":{"password":"aHVudGVyMg=="}}'
Entry = dict[str, object]


def cipher(kind: str, *names: str) -> Entry:
    return {kind: {"keys": [{"name": name, "secret": KEYS[name]} for name in names]}}


def document(*rules: tuple[list[str], list[Entry]]) -> bytes:
    resources = [{"resources": names, "providers": providers} for names, providers in rules]
    body = {"apiVersion": "apiserver.config.k8s.io/v1", "kind": "EncryptionConfiguration", "resources": resources}
    return yaml.safe_dump(body).encode()


def secrets_by(*providers: Entry) -> bytes:
    return document((["secrets"], list(providers)))


@pytest.mark.parametrize("name", ["aesgcm", "aescbc"])
@pytest.mark.parametrize("value", [b"", b"x", b"y" * 15, b"z" * 16, SECRET * 100])
def test_a_cipher_opens_what_it_sealed(name: str, value: bytes) -> None:
    (provider,) = parse(secrets_by(cipher(name, "one1"))).providers("secrets")
    sealed = provider.seal(value, "secrets/a/s")
    assert sealed.startswith(b"k8s:enc:%s:v1:one1:" % name.encode())
    assert provider.open(sealed, "secrets/a/s") == value


def test_one_value_is_never_sealed_alike_twice() -> None:
    provider = AesGcm("k", bytes(32))
    assert provider.seal(SECRET, "secrets/a/s") != provider.seal(SECRET, "secrets/a/s")


def test_a_sealed_value_cannot_be_moved_to_another_object() -> None:
    provider = AesGcm("k", bytes(32))
    with pytest.raises(Unreadable):
        provider.open(provider.seal(SECRET, "secrets/a/s"), "secrets/b/s")


@pytest.mark.parametrize("provider", [AesGcm("k", bytes(32)), AesCbc("k", bytes(32))])
@pytest.mark.parametrize("damage", [lambda sealed: sealed[:-1], lambda sealed: sealed[:20], lambda sealed: sealed[:-1] + b"\0"])
def test_a_damaged_value_is_not_opened(provider: Provider, damage: object) -> None:
    sealed = provider.seal(SECRET, "secrets/a/s")
    assert callable(damage)
    with pytest.raises(Unreadable):
        provider.open(damage(sealed), "secrets/a/s")


@pytest.mark.parametrize(
    ("names", "resource", "covered"),
    [
        (["secrets"], "secrets", True),
        (["secrets"], "configmaps", False),
        (["deployments.apps"], "deployments.apps", True),
        (["deployments"], "deployments.apps", False),
        (["*."], "pods", True),
        (["*."], "deployments.apps", False),
        (["*.apps"], "deployments.apps", True),
        (["*.apps"], "jobs.batch", False),
        (["*.*"], "pods", True),
        (["*.*"], "jobs.batch", True),
    ],
)
def test_what_a_rule_covers(names: list[str], resource: str, covered: bool) -> None:
    found = parse(document((names, [cipher("aesgcm", "one1")]))).providers(resource)
    assert bool(found) is covered


def test_the_first_rule_that_covers_a_resource_counts() -> None:
    encryption = parse(document((["secrets"], [cipher("aesgcm", "one1")]), (["*.*"], [{"identity": {}}])))
    assert encryption.providers("secrets")[0].prefix == b"k8s:enc:aesgcm:v1:one1:"
    assert encryption.providers("pods")[0].prefix == b""


FAULTS: list[tuple[str, bytes, str]] = [
    ("not YAML", b"resources: [", "it is not YAML (line 2)"),
    ("another kind", b"kind: Pod\napiVersion: v1\n", 'it is no EncryptionConfiguration of "apiserver.config.k8s.io/v1"'),
    ("nothing", document(), "resources: Required value: at least one resources is required"),
    (
        "no resources",
        document(([], [{"identity": {}}])),
        "resources[0].resources: Required value: at least one resources[0].resources is required",
    ),
    (
        "no providers",
        document((["secrets"], [])),
        "resources[0].providers: Required value: at least one resources[0].providers is required",
    ),
    (
        "an empty provider",
        secrets_by({}),
        'resources[0].providers[0]: Invalid value: "": provider does not contain any of the expected providers: '
        "KMS, AESGCM, AESCBC, Secretbox, Identity",
    ),
    (
        "two in one",
        secrets_by({"identity": {}, **cipher("aesgcm", "one1")}),
        'resources[0].providers[0]: Invalid value: "aesgcm,identity": more than one provider specified in a single element, '
        "should split into different list elements",
    ),
    (
        "no keys",
        secrets_by({"aesgcm": {"keys": []}}),
        "resources[0].providers[0].aesgcm.keys: Required value: at least one keys is required",
    ),
    (
        "a key without name",
        secrets_by({"aesgcm": {"keys": [{"secret": KEYS["one1"]}]}}),
        "resources[0].providers[0].aesgcm.keys[0].name: Required value: name is a mandatory field for a key",
    ),
    (
        "a key without secret",
        secrets_by({"aesgcm": {"keys": [{"name": "a"}]}}),
        "resources[0].providers[0].aesgcm.keys[0].secret: Required value: secret is a mandatory field for a key",
    ),
    (
        "no base64",
        secrets_by({"aesgcm": {"keys": [{"name": "a", "secret": "hunter2!"}]}}),
        'resources[0].providers[0].aesgcm.keys[0].secret: Invalid value: "REDACTED": secrets must be base64 encoded',
    ),
    (
        "a short key",
        secrets_by({"aescbc": {"keys": [{"name": "a", "secret": "aGk="}]}}),
        'resources[0].providers[0].aescbc.keys[0].secret: Invalid value: "REDACTED": secret is not of the expected length, '
        "got 2, expected one of [16 24 32]",
    ),
    (
        "a key management service",
        secrets_by({"kms": {"name": "x"}}),
        "resources[0].providers[0].kms: Forbidden: key management services are not supported: use aesgcm",
    ),
    ("an unknown field", secrets_by({"identity": {}, "rot13": {}}), "resources[0].providers[0].rot13: Forbidden: unknown field"),
    (
        "the same twice",
        document((["secrets", "secrets"], [{"identity": {}}])),
        'resources[0].resources: Invalid value: ["secrets","secrets"]: the same resource cannot be specified multiple times',
    ),
    (
        "masked",
        document((["secrets", "*."], [{"identity": {}}])),
        "resources[0].resources: Invalid value: [\"secrets\",\"*.\"]: using overlapping resources such as 'secrets' and '*.' "
        "in the same resource list is not allowed as they will be masked",
    ),
    (
        "a star",
        document((["*"], [{"identity": {}}])),
        "resources[0].resources[0]: Invalid value: \"*\": use '*.' to encrypt all the resources from core API group or *.* "
        "to encrypt all resources",
    ),
    (
        "capitals",
        document((["Secrets"], [{"identity": {}}])),
        'resources[0].resources[0]: Invalid value: "Secrets": resource name should not contain capital letters',
    ),
    (
        "all groups",
        document((["secrets.*"], [{"identity": {}}])),
        'resources[0].resources[0]: Invalid value: "secrets.*": encrypting the same resource across groups is not supported',
    ),
]


@pytest.mark.parametrize(("data", "message"), [row[1:] for row in FAULTS], ids=[row[0] for row in FAULTS])
def test_a_bad_configuration_says_what_is_wrong_and_no_secret(data: bytes, message: str) -> None:
    with pytest.raises(BadConfiguration) as caught:
        parse(data)
    assert str(caught.value) == message
    assert "hunter2" not in str(caught.value)


def test_a_bad_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "encryption.yaml"
    file.write_bytes(b"")
    with pytest.raises(BadConfiguration, match=str(file)):
        load(file)


class Database:
    """A database file, the configuration beside it, and what lies in it."""

    def __init__(self, root: Path) -> None:
        self.path = root / "store.db"
        self.config = root / "encryption.yaml"
        self._engine: SealedEngine | None = None

    def open(self, configuration: bytes | None) -> SealedEngine:
        self.close()
        if configuration is not None:
            self.config.write_bytes(configuration)
        inner = SQLiteEngine(self.path)
        try:
            self._engine = SealedEngine(inner, self.config if configuration is not None else None)
        except BaseException:
            inner.close()
            raise
        return self._engine

    def close(self) -> None:
        if self._engine is not None:
            self._engine.close()
            self._engine = None

    def values(self) -> list[bytes]:
        """Every value on disk, newest and past."""
        connection = sqlite3.connect(self.path)
        rows = connection.execute("SELECT value FROM objects UNION ALL SELECT value FROM log UNION ALL SELECT previous FROM log")
        found = [value for (value,) in rows if value is not None]
        connection.close()
        return found

    def bytes(self) -> bytes:
        return b"".join(path.read_bytes() for path in self.path.parent.glob("store.db*"))


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path)
    yield database
    database.close()


def put(engine: SealedEngine, key: str, expected: int, value: bytes | None) -> list[Record]:
    outcomes, records = engine.apply([Transaction("t", [(key, expected, value)])])
    assert isinstance(outcomes[0], int)
    return records


def finish(engine: SealedEngine) -> None:
    while engine.chore():
        pass


def test_the_database_holds_no_secret_and_readers_see_it_open(database: Database) -> None:
    engine = database.open(secrets_by(cipher("aesgcm", "one1")))
    (first,) = put(engine, "secrets/a/s", 0, SECRET)
    (second,) = put(engine, "secrets/a/s", first.revision, SECRET + b" ")
    put(engine, "configmaps/a/c", 0, b"{plain}")
    assert (first.value, second.value, second.previous) == (SECRET, SECRET + b" ", SECRET)
    assert engine.load("")[0] == [Row("configmaps/a/c", 4, b"{plain}"), Row("secrets/a/s", 3, SECRET + b" ")]
    assert [record.value for record in engine.log(1)] == [SECRET, SECRET + b" ", b"{plain}"]
    assert engine.history(1, 3, "secrets/", "secrets0")[0][1].previous == SECRET
    assert engine.snapshot(2, "", "", "~")[0] == [Row("secrets/a/s", 2, SECRET)]
    database.close()
    assert b"aHVudGVyMg" not in database.bytes()


def test_what_was_open_before_is_sealed_in_the_background_history_too(database: Database) -> None:
    engine = database.open(None)
    (first,) = put(engine, "secrets/a/s", 0, SECRET)
    put(engine, "secrets/a/s", first.revision, SECRET + b" ")
    engine = database.open(secrets_by(cipher("aesgcm", "one1"), {"identity": {}}))
    assert engine.load("")[0] == [Row("secrets/a/s", 3, SECRET + b" ")]
    finish(engine)
    assert all(value.startswith(SEALED) for value in database.values())
    assert engine.load("")[0] == [Row("secrets/a/s", 3, SECRET + b" ")]
    assert engine.head == 3
    database.close()
    assert b"aHVudGVyMg" not in database.bytes()


def test_a_changed_file_rotates_the_key_while_the_store_runs(database: Database) -> None:
    engine = database.open(secrets_by(cipher("aesgcm", "one1")))
    put(engine, "secrets/a/s", 0, SECRET)
    database.config.write_bytes(secrets_by(cipher("aesgcm", "two2", "one1")))
    finish(engine)
    assert {value[: len(b"k8s:enc:aesgcm:v1:two2:")] for value in database.values()} == {b"k8s:enc:aesgcm:v1:two2:"}
    engine = database.open(secrets_by(cipher("aesgcm", "two2")))
    assert engine.load("")[0] == [Row("secrets/a/s", 2, SECRET)]


def test_identity_first_opens_everything_and_then_no_configuration_is_needed(database: Database) -> None:
    engine = database.open(secrets_by(cipher("aescbc", "one1")))
    put(engine, "secrets/a/s", 0, SECRET)
    finish(database.open(secrets_by({"identity": {}}, cipher("aescbc", "one1"))))
    assert set(database.values()) == {SECRET}
    engine = database.open(None)
    finish(engine)
    assert engine.load("")[0] == [Row("secrets/a/s", 2, SECRET)]
    assert engine.remember("sealed") == ""


@pytest.mark.parametrize(
    "configuration", [None, secrets_by(cipher("aesgcm", "two2")), document((["configmaps"], [cipher("aesgcm", "one1")]))]
)
def test_a_database_is_not_opened_without_the_key_that_it_needs(database: Database, configuration: bytes | None) -> None:
    put(database.open(secrets_by(cipher("aesgcm", "one1"))), "secrets/a/s", 0, SECRET)
    with pytest.raises(BadConfiguration) as caught:
        database.open(configuration)
    assert str(caught.value) == '"secrets/a/s" is sealed with key "one1" of aesgcm: name it among the providers of its resource'


def test_a_bad_change_of_the_file_keeps_the_old_configuration(database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    engine = database.open(secrets_by(cipher("aesgcm", "one1")))
    (first,) = put(engine, "secrets/a/s", 0, SECRET)
    for bad in (b"kind: Pod", secrets_by(cipher("aesgcm", "two2"))):
        database.config.write_bytes(bad)
        finish(engine)
        assert "the changed encryption configuration is not used" in capsys.readouterr().err
    (second,) = put(engine, "secrets/a/s", first.revision, SECRET)
    assert second.value == SECRET
    assert all(value.startswith(b"k8s:enc:aesgcm:v1:one1:") for value in database.values())
