"""`berth start`: from nothing, or from a stopped cluster, to a ready one."""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any, Final

from msgspec.structs import replace

from cluster.assembly import files, pki
from cluster.assembly.config import Config, Home
from cluster.assembly.nodes import NodeSet
from cluster.assembly.options import options
from cluster.cli import engine, kubeconfigs, local
from cluster.cli.failure import CommandError

VERSIONS: Final = tuple(f"1.{minor}" for minor in range(25, 38))
RUNTIMES: Final = ("auto", "docker", "sim")
SIM_NOTICE: Final = "pods are SIMULATED: no Docker engine is used, no container runs"
READY_SECONDS: Final = 60.0
FLAGS: Final[tuple[tuple[str, type, str], ...]] = (
    ("port", int, "the API server's port, default 6443"),
    ("nodes", int, "at least so many nodes, default 2"),
    ("workers", int, "API server processes, default 2"),
    ("runtime", str, "auto, docker or sim; default auto"),
    ("store", str, "the store's URL, default SQLite in the home"),
    ("kubernetes-version", str, "the API to present, default 1.36"),
    ("node-monitor-grace-period", float, "seconds of silence after which a node is NotReady, default 50"),
)
"""(flag, type, help) of what is the cluster's own; each names a field of Config."""


class Step:
    """One line of progress; `detail` may be set while it runs."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.detail = ""


@contextmanager
def step(title: str) -> Iterator[Step]:
    """Prints the step's line with its time when it has succeeded."""
    started = time.monotonic()
    current = Step(title)
    yield current
    text = f"{current.title}: {current.detail}" if current.detail else current.title
    print(f"* {text:<74} {time.monotonic() - started:6.2f} s", flush=True)


def add_arguments(parser: argparse.ArgumentParser, home: argparse.ArgumentParser) -> None:  # noqa: ARG001 - every command's shape
    """The cluster's own flags, then one for each option of the API server; each has its environment variable."""
    add = parser.add_argument
    for flag, kind, text in FLAGS:
        variable = "BERTH_" + flag.upper().replace("-", "_")
        add(f"--{flag}", type=kind, default=os.environ.get(variable) or None, help=f"{text} ({variable})")
    group = parser.add_argument_group("options of the API server", "docs/options.md lists them all, each with its variable BERTH_...")
    for each in options():
        group.add_argument(each.flag, default=os.environ.get(each.variable), metavar="VALUE", help=each.help.replace("%", "%%"))


def run(arguments: argparse.Namespace) -> int:
    home = local.open_home(arguments.home)
    state = local.running(home)
    config = _configure(home, arguments, running=state is not None)
    print(f'* berth {version("berth")}, Kubernetes {config.kubernetes_version}, cluster "{config.name}" in "{home.root}"', flush=True)
    if state is None:
        config = _prepare(config)
        _control_plane(config)
    else:
        print(f"* the control plane runs already: {config.server}", flush=True)
    _nodes(config, state)
    with step("kubeconfig") as current:
        current.detail = kubeconfigs.merge_admin(config)
    if config.runtime == "sim":
        print(f"! {SIM_NOTICE}", flush=True)
    return 0


def _configure(home: Home, arguments: argparse.Namespace, *, running: bool) -> Config:
    """The cluster's configuration with what the command line changes in it; CommandError where that can't be."""
    names = [flag.replace("-", "_") for flag, _, _ in FLAGS]
    given = {name: getattr(arguments, name) for name in names if getattr(arguments, name) is not None}
    existing = home.config.exists()
    before = local.load_config(home) if existing else Config(home)
    given |= _sections(before, arguments)
    config = replace(before, **given)
    _check(config)
    _check_files(config)
    if running:
        if "runtime" in given and given["runtime"] == "auto":
            config = replace(config, runtime=before.runtime)
        changed = [name.replace("_", "-") for name in given if name != "nodes" and getattr(config, name) != getattr(before, name)]
        if changed:
            raise CommandError(f'the cluster runs with another --{changed[0]}: stop it with "berth stop" first')
    return config


def _sections(before: Config, arguments: argparse.Namespace) -> dict[str, Any]:
    """The sections of options in which the command line changes something; CommandError for a value that is none."""
    changed: dict[str, Any] = {}
    for each in options():
        text = getattr(arguments, each.name)
        if text is None:
            continue
        try:
            value = each.parse(text)
        except ValueError as error:
            raise CommandError(str(error)) from None
        section = changed.get(each.section, getattr(before, each.section))
        changed[each.section] = replace(section, **{each.name: value})
    return changed


