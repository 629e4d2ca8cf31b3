"""Webhook configurations: what is filled in, and what is refused in which words.

The cases are those of upstream's `pkg/apis/admissionregistration/validation/validation_test.go`, in our own data.
"""

from __future__ import annotations

import copy
from typing import Any

import pytest

from cluster.api.names import GroupResource, Object
from cluster.kinds.catalog import Catalog, catalog
from cluster.schema.model import SchemaSet

CATALOG: Catalog = catalog("1.36", SchemaSet.for_version().gvks())
HOOK: Object = {
    "name": "hook.example.com",
    "clientConfig": {"url": "https://example.com/hook"},
    "rules": [{"operations": ["CREATE"], "apiGroups": ["a"], "apiVersions": ["v"], "resources": ["r"]}],
    "sideEffects": "None",
    "admissionReviewVersions": ["v1"],
}


def strategy(kind: str) -> Any:
    found = CATALOG.by_group_resource(GroupResource("admissionregistration.k8s.io", f"{kind}webhookconfigurations"))
    assert found is not None
    return found.strategy


def problems(*hooks: Object, kind: str = "validating") -> list[str]:
    configuration = copy.deepcopy({"metadata": {"name": "c"}, "webhooks": list(hooks)})
    strategy(kind).default(configuration)
    return [str(error).removeprefix("webhooks[0].") for error in strategy(kind).validate(configuration)]


@pytest.mark.parametrize("kind", ["mutating", "validating"])
def test_what_is_not_said_is_filled_in(kind: str) -> None:
    service = {"namespace": "n", "name": "s"}
    configuration = {"metadata": {"name": "c"}, "webhooks": [copy.deepcopy({**HOOK, "clientConfig": {"service": service}})]}
    strategy(kind).default(configuration)
    (hook,) = configuration["webhooks"]
    expected = {"failurePolicy": "Fail", "matchPolicy": "Equivalent", "namespaceSelector": {}, "objectSelector": {}, "timeoutSeconds": 10}
    expected |= {"reinvocationPolicy": "Never"} if kind == "mutating" else {}
    assert {key: value for key, value in hook.items() if key not in HOOK} == expected
    assert (hook["clientConfig"]["service"]["port"], hook["rules"][0]["scope"]) == (443, "*")


@pytest.mark.parametrize("kind", ["mutating", "validating"])
def test_a_webhook_as_it_should_be_is_not_refused(kind: str) -> None:
    assert problems(HOOK, {**HOOK, "name": "other.example.com", "sideEffects": "NoneOnDryRun"}, kind=kind) == []
    assert problems(kind=kind) == []


SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an "
    "alphanumeric character (e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
LABEL = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an "
    "alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"
)


@pytest.mark.parametrize(
    ("changed", "causes"),
    [
        ({"name": ""}, ["name: Required value"]),
        ({"name": "one.two"}, ['name: Invalid value: "one.two": should be a domain with at least three segments separated by dots']),
        ({"name": "a.b.C"}, [f'name: Invalid value: "a.b.C": {SUBDOMAIN}']),
        ({"failurePolicy": "Maybe"}, ['failurePolicy: Unsupported value: "Maybe": supported values: "Fail", "Ignore"']),
        ({"matchPolicy": "Maybe"}, ['matchPolicy: Unsupported value: "Maybe": supported values: "Equivalent", "Exact"']),
        ({"sideEffects": None}, ["sideEffects: Required value: must specify one of None, NoneOnDryRun"]),
        ({"sideEffects": "Some"}, ['sideEffects: Unsupported value: "Some": supported values: "None", "NoneOnDryRun"']),
        ({"timeoutSeconds": 0}, ["timeoutSeconds: Invalid value: 0: the timeout value must be between 1 and 30 seconds"]),
        ({"timeoutSeconds": 31}, ["timeoutSeconds: Invalid value: 31: the timeout value must be between 1 and 30 seconds"]),
        ({"timeoutSeconds": 30}, []),
        ({"admissionReviewVersions": []}, ["admissionReviewVersions: Required value: must specify one of v1, v1beta1"]),
        ({"admissionReviewVersions": ["v2"]}, ['admissionReviewVersions: Invalid value: ["v2"]: must include at least one of v1, v1beta1']),
        ({"admissionReviewVersions": ["v1", "v1"]}, ['admissionReviewVersions[1]: Invalid value: "v1": duplicate version']),
        ({"admissionReviewVersions": ["v1", "0v"]}, [f'admissionReviewVersions[1]: Invalid value: "0v": {LABEL}']),
        ({"admissionReviewVersions": ["v1", "later"]}, []),
    ],
)
def test_what_a_webhook_says_of_itself(changed: Object, causes: list[str]) -> None:
    assert problems({**HOOK, **changed}) == causes


def test_a_mutating_webhook_is_asked_again_or_not() -> None:
    wrong = 'reinvocationPolicy: Unsupported value: "Often": supported values: "IfNeeded", "Never"'
    assert problems({**HOOK, "reinvocationPolicy": "Often"}, kind="mutating") == [wrong]


def test_names_are_unique() -> None:
    assert problems(HOOK, HOOK) == ['webhooks[1].name: Duplicate value: "hook.example.com"']


