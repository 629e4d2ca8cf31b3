"""Tenants beside the tables: the examples are good, and prefixes overlap where names could."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.api.tenancy import prefixes_overlap
from cluster.kinds.berth.tenantnamespaces import of_namespace

from .conftest import created, kind_of

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"


@pytest.mark.parametrize("name", ["tenant.yaml", "tenant-namespace.yaml"])
def test_an_example_is_valid(name: str) -> None:
    obj = created(yaml.safe_load((EXAMPLES / name).read_text()))
    assert kind_of(obj).strategy.validate(obj) == []


@pytest.mark.parametrize(
    ("one", "other", "overlap"), [("a-", "a-", True), ("a-", "a-b-", True), ("a-b-", "a-", True), ("a-", "b-", False), ("ab-", "a-", False)]
)
def test_overlapping_prefixes(one: str, other: str, overlap: bool) -> None:
    assert prefixes_overlap(one, other) is overlap


def test_a_namespace_shows_no_more_than_its_own_metadata_tenant_and_phase() -> None:
    metadata = {
        "name": "x",
        "uid": "u",
        "resourceVersion": "1",
        "labels": {"berth.io/tenant": "t"},
        "managedFields": [{}],
        "finalizers": ["f"],
    }
    shown = of_namespace({"metadata": metadata, "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active", "conditions": []}})
    kept = {name: metadata[name] for name in ("name", "uid", "resourceVersion", "labels")}
    assert shown == {
        "kind": "TenantNamespace",
        "apiVersion": "berth.io/v1alpha1",
        "metadata": kept,
        "spec": {"tenant": "t"},
        "status": {"phase": "Active"},
    }


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        ({"owners": [{"kind": "User", "name": "x"}] * 257}, "spec.owners"),
        ({"roles": [{"clusterRole": "view", "subjects": [{"kind": "User", "name": "x"}]}] * 257}, "spec.roles"),
        ({"limitRanges": [{"name": "x", "spec": {}}] * 257}, "spec.limitRanges"),
        ({"namespaces": {"names": [f"t-{number}" for number in range(257)]}}, "spec.namespaces.names"),
    ],
)
def test_lists_are_bounded(spec: Any, path: str) -> None:
    obj = created({"apiVersion": "berth.io/v1alpha1", "kind": "Tenant", "metadata": {"name": "t"}, "spec": spec})
    (error,) = kind_of(obj).strategy.validate(obj)
    assert str(error) == f"{path}: Too many: 257: must have at most 256 items"
