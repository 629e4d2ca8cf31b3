"""Bodies in protobuf: what is decoded, and that nothing else than BadRequest comes of what cannot be."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.api.errors import BadRequest
from cluster.api.names import GroupVersionKind
from cluster.schema.model import SchemaSet
from cluster.server.protobuf import MAGIC, decode
from tests.support import ROOT

POD = GroupVersionKind("", "v1", "Pod")


def field(number: int, value: bytes | int | str) -> bytes:
    """One field of a message; lengths below 128."""
    if isinstance(value, int):
        return tag(number << 3) + bytes([value])
    data = value.encode() if isinstance(value, str) else value
    return tag(number << 3 | 2) + bytes([len(data)]) + data


def tag(value: int) -> bytes:
    return bytes([value]) if value < 128 else bytes([value & 127 | 128, value >> 7])


def body(api_version: str, kind: str, raw: bytes) -> bytes:
    return MAGIC + field(1, field(1, api_version) + field(2, kind)) + field(2, raw)


def decoded(data: bytes) -> dict[str, Any]:
    return decode(data, SchemaSet.for_version("1.36"), POD)


def test_a_message_becomes_a_plain_object() -> None:
    port = field(3, 80)
    container = field(1, "c") + field(2, "image") + field(6, port) + field(16, 0)
    security = field(2, 0)
    metadata = field(1, "p") + field(3, "") + field(11, field(1, "app") + field(2, "x"))
    pod = decoded(body("v1", "Pod", field(1, metadata) + field(2, field(2, container + field(15, security)))))
    assert pod == {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": {"name": "p", "labels": {"app": "x"}},
        "spec": {
            "containers": [
                {"name": "c", "image": "image", "ports": [{"containerPort": 80}], "securityContext": {"privileged": False}},
            ],
        },
    }


def test_parts_that_json_writes_in_line_are_written_in_line() -> None:
    empty_dir = field(2, b"")
    volume = field(1, "v") + field(2, empty_dir)
    pod = decoded(body("v1", "Pod", field(2, field(1, volume))))
    assert pod["spec"]["volumes"] == [{"name": "v", "emptyDir": {}}]


@given(st.binary(max_size=200))
def test_any_bytes_are_an_object_or_a_bad_request(data: bytes) -> None:
    try:
        found = decoded(MAGIC + data)
    except BadRequest:
        return
    assert isinstance(found, dict)


def test_a_number_where_a_text_belongs_is_refused() -> None:
    with pytest.raises(BadRequest):
        decoded(body("v1", "Pod", field(1, field(1, 7))))


def test_a_body_without_the_prefix_is_refused() -> None:
    with pytest.raises(BadRequest, match="expected prefix"):
        decoded(b"{}")


def test_fields_are_named_as_json_names_them() -> None:
    """And not as the messages do, which some write in capitals; what is no member is a message that JSON writes in line."""
    schemas = SchemaSet.for_version("1.36")
    wrong = []
    for name, fields in orjson.loads((ROOT / "cluster" / "server" / "data" / "protobuf.json").read_bytes()).items():
        definition = name.replace("k8s.io.", "io.k8s.", 1)
        members = schemas.definition(definition).get("properties") or {} if definition in schemas.names() else {}
        for key, label, kind, *_ in fields.values() if members else ():
            in_line = label == "o" and kind.rpartition(".")[2][0].isupper()
            if key not in members and not in_line:
                wrong.append((name, key))
    assert wrong == []


def test_a_policy_keeps_its_variables_and_a_configuration_its_webhooks() -> None:
    group, kind = "admissionregistration.k8s.io/v1", "MutatingAdmissionPolicy"
    variable = field(1, "v") + field(2, "1 + 1")
    policy = decoded(body(group, kind, field(2, field(3, variable))))
    assert policy["spec"] == {"variables": [{"name": "v", "expression": "1 + 1"}]}
    rule = field(1, "CREATE") + field(2, field(3, "pods"))
    configuration = decoded(body(group, "MutatingWebhookConfiguration", field(2, field(1, "w") + field(3, rule))))
    assert configuration["webhooks"] == [{"name": "w", "rules": [{"operations": ["CREATE"], "resources": ["pods"]}]}]
