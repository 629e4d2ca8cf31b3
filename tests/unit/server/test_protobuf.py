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
    """One field of a message."""
    if isinstance(value, int):
        return varint(number << 3) + bytes([value])
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def varint(value: int) -> bytes:
    """Below 16384."""
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
        definition = name.replace("k8s.io.", "io.k8s.", 1).replace("_", "-")
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


def test_a_custom_resource_definition_keeps_its_schema() -> None:
    number, text = field(5, "integer"), field(5, "string")
    default, no_others, listed = field(8, field(1, "false")), field(30, field(1, 0)), field(24, field(1, number))
    flag = field(29, field(1, "flag") + field(2, field(5, "boolean") + default))
    names = field(29, field(1, "names") + field(2, field(5, "array") + listed))
    others = field(29, field(1, "others") + field(2, field(30, field(1, 1) + field(2, text)) + field(38, 1)))
    version = field(1, "v1") + field(4, field(1, flag + names + others + no_others))
    spec = field(1, "example.com") + field(7, version)
    found = decoded(body("apiextensions.k8s.io/v1", "CustomResourceDefinition", field(2, spec)))
    properties = {
        "flag": {"type": "boolean", "default": False},
        "names": {"type": "array", "items": {"type": "integer"}},
        "others": {"additionalProperties": {"type": "string"}, "x-kubernetes-preserve-unknown-fields": True},
    }
    schema = {"openAPIV3Schema": {"additionalProperties": False, "properties": properties}}
    assert found["spec"] == {"group": "example.com", "versions": [{"name": "v1", "schema": schema}]}
