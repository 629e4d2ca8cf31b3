"""A worker in a process of its own, told what to do over a socket: one JSON line a command, one a reply.

`worker_process.py gevent|threads STORE_SOCKET REVISION_FILE COMMAND_DESCRIPTOR`.
"""

from __future__ import annotations

import sys

if sys.argv[1] == "gevent":
    from gevent import monkey

    monkey.patch_all()

import json
import os
import random
import socket
import threading
import time
from pathlib import Path

from cluster.storage.contract import Key, StoreUnavailable, Write, WriteConflict
from cluster.storage.remote import RemoteStore


def main() -> None:
    store = RemoteStore.connect(Path(sys.argv[2]), Path(sys.argv[3]))
    channel = socket.socket(fileno=int(sys.argv[4]))
    lock = threading.Lock()

    def reply(message: object) -> None:
        with lock:
            channel.sendall(json.dumps(message).encode() + b"\n")

    reply("ready")
    for line in channel.makefile("rb"):
        command, *arguments = json.loads(line)
        COMMANDS[command](store, reply, *arguments)


def get(store: RemoteStore, reply, key: list[str]) -> None:
    entry = store.get(Key(*key))
    reply([entry.revision, entry.data.decode()] if entry else None)


def names(store: RemoteStore, reply, resource: str) -> None:
    reply([entry.key.name for entry in store.list(resource).entries])


def write_forever(store: RemoteStore, reply, name: str, writers: int) -> None:
    """Each writer rewrites its own object for ever, and reports each acknowledged write."""

    def writer(key: Key) -> None:
        attempt = 0
        while True:
            attempt += 1
            text = f"{os.getpid()}-{attempt}"
            data = b'{"metadata":{"name":"%s"},"data":"%s","filler":"%s"}' % (key.name.encode(), text.encode(), b"x" * 1000)
            try:
                entry = store.get(key)
                if entry is not None and attempt % 10 == 0:
                    reply([store.commit([Write(key, entry.revision, None)]), key.name, None])
                else:
                    reply([store.commit([Write(key, entry.revision if entry else 0, data)]), key.name, text])
            except (StoreUnavailable, WriteConflict):
                continue  # of a predecessor, or it is unknown: read again

    for number in range(writers):
        threading.Thread(target=writer, args=(Key("pods", "kill", f"{name}-{number}"),), daemon=True).start()


def record(store: RemoteStore, reply, clients: int, operations: int, keys: int, seed: int) -> None:
    """Clients read and compare-and-swap a few registers at random; replies with all operations and their times."""
    history: list[list[object]] = []

    def client(number: int) -> None:
        choose = random.Random(seed * 1000 + number)
        known: dict[str, int] = {}
        for _ in range(operations):
            name = f"r{choose.randrange(keys)}"
            key = Key("registers", "", name)
            began = time.monotonic_ns()
            if choose.random() < 0.5:
                entry = store.get(key)
                known[name] = entry.revision if entry else 0
                result = ["read", 0, known[name]]
            else:
                expected = known.get(name, 0)
                try:
                    known[name] = store.commit([Write(key, expected, b'{"metadata":{"name":"%s"}}' % name.encode())])
                    result = ["swapped", expected, known[name]]
                except WriteConflict as error:
                    known[name] = error.current
                    result = ["refused", expected, error.current]
            history.append([name, began, time.monotonic_ns(), *result])

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    reply(history)


COMMANDS = {"get": get, "names": names, "write": write_forever, "record": record}

if __name__ == "__main__":
    main()
