"""Matching one rule, and covering rules by others."""

from __future__ import annotations

import pytest

from cluster.api.names import Object
from rbac.rules import compact, compact_string, rule_allows, uncovered
from tests.unit.rbac.world import ask, rule, url_rule, user

TINA = user("tina")


@pytest.mark.parametrize(
    ("held", "question", "name", "allowed"),
    [
        (rule("get", "pods"), "get pods", "", True),
        (rule("get", "pods"), "get pods", "web", True),
        (rule("get", "pods"), "list pods", "", False),
        (rule("get", "pods"), "get secrets", "", False),
        (rule("get", "pods"), "get pods/log", "web", False),
        (rule("get", "pods/log"), "get pods/log", "web", True),
        (rule("get", "pods/log"), "get pods", "web", False),
        (rule("*", "pods"), "frobnicate pods", "", True),
        (rule("get", "*"), "get pods", "", True),
        (rule("get", "*"), "get pods/log", "web", True),
        (rule("get", "*"), "get deployments.apps", "", False),
        (rule("get", "*", ["*"]), "get deployments.apps", "", True),
        (rule("update", "*/scale", ["apps"]), "update deployments.apps/scale", "web", True),
        (rule("update", "*/scale", ["apps"]), "update deployments.apps", "web", False),
        (rule("update", "*/scale", ["apps"]), "update deployments.apps/status", "web", False),
        (rule("update", "pods/*"), "update pods/status", "web", False),
        (rule("get", "configmaps", names=["a", "b"]), "get configmaps", "a", True),
        (rule("get", "configmaps", names=["a", "b"]), "get configmaps", "c", False),
        (rule("get list", "configmaps", names=["a"]), "list configmaps", "", False),
        (rule("create", "configmaps", names=["a"]), "create configmaps", "", False),
        (rule("get", "pods", []), "get pods", "", False),
        (rule("", "pods"), "get pods", "", False),
        (rule("*", "*", ["*"]), "get /healthz", "", False),
        (url_rule("get", "/healthz"), "get /healthz", "", True),
        (url_rule("get", "/healthz"), "get /healthz/ping", "", False),
        (url_rule("get", "/healthz/*"), "get /healthz/ping", "", True),
        (url_rule("get", "/healthz/*"), "get /healthz", "", False),
        (url_rule("get", "/heal*"), "get /healthz", "", True),
        (url_rule("get", "*"), "get /anything", "", True),
        (url_rule("get", "*"), "post /anything", "", False),
        (url_rule("*", "*"), "get pods", "", False),
    ],
)
def test_a_rule_allows(held: Object, question: str, name: str, allowed: bool) -> None:
    assert rule_allows(ask(TINA, question, name=name), held) is allowed


@pytest.mark.parametrize(
    ("owner", "wanted", "missing"),
    [
        ([rule("get list", "pods")], [rule("get", "pods")], []),
        ([rule("get", "pods"), rule("list", "pods")], [rule("get list", "pods")], []),
        ([rule("get", "pods")], [rule("get list", "pods")], [rule("list", "pods")]),
        ([rule("*", "*", ["*"])], [rule("get", "pods")], []),
        ([rule("get", "pods")], [rule("*", "pods")], [rule("*", "pods")]),
        ([rule("get", "pods")], [rule("get", "*")], [rule("get", "*")]),
        ([rule("get", "*/scale", ["apps"])], [rule("get", "deployments/scale", ["apps"])], []),
        ([rule("get", "*/scale", ["apps"])], [rule("get", "deployments", ["apps"])], [rule("get", "deployments", ["apps"])]),
        ([rule("get", "pods", names=["a"])], [rule("get", "pods", names=["a"])], []),
        ([rule("get", "pods", names=["a"])], [rule("get", "pods")], [rule("get", "pods")]),
        ([rule("get", "pods")], [rule("get", "pods", names=["a"])], []),
        ([rule("get", "pods", names=["a"])], [rule("get", "pods", names=["a", "b"])], [rule("get", "pods", names=["b"])]),
        ([url_rule("get", "/api/*")], [url_rule("get", "/api/v1")], []),
        ([url_rule("get", "/api/*")], [url_rule("get", "/api*")], [url_rule("get", "/api*")]),
        ([url_rule("get", "*")], [url_rule("get", "/api/*")], []),
        ([rule("*", "*", ["*"])], [url_rule("get", "/api")], [url_rule("get", "/api")]),
        ([], [], []),
    ],
)
def test_what_is_not_covered(owner: list[Object], wanted: list[Object], missing: list[Object]) -> None:
    assert uncovered(owner, wanted) == missing


def test_compacting_joins_verbs_of_one_resource_only() -> None:
    atoms = [rule("get", "pods"), url_rule("get", "/x"), rule("list", "pods"), rule("get", "pods", names=["a"])]
    assert compact(atoms) == [url_rule("get", "/x"), rule("get list", "pods"), rule("get", "pods", names=["a"])]


def test_a_rule_is_shown_as_upstream_shows_it() -> None:
    shown = compact_string(rule("get list", "pods", ["", "apps"], ['a"b']))
    assert shown == r'{APIGroups:["" "apps"], Resources:["pods"], ResourceNames:["a\"b"], Verbs:["get" "list"]}'
