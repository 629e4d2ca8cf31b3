"""Secrets at rest, through a real API server."""

from __future__ import annotations

import base64
import json
import sqlite3
from pathlib import Path

from cluster.assembly.options import EncryptionOptions
from tests.support import ApiServer, eventually, start_api_server

ENCODED = base64.b64encode(b"correct horse battery staple").decode()


def _configuration(*names: str) -> str:
    keys = [{"name": name, "secret": base64.b64encode(name.encode().ljust(32, b"-")).decode()} for name in names]
    rule = {"resources": ["secrets"], "providers": [{"aesgcm": {"keys": keys}}, {"identity": {}}]}
    return json.dumps({"apiVersion": "apiserver.config.k8s.io/v1", "kind": "EncryptionConfiguration", "resources": [rule]})


def _stored(server: ApiServer) -> bytes:
    connection = sqlite3.connect(server.config.home.root / "store.db")
    ((value,),) = connection.execute("SELECT value FROM objects WHERE key = 'secrets/default/s'")
    connection.close()
    return bytes(value)


def _value(server: ApiServer) -> str:
    value: str = server.request("GET", "/api/v1/namespaces/default/secrets/s").body["data"]["password"]
    return value


def test_secrets_are_sealed_on_disk_through_rotation_and_restart(tmp_path: Path) -> None:
    root, file = tmp_path / "home", tmp_path / "encryption.json"
    server = start_api_server(root, workers=1)
    try:
        secret = {"metadata": {"name": "s"}, "data": {"password": ENCODED}}
        assert server.request("POST", "/api/v1/namespaces/default/secrets", secret).code == 201
        assert ENCODED.encode() in _stored(server)
    finally:
        server.stop()
    file.write_text(_configuration("first"))
    server = start_api_server(root, workers=1, encryption=EncryptionOptions(str(file)))
    try:
        assert _value(server) == ENCODED
        eventually(lambda: _stored(server).startswith(b"k8s:enc:aesgcm:v1:first:"), "what lay open is sealed")
        file.write_text(_configuration("second", "first"))
        eventually(lambda: _stored(server).startswith(b"k8s:enc:aesgcm:v1:second:"), "the key is rotated without a restart")
        assert _value(server) == ENCODED
    finally:
        server.stop()
    file.write_text(_configuration("second"))
    server = start_api_server(root, workers=1, encryption=EncryptionOptions(str(file)))
    try:
        assert _value(server) == ENCODED
    finally:
        server.stop()
    assert not [path for path in root.glob("store.db*") if ENCODED.encode() in path.read_bytes()]
