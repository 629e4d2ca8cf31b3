"""The bodies that failures have, and the words of field errors."""

from typing import Any

import pytest

from cluster.api import errors, field
from cluster.api.names import GroupKind, GroupResource

PODS = GroupResource("", "pods")
DEPLOYMENTS = GroupResource("apps", "deployments")


def failure(code: int, reason: str, message: str, details: Any = None) -> Any:
    body = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message, "reason": reason}
    if details is not None:
        body["details"] = details
    return body | {"code": code}


@pytest.mark.parametrize(
    ("error", "body"),
    [
        (errors.NotFound.of(PODS, "a"), failure(404, "NotFound", 'pods "a" not found', {"name": "a", "kind": "pods"})),
        (errors.NotFound.path(), failure(404, "NotFound", "the server could not find the requested resource", {})),
        (
            errors.AlreadyExists.of(DEPLOYMENTS, "a"),
            failure(409, "AlreadyExists", 'deployments.apps "a" already exists', {"name": "a", "group": "apps", "kind": "deployments"}),
        ),
        (
            errors.Conflict.of(PODS, "a", "it changed"),
            failure(409, "Conflict", 'Operation cannot be fulfilled on pods "a": it changed', {"name": "a", "kind": "pods"}),
        ),
        (
            errors.Forbidden.of(PODS, "a", "no"),
            failure(403, "Forbidden", 'pods "a" is forbidden: no', {"name": "a", "kind": "pods"}),
        ),
        (errors.Forbidden.of(PODS, "", "no"), failure(403, "Forbidden", "pods is forbidden: no", {"kind": "pods"})),
        (errors.Forbidden.of(GroupResource("", ""), "", "no"), failure(403, "Forbidden", "forbidden: no", {})),
        (errors.BadRequest("why"), failure(400, "BadRequest", "why")),
        (errors.Unauthorized(), failure(401, "Unauthorized", "Unauthorized")),
        (
            errors.MethodNotAllowed.of(PODS, "create"),
            failure(405, "MethodNotAllowed", 'create is not supported on resources of kind "pods"', {"kind": "pods"}),
        ),
        (
            errors.NotAcceptable.of(["application/json", "application/yaml"]),
            failure(406, "NotAcceptable", "only the following media types are accepted: application/json, application/yaml"),
        ),
        (
            errors.UnsupportedMediaType.of(["application/json"]),
            failure(
                415,
                "UnsupportedMediaType",
                "the body of the request was in an unknown format - accepted media types include: application/json",
            ),
        ),
        (
            errors.RequestEntityTooLarge.of("limit is 3145728"),
            failure(413, "RequestEntityTooLarge", "Request entity too large: limit is 3145728"),
        ),
        (errors.Expired("too old"), failure(410, "Expired", "too old")),
        (errors.Timeout.of("slow", 2), failure(504, "Timeout", "Timeout: slow", {"retryAfterSeconds": 2})),
        (
            errors.Timeout.too_large_resource_version(9, 7),
            failure(
                504,
                "Timeout",
                "Timeout: Too large resource version: 9, current: 7",
                {
                    "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
                    "retryAfterSeconds": 1,
                },
            ),
        ),
        (
            errors.InternalError.of("broken"),
            failure(500, "InternalError", "Internal error occurred: broken", {"causes": [{"message": "broken"}]}),
        ),
    ],
)
def test_failures(error: errors.StatusError, body: Any) -> None:
    assert error.status() == body
    assert list(error.status()) == list(body)


def test_an_invalid_object_lists_each_cause_once_in_the_message() -> None:
    found = [field.required("spec.a"), field.invalid("spec.b", 1, "must be 2"), field.required("spec.a")]
    status = errors.Invalid.of(GroupKind("apps", "Deployment"), "web", found).status()
    text = "[spec.a: Required value, spec.b: Invalid value: 1: must be 2]"
    assert status["message"] == f'Deployment.apps "web" is invalid: {text}'
    assert status["details"] == {
        "name": "web",
        "group": "apps",
        "kind": "Deployment",
        "causes": [
            {"reason": "FieldValueRequired", "message": "Required value", "field": "spec.a"},
            {"reason": "FieldValueInvalid", "message": "Invalid value: 1: must be 2", "field": "spec.b"},
            {"reason": "FieldValueRequired", "message": "Required value", "field": "spec.a"},
        ],
    }


def test_one_cause_stands_without_brackets() -> None:
    error = errors.Invalid.of(GroupKind("", "Pod"), "a", [field.forbidden("spec", "no")])
    assert error.message == 'Pod "a" is invalid: spec: Forbidden: no'
    assert errors.Invalid.of(GroupKind("", "Pod"), "a", []).message == 'Pod "a" is invalid'


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (field.required("a"), "a: Required value"),
        (field.required("a", "say it"), "a: Required value: say it"),
        (field.invalid("a", "x", "bad"), 'a: Invalid value: "x": bad'),
        (field.invalid("a", True, "bad"), "a: Invalid value: true: bad"),
        (field.invalid("a", None, "bad"), "a: Invalid value: null: bad"),
        (field.invalid("a", {"b": [1, "<"]}, "bad"), 'a: Invalid value: {"b":[1,"\\u003c"]}: bad'),
        (field.type_invalid("a", 1, "bad"), "a: Invalid value: 1: bad"),
        (field.not_supported("a", "x", ["y", "z"]), 'a: Unsupported value: "x": supported values: "y", "z"'),
        (field.duplicate("a", "x"), 'a: Duplicate value: "x"'),
        (field.forbidden("a", "no"), "a: Forbidden: no"),
        (field.not_found("a", "x"), 'a: Not found: "x"'),
        (field.too_long("a", "x", 1), "a: Too long: may not be more than 1 byte"),
        (field.too_long("a", "x", 63), "a: Too long: may not be more than 63 bytes"),
        (field.too_many("a", 3, 2), "a: Too many: 3: must have at most 2 items"),
        (field.internal("a", "broken"), "a: Internal error: broken"),
    ],
)
def test_field_errors(error: field.FieldError, text: str) -> None:
    assert str(error) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("web", '"web"'),
        ('a"b', r'"a\"b"'),
        ("a\\b", r'"a\\b"'),
        ("a\nb\x01\x7f", r'"a\nb\x01\x7f"'),
        ("é世", '"é世"'),
        ("\u200b", r'"\u200b"'),
    ],
)
def test_strings_are_quoted_as_go_quotes_them(text: str, shown: str) -> None:
    assert field.quoted(text) == shown


def test_paths() -> None:
    assert field.key(field.index(field.child("spec", "ports"), 0), "x") == "spec.ports[0][x]"
    assert field.child("", "metadata", "name") == "metadata.name"
