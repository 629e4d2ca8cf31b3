"""`berth start`, `status`, `stop` and `delete` as a user meets them."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat

import pytest
import yaml

from tests.integration.cli.conftest import Berth


def test_start_makes_a_cluster_and_a_second_start_changes_nothing(running: Berth) -> None:
    before = running.pid("apiserver")
    again = running.start("--nodes", "1")
    assert "runs already" in again.stdout
    assert running.pid("apiserver") == before


def test_start_says_loudly_that_pods_are_simulated(running: Berth) -> None:
    assert "SIMULATED" in running.start().stdout
    assert "SIMULATED" in running.run("status").stdout


def test_status_lists_each_part(running: Berth) -> None:
    report = running.status()
    assert report["components"] == dict.fromkeys(("store", "apiserver", "controller-manager", "scheduler"), "Running")
    assert report["kubeconfig"] == "Configured"
    assert next((node["name"], node["ready"]) for node in report["nodes"]) == ("node-1", "True")


def test_the_users_kubeconfig_gets_a_context_that_works(running: Berth) -> None:
    document = yaml.safe_load(running.user_kubeconfig.read_text())
    assert document["current-context"] in [each["name"] for each in document["contexts"]]
    assert stat.S_IMODE(running.user_kubeconfig.stat().st_mode) == 0o600


def test_files_of_the_home_are_private(running: Berth) -> None:
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in running.home.rglob("*") if "pods" not in path.parts and path.is_file()}
    assert {"ca.key", "config.json", "nodes.json", "apiserver.log"} <= {path.name for path in modes}
    assert {path: mode for path, mode in modes.items() if mode != 0o600} == {}


def test_a_change_of_a_running_cluster_is_refused(running: Berth) -> None:
    result = running.run("start", "--workers", "5", check=False)
    assert result.returncode == 1
    assert "stop it" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--port", "0"), 'port "0" is not between'),
        (("--nodes", "-1"), '"-1" nodes'),
        (("--workers", "0"), '"0" workers'),
        (("--runtime", "podman"), 'runtime "podman" is unknown'),
        (("--kubernetes-version", "1.2"), 'Kubernetes version "1.2" is unknown'),
        (("--store", "mysql://x"), 'store "mysql://x" is not supported'),
        (("--authentication-config", "/none"), 'failed to load authentication configuration from file "/none": No such file or directory'),
    ],
)
def test_bad_flags_are_explained_and_change_nothing(berth: Berth, arguments: tuple[str, ...], message: str) -> None:
    result = berth.run("start", *arguments, check=False)
    assert result.returncode == 1
    assert message in result.stderr
    assert not berth.home.exists()


def test_a_taken_port_is_a_clear_error(berth: Berth) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", berth.port))
        other.listen()
        result = berth.run("start", "--port", str(berth.port), "--runtime", "sim", check=False)
    assert result.returncode == 1
    assert f"port {berth.port} on 127.0.0.1 is taken" in result.stderr
    assert not berth.home.exists()


def test_a_home_that_is_a_file_is_a_clear_error(berth: Berth) -> None:
    berth.home.write_text("")
    result = berth.run("start", check=False)
    assert result.returncode == 1
    assert "is not a folder" in result.stderr
    berth.home.unlink()


def test_a_broken_configuration_is_a_clear_error(berth: Berth) -> None:
    berth.home.mkdir()
    (berth.home / "config.json").write_text("{")
    result = berth.run("status", check=False)
    (berth.home / "config.json").unlink()
    assert result.returncode == 1
    assert "is not a configuration" in result.stderr


def test_commands_without_a_cluster_say_so(berth: Berth) -> None:
    for arguments in (("status",), ("stop",), ("node", "list"), ("kubeconfig", "create", "x", "--user")):
        result = berth.run(*arguments, check=False)
        assert result.returncode == 1
        assert "there is no cluster in" in result.stderr


def test_every_killed_process_comes_back_and_nothing_is_lost(berth: Berth) -> None:
    berth.start("--nodes", "1")
    berth.run("kubeconfig", "create", "default", "-n", "default")
    for component in ("store", "apiserver", "controller-manager", "scheduler", "kubelet-node-1"):
        killed = berth.pid(component)
        os.kill(killed, signal.SIGKILL)
        berth.until(lambda component=component, killed=killed: berth.pid(component) not in (0, killed))
    berth.until(lambda: berth.run("status", check=False).returncode == 0)
    berth.run("kubeconfig", "renew", "default", "-n", "default")


def test_start_brings_back_a_cluster_whose_supervisor_was_killed(berth: Berth) -> None:
    from cluster.assembly.config import Home
    from cluster.assembly.supervisor import ask

    berth.start("--nodes", "0")
    children = [berth.pid(name) for name in ("store", "apiserver")]
    os.kill(ask(Home(berth.home), {"do": "status"})["pid"], signal.SIGKILL)
    berth.until(lambda: not any(_alive(pid) for pid in children))
    berth.start("--nodes", "0")
    assert berth.status()["components"]["apiserver"] == "Running"


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_stop_keeps_what_the_cluster_holds_and_delete_removes_it(berth: Berth) -> None:
    berth.start("--nodes", "0")
    authority = (berth.home / "pki" / "ca.crt").read_bytes()
    berth.run("stop")
    assert berth.status()["components"]["apiserver"] == "Stopped"
    berth.start("--nodes", "0")
    assert (berth.home / "pki" / "ca.crt").read_bytes() == authority
    berth.run("delete")
    assert not berth.home.exists()
    assert not (yaml.safe_load(berth.user_kubeconfig.read_text()) or {}).get("contexts")


def test_delete_leaves_what_is_not_the_clusters(berth: Berth) -> None:
    berth.start("--nodes", "0")
    (berth.home / "notes.txt").write_text("mine")
    berth.run("delete")
    assert [path.name for path in berth.home.iterdir()] == ["notes.txt"]


def test_nodes_are_added_stopped_started_and_removed(running: Berth) -> None:
    running.run("node", "add", "extra")
    running.run("node", "stop", "extra")
    states = {row["name"]: row["kubelet"] for row in json.loads(running.run("node", "list", "-o", "json").stdout)}
    assert states["extra"] == "Stopped"
    running.run("node", "start", "extra")
    running.run("node", "remove", "extra")
    assert "extra" not in running.run("node", "list").stdout
    assert running.run("node", "start", "extra", check=False).returncode == 1
