"""`make bench`: starts a cluster of its own, prints start-up time, memory at rest and throughput, and deletes it.

`python -m bench [--quick]`.  Everything runs on loopback in a temporary home, is bounded, and is removed at the end.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BERTH = [sys.executable, "-m", "cluster.cli"]
SETTLE_SECONDS = 15


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def berth(home: Path, *arguments: str) -> None:
    environment = os.environ | {"KUBECONFIG": str(home.parent / "kubeconfig")}
    subprocess.run([*BERTH, *arguments, "--home", str(home)], check=True, env=environment, stdout=subprocess.DEVNULL)


def start_to_kubectl(home: Path, port: int) -> float:
    """Seconds from `berth start` to the end of a `kubectl get ns`."""
    started = time.perf_counter()
    berth(home, "start", "--port", str(port), "--nodes", "0", "--runtime", "sim")
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        raise SystemExit("bench: kubectl is not on PATH")
    command = [kubectl, "--kubeconfig", str(home / "admin.kubeconfig"), "get", "ns"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def processes(root: int) -> list[int]:
    """A process and all its descendants."""
    found = [root]
    for pid in found:
        for task in Path(f"/proc/{pid}/task").iterdir():
            found += [int(child) for child in (task / "children").read_text().split()]
    return found


def proportional_set_size(pid: int) -> float:
    """MiB."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return 0.0


def memory(home: Path) -> dict[str, float]:
    """The proportional set size of each part, in MiB, and their sum."""
    from cluster.assembly.config import Home
    from cluster.assembly.supervisor import ask

    state = ask(Home(home), {"do": "status"})
    sizes = {"supervisor": proportional_set_size(state["pid"])}
    for name, component in state["components"].items():
        sizes[name] = sum(proportional_set_size(pid) for pid in processes(component["pid"]))
    return {name: round(size, 1) for name, size in sizes.items()} | {"sum": round(sum(sizes.values()), 1)}


def load(home: Path, port: int, mode: str, **options: int) -> None:
    pki = home / "pki"
    command = [sys.executable, "-m", "bench.load", mode, "--server", f"https://127.0.0.1:{port}"]
    command += ["--ca", str(pki / "ca.crt"), "--certificate", str(pki / "admin.crt"), "--key", str(pki / "admin.key")]
    for name, value in options.items():
        command += [f"-{name}" if len(name) == 1 else f"--{name}", str(value)]
    print(subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip(), flush=True)


def authorization(home: Path, port: int, scale: int) -> None:
    """Access reviews beside 5,000 bindings of their namespace and 5,000 of the cluster, and how soon one more counts."""
    for mode in ("rolebindings", "clusterrolebindings"):
        load(home, port, mode, n=5000 // scale, c=16)
    load(home, port, "sar", n=4000 // scale, c=16)
    load(home, port, "effect", n=100 // scale, c=4)


def authentication(scale: int) -> None:
    """What it costs to find out who sends a request, in a process of its own."""
    subprocess.run([sys.executable, "-m", "bench.authentication", "-n", str(5000 // scale)], check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the work")
    quick = parser.parse_args().quick
    scale = 10 if quick else 1
    with tempfile.TemporaryDirectory(prefix="berth-bench-") as folder:
        home, port = Path(folder) / "home", free_port()
        try:
            times = [start_to_kubectl(home, port)]
            for _ in range(1 if quick else 3):
                berth(home, "stop")
                times.append(start_to_kubectl(home, port))
            print(json.dumps({"start_to_kubectl_get_ns_s": {"first": round(times[0], 2), "warm": round(statistics.median(times[1:]), 2)}}))
            berth(home, "start", "--nodes", "1")
            time.sleep(SETTLE_SECONDS)
            print(json.dumps({"pss_mib": memory(home)}), flush=True)
            authentication(scale)
            load(home, port, "namespace")
            for mode, count, clients in (
                ("create", 500, 1),
                ("create", 4000, 16),
                ("dryrun", 2000, 16),
                ("patch", 2000, 16),
                ("get", 2000, 1),
                ("get", 6000, 16),
                ("sar", 4000, 16),
                ("list", 20, 1),
            ):
                if mode == "create" and clients == 1:
                    load(home, port, mode, n=count // scale, c=1)
                    load(home, port, "delete", n=count // scale, c=16)
                else:
                    load(home, port, mode, n=max(5, count // scale), c=clients)
            load(home, port, "issue", n=1000 // scale, c=16)
            load(home, port, "kubeconfigs", n=20, c=1)
            authorization(home, port, scale)
            load(home, port, "fanout", n=100, c=4, watchers=500 // scale)
            load(home, port, "delete", n=2000 // scale, c=16)
        finally:
            berth(home, "delete")


if __name__ == "__main__":
    main()
