"""What is wrong with a suite is told with file, line, column and path; what is right is understood."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cerberus import Validator

from cluster.api.user import UserInfo
from policies.lab.compile import load_suite, merged
from policies.lab.documents import Broken
from policies.lab.format import SCHEMAS
from policies.lab.suite import Case, Suite

HEAD = "name: s\npolicies: [policy.yaml]\n"
OBJECT = "{apiVersion: v1, kind: ConfigMap, metadata: {name: c}}"
CASE = f"cases:\n- name: one\n  object: {OBJECT}\n  expect: {{allowed: true}}\n"
POLICIES = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: one}
data: {a: b}
---
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: ConfigMap, metadata: {name: two}}
- {apiVersion: v1, kind: Secret, metadata: {name: two}}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "policy.yaml").write_text(POLICIES)
    (tmp_path / "one.yaml").write_text(f"{OBJECT}\n")
    (tmp_path / "wrong.yaml").write_text("a: b\n")
    (tmp_path / "kubeconfig").write_text("current-context: none\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def suite(text: str) -> Suite:
    path = Path("s.yaml")
    path.write_text(text)
    return load_suite(path)


def case(text: str) -> Case:
    (only,) = suite(f"{HEAD}cases:\n- {{name: one, {text}}}\n").cases
    return only


BROKEN: list[tuple[str, str, str]] = [
    ("no suite", "", "s.yaml: a suite is one document, this file has 0"),
    ("two documents", f"{HEAD}{CASE}---\na: b", "s.yaml: a suite is one document, this file has 2"),
    ("a list", "- a", "s.yaml:1:1: a suite is a mapping with name and cases"),
    ("no YAML", "name: s\n\tcases: []", "s.yaml:2:1: it is no YAML: found a tab character that violates indentation"),
    ("no name", CASE, 's.yaml:1:1: field "name" is missing'),
    ("no cases", HEAD, 's.yaml:1:1: field "cases" is missing'),
    ("a name that is null", f"name: null\n{CASE}", "s.yaml:1:7: name: it has no value"),
    ("a policy that is null", f"name: s\npolicies: [null]\n{CASE}", "s.yaml:2:12: policies[0]: it has no value"),
    ("cases that are empty", f"{HEAD}cases: []", "s.yaml:3:8: cases: it is empty"),
    ("a case that is none", f"{HEAD}cases: [a]", "s.yaml:3:9: cases[0]: a case is a mapping"),
    ("an unknown field", f"{HEAD}{CASE}polices: []", 's.yaml:7:1: polices: unknown field, did you mean "policies"?'),
    ("an unknown field like none", f"{HEAD}{CASE}zzz: []", "s.yaml:7:1: zzz: unknown field"),
    (
        "a version",
        f"{HEAD}{CASE}kubernetesVersions: [1.36]",
        "s.yaml:7:22: kubernetesVersions[0]: it must be a text, not a number: put it into quotes",
    ),
    (
        "a version's form",
        f"{HEAD}{CASE}kubernetesVersions: ['v1.36']",
        r's.yaml:7:22: kubernetesVersions[0]: "v1.36" does not look like 1\.\d{2}',
    ),
    (
        "a policy that is not there",
        f"name: s\npolicies: [none.yaml]\n{CASE}",
        's.yaml:2:12: policies[0]: no file is named "none.yaml" in "."',
    ),
    ("a pattern of nothing", f"name: s\npolicies: [x*/*.yaml]\n{CASE}", 's.yaml:2:12: policies[0]: no file is named "x*/*.yaml" in "."'),
    ("a policy that is none", f"name: s\npolicies: [wrong.yaml]\n{CASE}", "wrong.yaml:1:1: it is no API object: it has no apiVersion"),
    ("a world's namespaces", f"{HEAD}{CASE}world: {{namespaces: [a]}}", "s.yaml:7:21: world.namespaces: it must be a mapping, not a list"),
    (
        "a namespace's label",
        f"{HEAD}{CASE}world: {{namespaces: {{a: {{b: true}}}}}}",
        "s.yaml:7:29: world.namespaces.a.b: it must be a text, not true or false: put it into quotes",
    ),
    (
        "a world's object",
        f"{HEAD}{CASE}world: {{objects: [{{kind: Pod}}]}}",
        "s.yaml:7:19: world.objects[0]: it is no API object: it has no apiVersion",
    ),
    ("a world's file", f"{HEAD}{CASE}world: {{files: [none]}}", 's.yaml:7:17: world.files[0]: no file is named "none" in "."'),
    (
        "a webhook's answer",
        f"{HEAD}{CASE}webhooks: {{a: {{alowed: true}}}}",
        's.yaml:7:16: webhooks.a.alowed: unknown field, did you mean "allowed"?',
    ),
    (
        "options",
        f"{HEAD}{CASE}options: {{featureGates: {{A: 'yes'}}}}",
        "s.yaml:7:29: options.featureGates.A: it must be true or false, not a text",
    ),
    (
        "a configuration",
        f"{HEAD}{CASE}options: {{admissionConfiguration: none}}",
        's.yaml:7:35: options.admissionConfiguration: "none" cannot be read: No such file or directory',
    ),
    (
        "a key",
        f"{HEAD}{CASE}options: {{serviceAccountKeys: [none]}}",
        's.yaml:7:32: options.serviceAccountKeys[0]: "none" cannot be read: No such file or directory',
    ),
    ("defaults", f"{HEAD}{CASE}defaults: {{expct: {{}}}}", 's.yaml:7:12: defaults.expct: unknown field, did you mean "expect"?'),
    (
        "two cases of one name",
        f"{HEAD}{CASE}- name: one\n  object: {OBJECT}\n  expect: {{allowed: true}}",
        's.yaml:7:3: cases[1]: another case is named "one", too',
    ),
    (
        "two rows of one name",
        f"{HEAD}{CASE}  each: [{{name: a}}, {{name: a}}]",
        's.yaml:7:21: cases[0].each[1]: another case is named "one/a", too',
    ),
    ("rows that are empty", f"{HEAD}{CASE}  each: []", "s.yaml:7:9: cases[0].each: it is empty"),
    ("a row", f"{HEAD}{CASE}  each: [{{nam: a}}]", 's.yaml:7:11: cases[0].each[0].nam: unknown field, did you mean "name"?'),
    ("a row's row", f"{HEAD}{CASE}  each: [{{each: []}}]", 's.yaml:7:11: cases[0].each[0].each: unknown field, did you mean "patch"?'),
]
OF_A_CASE: list[tuple[str, str, str]] = [
    ("nothing", "expect: {allowed: true}", "4:3: cases[0]: what is asked is missing: an object, a patch, or a verb"),
    ("nothing", "expect: {allowed: true}", "4:3: cases[0]: what it is about is missing: an object, a resource, or a path"),
    ("a verb alone", "verb: get, expect: {allowed: true}", "4:3: cases[0]: what it is about is missing: an object, a resource, or a path"),
    (
        "a verb",
        "verb: make, expect: {allowed: true}",
        '4:21: cases[0].verb: "make" is none of create, update, patch, delete, deletecollection, get, list, watch',
    ),
    ("no expectation", f"object: {OBJECT}", '4:3: cases[0].expect: field "allowed" is missing: say whether it is true or false'),
    (
        "an expectation",
        f"object: {OBJECT}, expect: {{alowed: true}}",
        '4:88: cases[0].expect.alowed: unknown field, did you mean "allowed"?',
    ),
    (
        "a stage",
        f"object: {OBJECT}, expect: {{allowed: false, stage: xx}}",
        '4:111: cases[0].expect.stage: "xx" is none of authentication, rbac, decoding, admission, validation, storage',
    ),
    (
        "what is of denials",
        f"object: {OBJECT}, expect: {{allowed: true, policy: p}}",
        "4:111: cases[0].expect.policy: it is of what is denied, and this is to be allowed",
    ),
    (
        "an expression",
        f"object: {OBJECT}, expect: {{allowed: false, messageMatches: '('}}",
        "4:120: cases[0].expect.messageMatches: error parsing regexp: missing closing ): `(`",
    ),
    ("a code", f"object: {OBJECT}, expect: {{allowed: true, code: 99}}", "4:109: cases[0].expect.code: 99 is not allowed: min is 100"),
    ("an object", "object: web, expect: {allowed: true}", "4:23: cases[0].object: it must be a mapping, not a text"),
    (
        "an object's file",
        "object: {file: none.yaml}, expect: {allowed: true}",
        '4:30: cases[0].object.file: no file is named "none.yaml" in "."',
    ),
    (
        "a file of several",
        "object: {file: policy.yaml}, expect: {allowed: true}",
        '4:30: cases[0].object.file: "policy.yaml" stands for 3 objects: choose one as "policy.yaml#Kind/name"',
    ),
    (
        "a file of several with one name",
        "object: {file: policy.yaml#two}, expect: {allowed: true}",
        '4:30: cases[0].object.file: "policy.yaml#two" stands for 2 objects: choose one as "policy.yaml#Kind/name"',
    ),
    (
        "a file without it",
        "object: {file: policy.yaml#x}, expect: {allowed: true}",
        '4:30: cases[0].object.file: "policy.yaml" has no object "x": it has "ConfigMap/one", "ConfigMap/two", "Secret/two"',
    ),
    (
        "what is beside a file",
        "object: {file: one.yaml, wiht: {}}, expect: {allowed: true}",
        "4:40: cases[0].object.wiht: an object that is in a file has nothing here but with",
    ),
    (
        "what is merged into it",
        "object: {file: one.yaml, with: 3}, expect: {allowed: true}",
        "4:46: cases[0].object.with: it must be a mapping, which is merged into the object",
    ),
    (
        "a patch",
        f"old: {OBJECT}, patch: {{type: jsn, body: []}}, expect: {{allowed: true}}",
        '4:90: cases[0].patch.type: "jsn" is none of json, merge, strategic, apply, did you mean "json"?',
    ),
    (
        "a patch without a body",
        f"old: {OBJECT}, patch: {{type: json}}, expect: {{allowed: true}}",
        "4:83: cases[0].patch: a patch has a type and a body",
    ),
    ("a path", "path: metrics, verb: get, expect: {allowed: true}", '4:21: cases[0].path: "metrics" does not look like /.*'),
    (
        "a query",
        f"object: {OBJECT}, query: {{a: 1}}, expect: {{allowed: true}}",
        "4:90: cases[0].query.a: it must be a text or a list, not a whole number: put it into quotes",
    ),
    (
        "whoever it is",
        f"as: jane, object: {OBJECT}, expect: {{allowed: true}}",
        '4:19: cases[0].as: "jane" is nobody that is known without a world: write "admin", "anonymous", or "{user: jane}"',
    ),
    (
        "a field of them",
        f"as: {{usr: jane}}, object: {OBJECT}, expect: {{allowed: true}}",
        '4:20: cases[0].as.usr: unknown field, did you mean "user"?',
    ),
    (
        "two of them",
        f"as: {{user: j, serviceAccount: a/b}}, object: {OBJECT}, expect: {{allowed: true}}",
        "4:19: cases[0].as: it names several: choose one of user, serviceAccount, kubeconfig",
    ),
    (
        "nobody",
        f"as: {{groups: [a]}}, object: {OBJECT}, expect: {{allowed: true}}",
        "4:19: cases[0].as: it names nobody: choose one of user, serviceAccount, kubeconfig",
    ),
    (
        "a service account",
        f"as: {{serviceAccount: robot}}, object: {OBJECT}, expect: {{allowed: true}}",
        '4:36: cases[0].as.serviceAccount: "robot" names no service account: write it as namespace/name',
    ),
    (
        "its groups",
        f"as: {{serviceAccount: a/b, groups: [c]}}, object: {OBJECT}, expect: {{allowed: true}}",
        "4:49: cases[0].as.groups: groups belongs to a user, a serviceAccount has its own",
    ),
    (
        "whom they act as",
        f"as: {{user: a, impersonate: {{groups: [c]}}}}, object: {OBJECT}, expect: {{allowed: true}}",
        "4:42: cases[0].as.impersonate: it names no user",
    ),
    (
        "a kubeconfig that is not there",
        f"as: {{kubeconfig: none}}, object: {OBJECT}, expect: {{allowed: true}}",
        '4:32: cases[0].as.kubeconfig: "none" cannot be read: No such file or directory',
    ),
    (
        "a kubeconfig that is none",
        f"as: {{kubeconfig: kubeconfig}}, object: {OBJECT}, expect: {{allowed: true}}",
        '4:32: cases[0].as.kubeconfig: "kubeconfig" has no context "none"',
    ),
    (
        "a case's world",
        f"world: {{files: [none]}}, object: {OBJECT}, expect: {{allowed: true}}",
        '4:31: cases[0].world.files[0]: no file is named "none" in "."',
    ),
]


@pytest.mark.parametrize(("text", "told"), [pytest.param(text, told, id=name) for name, text, told in BROKEN])
def test_what_is_wrong_with_a_suite_is_placed(folder: Path, text: str, told: str) -> None:
    with pytest.raises(Broken) as broken:
        suite(text)
    assert str(broken.value) == told


@pytest.mark.parametrize(("text", "told"), [pytest.param(text, told, id=name) for name, text, told in OF_A_CASE])
def test_what_is_wrong_with_a_case_is_placed(folder: Path, text: str, told: str) -> None:
    with pytest.raises(Broken) as broken:
        case(text)
    assert f"s.yaml:{told}" in str(broken.value).splitlines()


def test_all_that_is_wrong_is_told_in_the_order_of_lines(folder: Path) -> None:
    with pytest.raises(Broken) as broken:
        suite(f"{HEAD}{CASE}- {{nam: x}}\n- {{name: y, expct: {{}}}}\nzzz: 1")
    assert [place.line for place, _ in broken.value.faults] == [7, 7, 8, 8, 9]


def test_json_is_placed_too_even_where_yaml_would_not_understand_it(folder: Path) -> None:
    with pytest.raises(Broken) as broken:
        suite('{\n"name": "\\ud83d\\ude00",\n"cases": [\n{"name": "a",\n"expct": {}}]}')
    assert [str(place) for place, _ in broken.value.faults] == ["s.yaml:5:1: cases[0].expct"]


@pytest.mark.parametrize("sort", sorted(SCHEMAS))
def test_what_cerberus_checks_by_is_itself_right(sort: str) -> None:
    Validator(SCHEMAS[sort])


# what is right


@pytest.mark.parametrize(
    ("text", "verb"),
    [
        (f"object: {OBJECT}", "create"),
        (f"object: {OBJECT}, old: {OBJECT}", "update"),
        (f"object: {OBJECT}, old: {OBJECT}, subresource: eviction", "create"),
        (f"old: {OBJECT}, patch: {{type: json, body: []}}", "patch"),
        (f"old: {OBJECT}, verb: delete", "delete"),
        (f"object: {OBJECT}, verb: get", "get"),
    ],
)
def test_what_is_meant_where_no_verb_is_said(folder: Path, text: str, verb: str) -> None:
    assert case(f"{text}, expect: {{allowed: true}}").verb == verb


@pytest.mark.parametrize(
    ("text", "object_"),
    [
        ("{file: policy.yaml#one}", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one"}, "data": {"a": "b"}}),
        ("{file: policy.yaml#Secret/two}", {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "two"}}),
        (
            "{file: policy.yaml#one, with: {data: null, metadata: {name: x, labels: {a: b}}}}",
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x", "labels": {"a": "b"}}},
        ),
    ],
)
def test_objects_are_found_in_files_and_changed(folder: Path, text: str, object_: dict[str, Any]) -> None:
    assert case(f"object: {text}, expect: {{allowed: true}}").object == object_


def test_defaults_and_rows_are_merged(folder: Path) -> None:
    text = f"""{HEAD}
