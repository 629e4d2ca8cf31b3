"""`berth node`: add, list, stop, start and remove nodes of the cluster."""

from __future__ import annotations

import argparse
import re
import shutil
from collections.abc import Iterable
from typing import Any

import orjson

from cluster.api.errors import NotFound, StatusError
from cluster.assembly import pki
from cluster.assembly.config import Config
from cluster.assembly.nodes import NodeSet
from cluster.cli import containers, kubeconfigs, local
from cluster.cli.failure import CommandError
from cluster.client.http import ApiClient
from cluster.client.resources import NODES

NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,40}[a-z0-9])?")
READY_SECONDS = 60.0


def add_arguments(parser: argparse.ArgumentParser, home: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    add = actions.add_parser("add", parents=[home], help="add a node and start it")
    add.add_argument("name", nargs="?", help="default: the next node-N")
    listing = actions.add_parser("list", parents=[home], help="the nodes and their state")
    listing.add_argument("-o", "--output", choices=("text", "json"), default="text")
    for action, text in (
        ("stop", "stop a node and all that runs on it, as if its machine were off"),
        ("start", "start a stopped node"),
        ("remove", "stop a node and remove it from the cluster"),
    ):
        actions.add_parser(action, parents=[home], help=text).add_argument("name")


def run(arguments: argparse.Namespace) -> int:
    config = local.load_config(local.open_home(arguments.home))
    if arguments.action == "list":
        _list(config, arguments.output)
        return 0
    local.supervisor(config.home, {"do": "status"})
    nodes = NodeSet.load(config.home)
    if arguments.action == "add":
        _add(config, nodes, arguments.name)
        return 0
    if not nodes.has(arguments.name):
        known = ", ".join(nodes.wanted) or "none"
        raise CommandError(f'node "{arguments.name}" is not in the cluster: it has {known}')
    {"stop": _stop, "start": _start, "remove": _remove}[arguments.action](config, arguments.name)
    return 0


def _api(config: Config) -> ApiClient:
    return ApiClient.from_kubeconfig(config.home.admin_kubeconfig, user_agent="berth")


def ready_conditions(config: Config) -> dict[str, str]:
    """The status of each node's Ready condition; empty where the API server doesn't tell."""
    try:
        items = _api(config).list(NODES)["items"]
    except (StatusError, OSError):
        return {}
    return {item["metadata"]["name"]: _ready(item) for item in items}


def _ready(node: dict[str, Any]) -> str:
    conditions = node.get("status", {}).get("conditions") or []
    return next((str(each["status"]) for each in conditions if each["type"] == "Ready"), "Unknown")


def all_ready(config: Config, names: Iterable[str]) -> bool:
    """Whether each kubelet of this run has said so, and the API agrees: what it holds may be from an earlier run."""
    components = (local.running(config.home) or {}).get("components", {})
    if not all(components.get(f"kubelet-{name}", {}).get("ready") for name in names):
        return False
    conditions = ready_conditions(config)
    return all(conditions.get(name) == "True" for name in names)


def launch(config: Config, name: str) -> None:
    """Gives the node its identity and has the supervisor start its kubelet."""
    pki.ensure(config, pki.node_leaves(config, name))
    kubeconfigs.write_components(config, [name])
    local.supervisor(config.home, {"do": "node-start", "node": name})


def _await_ready(config: Config, name: str) -> None:
    local.wait_for(f'node "{name}" did not become ready', lambda: all_ready(config, [name]), READY_SECONDS, config.home, pause=0.1)


def _add(config: Config, nodes: NodeSet, name: str | None) -> None:
    if name is None:
        name = next(each for number in range(1, 10_000) if not nodes.has(each := f"node-{number}"))
    if not NAME.fullmatch(name):
        raise CommandError(f'"{name}" is no node name: use lower case letters, digits and "-", at most 42')
    if nodes.has(name):
        raise CommandError(f'node "{name}" is in the cluster already: start it with "berth node start {name}"')
    launch(config, name)
    _await_ready(config, name)
    print(f"* node {name} added")


def _start(config: Config, name: str) -> None:
    launch(config, name)
    _await_ready(config, name)
    print(f"* node {name} started")


def _halt(config: Config, name: str, request: str) -> None:
    """Ends the kubelet, then what it ran: to the cluster, the machine has gone silent."""
    local.supervisor(config.home, {"do": request, "node": name})
    local.wait_for(f'the kubelet of "{name}" did not end', lambda: not _kubelet_runs(config, name), 20, config.home)
    if config.runtime == "docker":
        containers.stop(config, name)


def _kubelet_runs(config: Config, name: str) -> bool:
    state = local.supervisor(config.home, {"do": "status"})["components"].get(f"kubelet-{name}")
    return bool(state and state["pid"])


def _stop(config: Config, name: str) -> None:
    _halt(config, name, "node-stop")
    print(f"* node {name} stopped")


def _remove(config: Config, name: str) -> None:
    _halt(config, name, "node-remove")
    if config.runtime == "docker":
        containers.remove(config, name)
    try:
        _api(config).delete(NODES, "", name)
    except NotFound:
        pass
    except StatusError as error:
        raise CommandError(f'node "{name}" is stopped, but its object remains: {error}') from error
    for leaf in pki.node_leaves(config, name):
        config.home.key(leaf.file).unlink(missing_ok=True)
        config.home.certificate(leaf.file).unlink(missing_ok=True)
    config.home.kubeconfig(f"node-{name}").unlink(missing_ok=True)
    shutil.rmtree(config.home.nodes / name, ignore_errors=True)
    print(f"* node {name} removed")


def _list(config: Config, output: str) -> None:
    state = local.running(config.home)
    conditions = ready_conditions(config) if state else {}
    components = state["components"] if state else {}
    rows = [
        {"name": name, "kubelet": components.get(f"kubelet-{name}", {}).get("state", "Stopped"), "ready": conditions.get(name, "Unknown")}
        for name in NodeSet.load(config.home).wanted
    ]
    if output == "json":
        print(orjson.dumps(rows, option=orjson.OPT_INDENT_2).decode())
        return
    for row in [{"name": "NAME", "kubelet": "KUBELET", "ready": "READY"}, *rows]:
        print(f"{row['name']:<24} {row['kubelet']:<12} {row['ready']}")
