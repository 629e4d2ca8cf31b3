"""The store alone: commits per second, the slowest commit, and how soon another worker sees one.

`python bench/store.py [--seconds 3] [--workers 2] [--writers 16] [--threads]`: a store process and worker processes of its
own in a temporary folder, over a Unix socket; writers are greenlets, or threads with `--threads`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

VALUE = b'{"metadata":{"name":"x"},"data":"%s"}' % (b"x" * 1400)
VISIBILITY_SAMPLES = 300


def main() -> None:
    options = _parse()
    if options.role:
        _worker(options)
        return
    with tempfile.TemporaryDirectory(prefix="berth-bench-") as folder:
        _measure(options, Path(folder))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--writers", type=int, default=16, help="in each worker")
    parser.add_argument("--threads", action="store_true", help="native threads instead of greenlets")
    parser.add_argument("--role", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def _measure(options: argparse.Namespace, folder: Path) -> None:
    command = [sys.executable, "-m", "cluster.storage.process", "--url", f"sqlite:///{folder / 'store.db'}"]
    store = subprocess.Popen([*command, "--socket", str(folder / "s"), "--revision-file", str(folder / "r")])
    try:
        workers = [_start(options, folder, f"write-{number}") for number in range(options.workers)]
        results = [_collect(worker) for worker in workers]
        commits = sum(result["commits"] for result in results)
        latencies = sorted(latency for result in results for latency in result["latencies"])
        shares = [result["commits"] for result in results]
        middle, late = latencies[len(latencies) // 2], latencies[int(len(latencies) * 0.99)]
        print(f"commits per second       {commits / options.seconds:10.0f}   by worker {shares}")
        print(f"commit, median / 99 %    {middle * 1e3:7.2f} / {late * 1e3:.2f} ms; slowest {latencies[-1] * 1e3:.1f} ms")
        print(f"store process            {_memory(store.pid) / 1024:10.1f} MiB PSS after it")
        watcher, writer = _start(options, folder, "see"), _start(options, folder, "show")
        shown, seen = _collect(writer)["at"], _collect(watcher)["at"]
        lags = sorted(seen[revision] - at for revision, at in shown.items() if revision in seen)
        print(f"acknowledged to visible  {lags[len(lags) // 2] * 1e3:10.2f} ms median, {lags[-1] * 1e3:.2f} ms slowest, n={len(lags)}")
        alone = _collect(_start(options, folder, "read"))
        print(f"get                      {alone['get'] * 1e6:10.2f} µs; list of 1,000 again {alone['list'] * 1e6:.1f} µs")
        print(f"fan-out to 1,000 watches {alone['fan'] * 1e6:10.0f} µs for one change")
    finally:
        store.terminate()
        store.wait(10)


def _start(options: argparse.Namespace, folder: Path, role: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, __file__, "--role", role, "--folder", str(folder), "--seconds", str(options.seconds)]
    command += ["--writers", str(options.writers)] + (["--threads"] if options.threads else [])
    return subprocess.Popen(command, stdout=subprocess.PIPE)


def _collect(process: subprocess.Popen[bytes]) -> dict:
    output, _ = process.communicate(timeout=120)
    return json.loads(output)


def _memory(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    return 0


def _worker(options: argparse.Namespace) -> None:
    if not options.threads:
        from gevent import monkey

        monkey.patch_all()
    from cluster.storage.remote import RemoteStore

    with RemoteStore.connect(options.folder / "s", options.folder / "r") as store:
        role = options.role.partition("-")[0]
        print(json.dumps({"write": _write, "see": _see, "show": _show, "read": _read}[role](store, options)))


def _write(store, options: argparse.Namespace) -> dict:
    import threading

    from cluster.storage.contract import Key, Write

    latencies: list[float] = []
    end = time.monotonic() + options.seconds

    def writer(number: int) -> None:
        key = Key("pods", "bench", f"{os.getpid()}-{number}")
        revision = 0
        while time.monotonic() < end:
            began = time.monotonic()
            revision = store.commit([Write(key, revision, VALUE)])
            latencies.append(time.monotonic() - began)

    threads = [threading.Thread(target=writer, args=(number,)) for number in range(options.writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {"commits": len(latencies), "latencies": latencies}


def _see(store, _: argparse.Namespace) -> dict:
    from cluster.storage.contract import Key, Write

    at: dict[int, float] = {}
    with store.watch("visible", None, store.revision()) as watch:
        store.commit([Write(Key("ready", "", "ready"), 0, VALUE)])
        while len(at) < VISIBILITY_SAMPLES:
            for change in watch.next(10) or ():
                at[change.revision] = time.monotonic()
    return {"at": at}


def _show(store, _: argparse.Namespace) -> dict:
    from cluster.storage.contract import Key, Write

    at: dict[int, float] = {}
    with store.watch("ready", None, 1) as watch:
        watch.next(10)
    for number in range(VISIBILITY_SAMPLES):
        revision = store.commit([Write(Key("visible", "", str(number)), 0, VALUE)])
        at[revision] = time.monotonic()
    return {"at": at}


def _read(store, _: argparse.Namespace) -> dict:
    from cluster.storage.contract import Key, Write

    for start in range(0, 1000, 100):
        store.commit([Write(Key("many", "x", str(number)), 0, VALUE) for number in range(start, start + 100)])
    key, rounds = Key("many", "x", "7"), 100_000
    began = time.monotonic()
    for _ in range(rounds):
        store.get(key)
    get = (time.monotonic() - began) / rounds
    began = time.monotonic()
    for _ in range(1000):
        store.list("many", "x")
    listed = (time.monotonic() - began) / 1000
    watches = [store.watch("fan", None, store.revision()) for _ in range(1000)]
    began, changes = time.monotonic(), 20
    for number in range(changes):
        store.commit([Write(Key("fan", "", str(number)), 0, VALUE)])
        for watch in watches:
            watch.next(10)
    return {"get": get, "list": listed, "fan": (time.monotonic() - began) / changes}


if __name__ == "__main__":
    main()