defaults: {{as: {{user: jane}}, namespace: a, expect: {{allowed: false, code: 403}}}}
cases:
- name: outer
  object: {OBJECT}
  each:
  - {{name: inner, object: {{metadata: {{name: d}}}}, expect: {{code: null, stage: rbac}}}}
  - {{as: admin}}
"""
    inner, second = suite(text).cases
    assert (inner.name, second.name) == ("outer/inner", "outer/1")
    assert inner.object == {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "d"}}
    assert (inner.expect.code, inner.expect.stage, second.expect.code) == (None, "rbac", 403)
    assert (inner.who.user, second.who.user) == (UserInfo("jane"), UserInfo("admin", groups=("system:masters",)))
    assert str(second.place) == "s.yaml:10:5: cases[0].each[1]"


def test_equal_identities_are_one(folder: Path) -> None:
    row = "as: {user: jane, groups: [a]}, verb: list, resource: pods, expect: {allowed: true}"
    first, second = suite(f"{HEAD}cases:\n- {{name: a, {row}}}\n- {{name: b, {row}}}\n").cases
    assert first.who is second.who


def test_merging_changes_neither() -> None:
    base, change = {"a": {"b": 1, "c": [1]}, "d": 1}, {"a": {"b": None, "c": [2]}, "e": {}}
    assert merged(base, change) == {"a": {"c": [2]}, "d": 1, "e": {}}
    assert (base, change) == ({"a": {"b": 1, "c": [1]}, "d": 1}, {"a": {"b": None, "c": [2]}, "e": {}})


def test_a_suite_knows_the_files_that_it_is_made_of(folder: Path) -> None:
    made = suite(f"name: s\npolicies: ['pol*.yaml']\n{CASE}  world: {{files: [one.yaml]}}\n")
    assert {path.name for path in made.files.paths} == {"", "policy.yaml", "one.yaml"}
