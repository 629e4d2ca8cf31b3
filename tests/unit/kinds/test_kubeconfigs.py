"""Kubeconfigs: defaults, what is refused with its field, what never changes, and how a row shows one."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.api.names import Object
from cluster.kinds import printing
from cluster.kinds.berth.clusterkubeconfigs import STRATEGY as CLUSTER
from cluster.kinds.berth.kubeconfigs import STRATEGY as NAMESPACED

ROLE = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"}


def record(namespace: str = "dev", **spec: Any) -> Object:
    made: Object = {"metadata": {"name": "k", **({"namespace": namespace} if namespace else {})}, "spec": spec}
    (NAMESPACED if namespace else CLUSTER).default(made)
    return made


def faults(obj: Object) -> list[str]:
    strategy = NAMESPACED if obj["metadata"].get("namespace") else CLUSTER
    return [f"{error.path}: {error.message}" for error in strategy.validate(obj)]


@pytest.mark.parametrize(
    ("given", "after"),
    [
        (record(user="dev:a"), {"user": "dev:a", "contextNamespace": "dev"}),
        (record(user="dev:a", roleRef={"kind": "Role", "name": "x"})["spec"]["roleRef"], {**ROLE, "kind": "Role", "name": "x"}),
        (record(user="dev:a", roleRef=dict(ROLE))["spec"]["namespaces"], ["dev"]),
        (record("", user="a", roleRef=dict(ROLE)), {"user": "a", "roleRef": ROLE}),
    ],
)
def test_what_is_left_out_is_the_namespaces_own(given: Any, after: Any) -> None:
    assert (given["spec"] if isinstance(given, dict) and "spec" in given else given) == after


GOOD = [
    record(user="dev:alice", groups=["dev:a", "dev:b"], expirationSeconds=600),
    record(serviceAccountName="robot.x"),
    record(user="Älice Müller <a@example.com>", expirationSeconds=315_360_000),
    record(user="a", roleRef=dict(ROLE), namespaces=["dev", "prod"]),
    record("", user="a", roleRef={"kind": "Role", "name": "r:x"}, namespaces=["dev"]),
    record("", user="a", server="https://[::1]:6443/base", clusterName="c", contextName="c/x", contextNamespace="n"),
]


@pytest.mark.parametrize("obj", GOOD)
def test_what_is_good_has_no_faults(obj: Object) -> None:
    assert faults(obj) == []


LONG = "x" * 65
BAD = [
    (record(), ["spec.user: Required value: or serviceAccountName"]),
    (record(""), ["spec.user: Required value"]),
    (record(user="a", serviceAccountName="b"), ['spec.serviceAccountName: Invalid value: "b": may not be given together with user']),
    (record(serviceAccountName="b", groups=["g"]), ["spec.groups: Forbidden: a service account has its own groups"]),
    (record(user=LONG), ["spec.user: Too long: may not be more than 64 bytes"]),
    (record(user="a\nb"), [r'spec.user: Invalid value: "a\nb": must be printable, without space around it']),
    (record(user=" a"), ['spec.user: Invalid value: " a": must be printable, without space around it']),
    (record(user="a", groups=[""]), ["spec.groups[0]: Required value"]),
    (record(user="a", groups=["g", "g"]), ['spec.groups[1]: Duplicate value: "g"']),
    (record(user="a", groups=[f"g{i}" for i in range(65)]), ["spec.groups: Too many: 65: must have at most 64 items"]),
    (
        record(user="a", expirationSeconds=599),
        ["spec.expirationSeconds: Invalid value: 599: must be between 600 (10 minutes) and 315360000 (10 years)"],
    ),
    (
        record(user="a", expirationSeconds=0),
        ["spec.expirationSeconds: Invalid value: 0: must be between 600 (10 minutes) and 315360000 (10 years)"],
    ),
    (record(user="a", namespaces=["x"]), ["spec.namespaces: Forbidden: may only be given together with roleRef"]),
    (
        record(user="a", roleRef={"kind": "X", "name": "r"}),
        ['spec.roleRef.kind: Unsupported value: "X": supported values: "ClusterRole", "Role"'],
    ),
    (record(user="a", roleRef={"kind": "Role"}), ["spec.roleRef.name: Required value"]),
    (record(user="a", roleRef={"kind": "Role", "name": "a/b"}), ["spec.roleRef.name: Invalid value: \"a/b\": may not contain '/'"]),
    (record("", user="a", roleRef={"kind": "Role", "name": "r"}), ["spec.namespaces: Required value: a Role is bound in namespaces"]),
    (
        record(user="a", roleRef={"apiGroup": "x", "kind": "Role", "name": "r"}),
        ['spec.roleRef.apiGroup: Unsupported value: "x": supported values: "rbac.authorization.k8s.io"'],
    ),
    (record(user="a", roleRef=dict(ROLE), namespaces=["x", "x"]), ['spec.namespaces[1]: Duplicate value: "x"']),
    (record(user="a", clusterName="\t"), [r'spec.clusterName: Invalid value: "\t": must be printable']),
    (record(user="a", contextName="x" * 254), ["spec.contextName: Too long: may not be more than 253 bytes"]),
]


@pytest.mark.parametrize(("obj", "expected"), BAD)
def test_each_fault_has_its_field(obj: Object, expected: list[str]) -> None:
    assert faults(obj) == expected


@pytest.mark.parametrize(
    "group", ["system:authenticated", "system:unauthenticated", "system:serviceaccounts", "system:serviceaccounts:dev"]
)
def test_groups_that_authentication_gives_are_not_issued(group: str) -> None:
    assert "is given by the API server alone" in faults(record("", user="a", groups=[group]))[0]


@pytest.mark.parametrize("user", ["system:anonymous", "system:serviceaccount:dev:robot"])
def test_users_that_authentication_gives_are_not_issued(user: str) -> None:
    assert "is given by the API server alone" in faults(record("", user=user))[0]


@pytest.mark.parametrize(
    "server", ["http://x", "x:6443", "https://", "https://u:p@x", "https://x/?q", "https://x/#f", "https://x:y", "https://a b", "ftp://x"]
)
def test_an_address_is_an_https_url(server: str) -> None:
    assert faults(record(user="a", server=server))[0].startswith(f'spec.server: Invalid value: "{server}"')


def test_the_spec_never_changes() -> None:
    old, new = record(user="dev:a"), record(user="dev:b")
    assert [error.path for error in NAMESPACED.validate_update(new, old)] == ["spec"]


def test_a_client_writes_no_status() -> None:
    new = {**record(user="dev:a"), "status": {"credentials": [{"id": "JTI=1"}]}}
    NAMESPACED.prepare_for_create(new)
    assert new["status"] == {}


def credential(expires: str, **more: str) -> Object:
    return {"id": "JTI=1", "issuedBy": "tina", "issuedAt": "2026-01-01T00:00:00Z", "expiresAt": expires, **more}


@pytest.mark.parametrize(
    ("status", "cells"),
    [
        ({"credentials": [credential("2026-01-11T00:00:00Z")]}, ["tina", "24h", "9d", "<never>", "Active"]),
        ({"credentials": [credential("2026-01-01T12:00:00Z")]}, ["tina", "24h", "12h ago", "<never>", "Expired"]),
        (
            {"credentials": [credential("2026-01-11T00:00:00Z", revokedAt="2026-01-01T01:00:00Z")]},
            ["tina", "24h", "9d", "<never>", "Expired"],
        ),
        (
            {
                "revokedAt": "2026-01-01T01:00:00Z",
                "credentials": [credential("2026-01-11T00:00:00Z")],
                "lastUsedTime": "2026-01-01T23:00:00Z",
            },
            ["tina", "24h", "9d", "60m", "Revoked"],
        ),
        ({}, ["", "<unknown>", "<unknown>", "<never>", "Expired"]),
    ],
)
def test_a_row_says_by_whom_when_until_when_and_whether_it_is_good(
    status: Object, cells: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(printing, "now", lambda: printing.parse_timestamp("2026-01-02T00:00:00Z"))
    row = (NAMESPACED.cells or list)({**record(user="dev:a", groups=["g", "h"]), "status": {"username": "dev:a", **status}})
    assert row == ["k", "dev:a", "g,h", *cells]
