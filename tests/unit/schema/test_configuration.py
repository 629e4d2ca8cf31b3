"""Configuration files are decoded strictly."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cluster.schema.configuration import MAX_BYTES, ConfigurationFormat

LIST = {"type": "array", "items": {"$ref": "v1.Member"}}
FORMAT = ConfigurationFormat(
    "Thing",
    ("example.com/v1", "example.com/v1beta1"),
    {
        "v1.Thing": {"type": "object", "properties": {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "members": LIST}},
        "v1.Member": {"type": "object", "properties": {"name": {"type": "string"}}},
    },
)
HEAD = "apiVersion: example.com/v1\nkind: Thing\n"


@pytest.mark.parametrize(
    "text", [HEAD + "members: [{name: a}]", '{"apiVersion":"example.com/v1beta1","kind":"Thing","members":[{"name":"a"}]}']
)
def test_yaml_and_json_are_read_in_any_version(text: str) -> None:
    assert FORMAT.decode(text.encode())["members"] == [{"name": "a"}]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kind: Thing", "Object 'apiVersion' is missing"),
        ("apiVersion: example.com/v1", "Object 'Kind' is missing"),
        ("[]", "couldn't get version/kind; it is no Thing"),
        ("apiVersion: example.com/v9\nkind: Thing", 'no kind "Thing" is registered for version "example.com/v9"'),
        ("apiVersion: example.com/v1\nkind: Other", 'no kind "Other" is registered for version "example.com/v1"'),
        (HEAD + "member: []", 'strict decoding error: unknown field "member"'),
        (HEAD + "members: [{nam: a}]", 'strict decoding error: unknown field "members[0].nam"'),
        (HEAD + "members: {}", "json: cannot unmarshal object into Go struct field Thing.members of type []v1.Member"),
        (HEAD + "members: [{name: 1}]", "json: cannot unmarshal number into Go struct field Member.members.name of type string"),
        (HEAD + "kind: Thing", 'key "kind" already set in map'),
        (HEAD + "members: [", "yaml: line"),
        ("a: " + "[" * 60 + "]" * 60, "exceeded max depth"),
        ("#" * (MAX_BYTES + 1), "it is larger than"),
    ],
)
def test_anything_else_is_refused_with_what_is_wrong(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        FORMAT.decode(text.encode())


def test_an_empty_file_is_an_empty_object(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert FORMAT.load(tmp_path / "empty") == {}
