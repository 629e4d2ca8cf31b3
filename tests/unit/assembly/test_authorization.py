"""Which authorizers a configuration of the cluster names, and that a bad one is told of before anything starts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cluster.assembly.authorization import authorizers, check_authorization
from cluster.assembly.config import Config, Home
from cluster.assembly.options import AuthorizationOptions
from rbac.authz.configuration import BadConfiguration


def config(folder: Path, **options: Any) -> Config:
    return Config(Home(folder), authorization=AuthorizationOptions(**options))


def written(folder: Path, *authorizers: dict[str, Any]) -> str:
    path = folder / "authorization.json"
    head = {"apiVersion": "apiserver.config.k8s.io/v1", "kind": "AuthorizationConfiguration"}
    path.write_text(json.dumps(head | {"authorizers": authorizers}))
    return str(path)


RBAC = {"type": "RBAC", "name": "rbac"}


def test_node_and_rbac_are_asked_by_default(tmp_path: Path) -> None:
    assert [each.type for each in authorizers(config(tmp_path)).configuration] == ["Node", "RBAC"]


def test_a_file_says_who_is_asked(tmp_path: Path) -> None:
    found = authorizers(config(tmp_path, authorization_config=written(tmp_path, RBAC)))
    assert ([each.type for each in found.configuration], found.path) == (["RBAC"], tmp_path / "authorization.json")


@pytest.mark.parametrize(
    "flags",
    [
        {"authorization_mode": ("RBAC",)},
        {"authorization_webhook_config_file": "/k"},
        {"authorization_webhook_version": "v1beta1"},
        {"authorization_webhook_cache_authorized_ttl": 1.0},
        {"authorization_webhook_cache_unauthorized_ttl": 1.0},
    ],
)
def test_a_file_and_flags_do_not_go_together(tmp_path: Path, flags: dict[str, Any]) -> None:
    why = "^--authorization-config can not be specified when --authorization-mode or --authorization-webhook-.* flags are defined$"
    with pytest.raises(BadConfiguration, match=why):
        authorizers(config(tmp_path, authorization_config=written(tmp_path, RBAC), **flags))


def test_a_bad_file_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, {"type": "RBAC"})
    with pytest.raises(BadConfiguration, match=f'^authorization configuration "{path}": authorizers\\[0\\].name: Required value$'):
        check_authorization(config(tmp_path, authorization_config=path))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nothing-here"):
        check_authorization(config(tmp_path, authorization_config=str(tmp_path / "nothing-here")))


def test_a_webhooks_kubeconfig_is_read_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "kubeconfig").write_text("{}")
    options = {"authorization_mode": ("Webhook",), "authorization_webhook_config_file": str(tmp_path / "kubeconfig")}
    with pytest.raises(ValueError, match="kubeconfig"):
        check_authorization(config(tmp_path, **options))
