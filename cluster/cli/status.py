"""`berth status`: each part's health, in minikube's manner; exit code 0 when all is well, 1 when not."""

from __future__ import annotations

import argparse
from typing import Any

import orjson

from cluster.assembly.config import Config
from cluster.assembly.nodes import NodeSet
from cluster.cli import kubeconfigs, local, node
from cluster.cli.start import SIM_NOTICE

CONTROL_PLANE = ("store", "apiserver", "controller-manager", "scheduler")


def add_arguments(parser: argparse.ArgumentParser, home: argparse.ArgumentParser) -> None:  # noqa: ARG001 - every command's shape
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text")


def run(arguments: argparse.Namespace) -> int:
    home = local.open_home(arguments.home)
    report = collect(local.load_config(home))
    if arguments.output == "json":
        print(orjson.dumps(report, option=orjson.OPT_INDENT_2).decode())
    else:
        print(_text(report))
    return 0 if _well(report) else 1


def collect(config: Config) -> dict[str, Any]:
    """The report: control plane, nodes and kubeconfig, each part `Running`, `Restarting`, `Unhealthy` or `Stopped`."""
    state = local.running(config.home)
    components = state["components"] if state else {}
    parts = {name: components.get(name, {}).get("state", "Stopped") for name in CONTROL_PLANE}
    serving = state is not None and local.healthy(config)
    if parts["apiserver"] == "Running" and not serving:
        parts["apiserver"] = "Unhealthy"
    nodes = node.ready_conditions(config) if serving else {}
    listed = [
        {
            "name": name,
            "kubelet": components.get(f"kubelet-{name}", {}).get("state", "Stopped"),
            "ready": nodes.get(name, "Unknown"),
            "wanted": runs,
        }
        for name, runs in NodeSet.load(config.home).wanted.items()
    ]
    return {
        "name": config.name,
        "home": str(config.home.root),
        "server": config.server,
        "kubernetesVersion": config.kubernetes_version,
        "runtime": config.runtime,
        "supervisor": "Running" if state else "Stopped",
        "components": parts,
        "restarts": {name: each["restarts"] for name, each in components.items() if each["restarts"]},
        "kubeconfig": "Configured" if kubeconfigs.configured(config) else "Misconfigured",
        "nodes": listed,
    }


def _well(report: dict[str, Any]) -> bool:
    parts = all(state == "Running" for state in report["components"].values())
    return parts and all(each["ready"] == "True" for each in report["nodes"] if each["wanted"])


def _text(report: dict[str, Any]) -> str:
    lines = [report["name"], "type: Control Plane", f"runtime: {report['runtime']}", f"supervisor: {report['supervisor']}"]
    lines += [f"{name}: {state}" for name, state in report["components"].items()]
    lines += [f"kubeconfig: {report['kubeconfig']}", f"server: {report['server']}"]
    for name, count in report["restarts"].items():
        lines.append(f"restarts of {name}: {count}")
    for each in report["nodes"]:
        lines += ["", each["name"], "type: Node", f"kubelet: {each['kubelet']}", f"ready: {each['ready']}"]
    if report["runtime"] == "sim":
        lines += ["", f"! {SIM_NOTICE}"]
    return "\n".join(lines)