def _check_files(config: Config) -> None:
    try:
        told = files.check(config)
    except OSError as error:
        raise CommandError(f'"{error.filename}" cannot be read: {error.strerror}' if error.filename else str(error)) from None
    except ValueError as error:
        raise CommandError(str(error)) from None
    for each in told:
        print(f"! {each}", flush=True)


def _check(config: Config) -> None:
    if not 1 <= config.port <= 65535:
        raise CommandError(f'port "{config.port}" is not between 1 and 65535')
    if not 0 <= config.nodes <= 100:
        raise CommandError(f'"{config.nodes}" nodes are not between 0 and 100')
    if not 1 <= config.workers <= 64:
        raise CommandError(f'"{config.workers}" workers are not between 1 and 64')
    if config.runtime not in RUNTIMES:
        raise CommandError(f'runtime "{config.runtime}" is unknown: choose one of {", ".join(RUNTIMES)}')
    if config.kubernetes_version not in VERSIONS:
        raise CommandError(f'Kubernetes version "{config.kubernetes_version}" is unknown: choose one of {", ".join(VERSIONS)}')
    if not config.store_url.startswith("sqlite:///"):
        raise CommandError(f'store "{config.store}" is not supported: use "sqlite:///PATH"')
    if config.node_monitor_grace_period <= 0:
        raise CommandError("the grace period must be positive")


def _prepare(config: Config) -> Config:
    """Everything that must be on disk before the supervisor starts."""
    home = config.home
    _check_port(config)
    try:
        home.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in (home.run, home.logs, home.nodes):
            folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise CommandError(f'home "{home.root}" cannot be made: {error.strerror}') from error
    with step("runtime") as current:
        config, current.detail = _resolve_runtime(config)
    with step("certificates"):
        nodes = NodeSet.load(home)
        nodes.grow(config.nodes)
        pki.ensure(config, [*pki.control_plane_leaves(config), *(leaf for node in nodes.wanted for leaf in pki.node_leaves(config, node))])
        kubeconfigs.write_components(config, list(nodes.wanted))
    config.save()
    return config


def _resolve_runtime(config: Config) -> tuple[Config, str]:
    """The configuration with the runtime, the node address and the pod range that go together, and what to say of it."""
    if config.runtime != "sim":
        found = engine.version()
        gateway = engine.bridge_gateway() if found else None
        if found and gateway:
            cidr = config.pod_cidr if config.home.config.exists() else engine.free_pod_cidr(config.name)
            return replace(config, runtime="docker", node_host=gateway, pod_cidr=cidr), f"docker {found}"
        if config.runtime == "docker":
            raise CommandError("no Docker engine answers: start one, or use --runtime sim")
    return replace(config, runtime="sim", node_host="127.0.0.1"), "sim"


def _check_port(config: Config) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((config.host, config.port))
        except OSError as error:
            why = "is taken" if error.errno == 98 else f"cannot be used ({error.strerror})"
            raise CommandError(f"port {config.port} on {config.host} {why}: choose another with --port") from error


def _control_plane(config: Config) -> None:
    home = config.home
    with step("control plane") as current:
        for name in ("supervisor.sock", "store.sock"):
            (home.run / name).unlink(missing_ok=True)
        command = [sys.executable, "-m", "cluster.assembly.run", "--home", str(home.root)]
        log = os.open(home.logs / "supervisor.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd=home.root)
        os.close(log)
        local.wait_for("the API server did not become ready", lambda: _alive(process, home) and local.healthy(config), READY_SECONDS, home)
        current.detail = config.server


def _alive(process: subprocess.Popen[bytes], home: Home) -> bool:
    if process.poll() is not None:
        raise CommandError(f'the supervisor ended: see "{home.logs / "supervisor.log"}"')
    return True


def _nodes(config: Config, state: dict[str, Any] | None) -> None:
    """Waits until every node that is to run is Ready, having added those that are missing."""
    home = config.home
    nodes = NodeSet.load(home)
    if state is not None:
        from cluster.cli import node

        for name in nodes.grow(config.nodes):
            node.launch(config, name)
    wanted = nodes.running()
    if not wanted:
        return
    from cluster.cli import node

    with step("nodes") as current:
        local.wait_for("the nodes did not become ready", lambda: node.all_ready(config, wanted), READY_SECONDS, home, pause=0.1)
        current.detail = f"{len(wanted)} Ready ({config.runtime})"
