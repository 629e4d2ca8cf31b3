"""The configuration of a cluster, and its set of nodes, on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster.assembly.config import Config, Home
from cluster.assembly.nodes import NodeSet
from cluster.assembly.options import AdmissionOptions, AuthenticationOptions


@pytest.mark.parametrize(("folder", "readable"), [("/tmp/My Lab", "berth-my-lab-"), ("/srv/a", "berth-a-"), ("/tmp/---", "berth-")])
def test_a_cluster_is_named_by_its_home(folder: str, readable: str) -> None:
    name = Config(Home(Path(folder))).name
    assert name.startswith(readable)
    assert len(name) == len(readable) + 6


def test_the_default_home_is_berth(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Config(Home(tmp_path / ".berth")).name == "berth"


def test_homes_of_one_name_are_different_clusters() -> None:
    assert Config(Home(Path("/a/x"))).name != Config(Home(Path("/b/x"))).name


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    config = Config(Home(tmp_path), port=7000, workers=5, runtime="sim", node_monitor_grace_period=7.0)
    config.save()
    assert Config.load(Home(tmp_path)) == config


def test_a_setting_that_has_moved_since_is_found_where_it_is_now(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"port": 7000, "not_ready_toleration": 20}')
    options = AdmissionOptions(default_not_ready_toleration_seconds=20)
    assert Config.load(Home(tmp_path)) == Config(Home(tmp_path), port=7000, admission=options)


@pytest.mark.parametrize("text", ["", "{", '{"colour": "blue"}', "[1]"])
def test_a_broken_file_is_told_with_its_path(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(ValueError, match=r'config\.json" is not a configuration of this version'):
        Config.load(Home(tmp_path))


def test_a_home_without_a_cluster_has_no_configuration(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Config.load(Home(tmp_path))


def test_addresses_follow_from_the_configuration() -> None:
    config = Config(Home(Path("/x")), port=7000)
    assert (config.server, config.service_ip, config.store_url) == ("https://127.0.0.1:7000", "10.96.0.1", "sqlite:////x/store.db")


@pytest.mark.parametrize(
    ("configured", "uri"), [("", "https://172.17.0.1:7000/openid/v1/jwks"), ("https://example.com/keys", "https://example.com/keys")]
)
def test_the_keys_of_tokens_are_where_pods_reach_them(configured: str, uri: str) -> None:
    options = AuthenticationOptions(service_account_jwks_uri=configured)
    assert Config(Home(Path("/x")), port=7000, node_host="172.17.0.1", authentication=options).jwks_uri == uri


def test_nodes_grow_round_the_names_that_are_taken(tmp_path: Path) -> None:
    nodes = NodeSet(Home(tmp_path))
    nodes.add("node-2")
    assert nodes.grow(3) == ["node-1", "node-3"]
    assert nodes.grow(2) == []


def test_every_change_of_the_nodes_is_on_disk(tmp_path: Path) -> None:
    nodes = NodeSet.load(Home(tmp_path))
    nodes.grow(3)
    nodes.set_running("node-2", False)
    nodes.remove("node-1")
    again = NodeSet.load(Home(tmp_path))
    assert (again.wanted, again.running()) == ({"node-2": False, "node-3": True}, ["node-3"])


def test_a_node_that_is_not_there_is_neither_started_nor_stopped(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        NodeSet(Home(tmp_path)).set_running("none", True)