@pytest.mark.parametrize(
    ("changed", "causes"),
    [
        ({"operations": []}, ["operations: Required value"]),
        (
            {"operations": ["*", "CREATE"]},
            ['operations: Invalid value: ["*","CREATE"]: if \'*\' is present, must not specify other operations'],
        ),
        (
            {"operations": ["PATCH"]},
            ['operations[0]: Unsupported value: "PATCH": supported values: "*", "CONNECT", "CREATE", "DELETE", "UPDATE"'],
        ),
        ({"apiGroups": []}, ["apiGroups: Required value"]),
        ({"apiGroups": ["a", "*"]}, ['apiGroups: Invalid value: ["a","*"]: if \'*\' is present, must not specify other API groups']),
        ({"apiGroups": [""]}, []),
        ({"apiVersions": []}, ["apiVersions: Required value"]),
        ({"apiVersions": ["v", "*"]}, ['apiVersions: Invalid value: ["v","*"]: if \'*\' is present, must not specify other API versions']),
        ({"apiVersions": ["v", ""]}, ["apiVersions[1]: Required value"]),
        ({"scope": "Somewhere"}, ['scope: Unsupported value: "Somewhere": supported values: "*", "Cluster", "Namespaced"']),
    ],
)
def test_rules(changed: Object, causes: list[str]) -> None:
    assert problems({**HOOK, "rules": [{**HOOK["rules"][0], **changed}]}) == [f"rules[0].{each}" for each in causes]


@pytest.mark.parametrize(
    ("resources", "causes"),
    [
        ([], ["resources: Required value"]),
        ([""], ["resources[0]: Required value"]),
        (["*", "a/*"], []),
        (["a", "a", "a/b", "a/b"], []),
        (["*", "a"], ['resources: Invalid value: ["*","a"]: if \'*\' is present, must not specify other resources without subresources']),
        (["a", "*"], []),
        (["*/*", "a"], ['resources: Invalid value: ["*/*","a"]: if \'*/*\' is present, must not specify other resources']),
        (["a/*", "a/x"], ["resources[1]: Invalid value: \"a/x\": if 'a/*' is present, must not specify a/x"]),
        (["a/x", "a/*"], []),
        (["*/a", "x/a"], ["resources[1]: Invalid value: \"x/a\": if '*/a' is present, must not specify x/a"]),
        (["x/a", "*/a"], []),
    ],
)
def test_resources_of_rules(resources: list[str], causes: list[str]) -> None:
    assert problems({**HOOK, "rules": [{**HOOK["rules"][0], "resources": resources}]}) == [f"rules[0].{each}" for each in causes]


FORM = "; desired format: https://host[/path]"


@pytest.mark.parametrize(
    ("client", "causes"),
    [
        ({}, [": Required value: exactly one of url or service is required"]),
        ({"url": "https://a", "service": {"namespace": "n", "name": "s"}}, [": Required value: exactly one of url or service is required"]),
        (
            {"url": ""},
            [
                f".url: Invalid value: \"\": 'https' is the only allowed URL scheme{FORM}",
                f'.url: Invalid value: "": host must be specified{FORM}',
            ],
        ),
        ({"url": "http://a"}, [f".url: Invalid value: \"http\": 'https' is the only allowed URL scheme{FORM}"]),
        ({"url": "https:///path"}, [f'.url: Invalid value: "": host must be specified{FORM}']),
        ({"url": "https://me:secret@a/"}, ['.url: Invalid value: "me:secret": user information is not permitted in the URL']),
        ({"url": "https://a/#b"}, ['.url: Invalid value: "b": fragments are not permitted in the URL']),
        ({"url": "https://a/?b=c"}, ['.url: Invalid value: "b=c": query parameters are not permitted in the URL']),
        ({"url": "https://a:8443/path/more"}, []),
    ],
)
def test_where_a_webhook_is(client: Object, causes: list[str]) -> None:
    assert problems({**HOOK, "clientConfig": client}) == [f"clientConfig{each}" for each in causes]


@pytest.mark.parametrize(
    ("changed", "causes"),
    [
        ({"namespace": ""}, ["name: Required value"]),
        ({"name": ""}, ["namespace: Required value"]),
        ({"port": 0}, ["port: Invalid value: 0: port is not valid: must be between 1 and 65535, inclusive"]),
        ({"port": 65536}, ["port: Invalid value: 65536: port is not valid: must be between 1 and 65535, inclusive"]),
        ({"path": "/"}, []),
        ({"path": ""}, []),
        ({"path": "/a/b/"}, []),
        ({"path": "//"}, ['path: Invalid value: "//": segment[0] may not be empty']),
        ({"path": "/a//b"}, ['path: Invalid value: "/a//b": segment[1] may not be empty']),
        ({"path": "aa"}, ["path: Invalid value: \"aa\": must start with a '/'"]),
        ({"path": "/A"}, [f'path: Invalid value: "/A": segment[0]: {SUBDOMAIN}']),
    ],
)
def test_services(changed: Object, causes: list[str]) -> None:
    service = {"namespace": "n", "name": "s", **changed}
    assert problems({**HOOK, "clientConfig": {"service": service}}) == [f"clientConfig.service.{each}" for each in causes]


@pytest.mark.parametrize(
    ("conditions", "causes"),
    [
        ([{"name": "a", "expression": "true"}, {"name": "a", "expression": "true"}], ['matchConditions[1].name: Duplicate value: "a"']),
        ([{"name": "", "expression": "true"}], ["matchConditions[0].name: Required value"]),
        ([{"name": "a", "expression": "  "}], ["matchConditions[0].expression: Required value"]),
        ([{"name": f"a{number}", "expression": "true"} for number in range(64)], []),
        (
            [{"name": f"a{number}", "expression": "true"} for number in range(65)],
            ["matchConditions: Too many: 65: must have at most 64 items"],
        ),
    ],
)
def test_match_conditions(conditions: list[Object], causes: list[str]) -> None:
    assert problems({**HOOK, "matchConditions": conditions}) == causes
