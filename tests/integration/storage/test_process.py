"""The store process as one that is started, ended, and met by bad company."""

from __future__ import annotations

import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from cluster.storage import remote as remote_module
from cluster.storage import wire
from cluster.storage.contract import Compacted, Key, StoreUnavailable
from cluster.storage.launch import launcher
from cluster.storage.remote import RemoteStore
from tests.support import eventually

from .conftest import WITHIN, Served, StoreProcess, put

KEY = Key("pods", "dev", "web")


def answers(process: StoreProcess) -> bool:
    with socket.socket(socket.AF_UNIX) as sock:
        return sock.connect_ex(str(process.socket)) == 0


def run(process: StoreProcess, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(process.command(*more), capture_output=True, text=True, timeout=WITHIN, check=False)


def test_a_second_process_on_one_database_is_refused(process: StoreProcess, remote: RemoteStore) -> None:
    second = run(process)
    assert second.returncode == 1
    assert second.stderr == (f'store: the database "{process.database}" is in use by another store process: stop it, or use another home\n')
    assert put(remote, KEY, 0)


@pytest.mark.parametrize("url", ["postgresql://localhost/berth", "sqlite://", "sqlite:///:memory:", "nonsense"])
def test_a_url_of_no_engine_is_refused(tmp_path: Path, url: str) -> None:
    command = [sys.executable, "-m", "cluster.storage.process", "--url", url, "--socket", str(tmp_path / "s")]
    ended = subprocess.run([*command, "--revision-file", str(tmp_path / "r")], capture_output=True, text=True, timeout=WITHIN, check=False)
    assert ended.returncode == 1
    assert ended.stderr == f'store: no store engine for "{url}": use "sqlite:///" and the path of a file\n'


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    process = StoreProcess(tmp_path)
    process.database.write_bytes(b"not a database" * 1000)
    ended = run(process)
    assert ended.returncode == 1
    assert ended.stderr == f'store: "{process.database}" can\'t be opened: file is not a database\n'


@pytest.mark.parametrize("value", ["0", "-1", "nan", "soon"])
def test_a_bad_number_of_seconds_is_refused(tmp_path: Path, value: str) -> None:
    ended = run(StoreProcess(tmp_path), "--exit-when-idle", value)
    assert ended.returncode == 2


def test_only_the_user_may_use_its_files(process: StoreProcess, remote: RemoteStore) -> None:
    put(remote, KEY, 0)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in process.folder.iterdir() if path.name != "errors"}
    assert set(modes.values()) == {0o600}, modes


def test_sigterm_ends_it_cleanly_and_nothing_is_lost(process: StoreProcess, remote: RemoteStore) -> None:
    revision = put(remote, KEY, 0)
    assert process.end() == 0
    assert not process.socket.exists()
    process.start()
    assert put(remote, KEY, revision) == revision + 1


def test_a_stale_socket_is_no_obstacle(tmp_path: Path) -> None:
    process = StoreProcess(tmp_path)
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(process.socket))
    process.start()
    with process.connect() as store:
        assert put(store, KEY, 0)
    process.stop()


def test_a_path_of_any_length_will_do(tmp_path: Path) -> None:
    folder = tmp_path / ("deep" * 20) / ("deeper" * 20)
    folder.mkdir(parents=True)
    process = StoreProcess(folder)
    process.start()
    with process.connect() as store:
        assert put(store, KEY, 0)
    process.stop()


def test_it_ends_when_no_worker_has_been_there_for_a_while(tmp_path: Path) -> None:
    process = StoreProcess(tmp_path)
    process.start("--exit-when-idle", "1.5")
    with process.connect() as store:
        put(store, KEY, 0)
        assert process.process.poll() is None
    assert process.process.wait(WITHIN) == 0


def test_a_worker_starts_one_where_none_runs(tmp_path: Path) -> None:
    files = tmp_path / "store.sock", tmp_path / "revision"
    start = launcher(f"sqlite:///{tmp_path / 'store.db'}", *files, exit_when_idle=2)
    with RemoteStore.connect(*files, start=start) as store, RemoteStore.connect(*files, start=start) as other:
        revision = put(store, KEY, 0)
        assert other.get(KEY).revision == revision
    assert eventually(lambda: not files[0].exists(), "the idle store process has ended")


def test_without_a_store_process_connecting_fails_in_time(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="no store process answers"):
        RemoteStore.connect(tmp_path / "s", tmp_path / "r", timeout=0.2)


def test_while_the_store_is_down_reads_go_on_and_writes_fail_in_time(
    process: StoreProcess, remote: RemoteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_module, "REQUEST_WITHIN", 0.3)
    revision = put(remote, KEY, 0)
    process.kill()
    assert remote.get(KEY).revision == revision
    with pytest.raises(StoreUnavailable, match="unknown whether the write happened"):
        put(remote, KEY, revision)
    process.start()
    eventually(lambda: answers(process), "the store is back")
    assert remote.get(KEY).revision == revision


def test_a_write_made_while_the_store_is_down_happens_once_it_is_back(process: StoreProcess, remote: RemoteStore) -> None:
    process.kill()
    process.start()
    assert put(remote, KEY, 0) == 2


def test_a_database_that_was_replaced_is_loaded_anew(process: StoreProcess, remote: RemoteStore) -> None:
    revision = 0
    for _ in range(50):
        revision = put(remote, KEY, revision)
    heard: list[tuple[str, bool]] = []
    remote.subscribe("pods", lambda change: heard.append((change.key.name, change.entry is not None)))
    watch = remote.watch("pods", None, revision)
    process.kill()
    for path in process.folder.glob("store.db*"):
        path.unlink()
    process.start()
    assert watch.next(WITHIN) is None
    eventually(lambda: remote.get(KEY) is None, "the new database is loaded")
    assert put(remote, KEY, 0) == 2
    assert heard == [("web", True), ("web", False), ("web", True)]


def test_history_that_is_too_old_is_compacted_for_every_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cluster.storage.service.COMPACTION_INTERVAL", 0.05)
    served = Served(tmp_path, history=0.05)
    with served.connect() as store, served.connect() as other:
        revision = 0
        for _ in range(20):
            revision = put(store, KEY, revision)
        for each in (store, other):
            eventually(lambda each=each: is_compacted(each, revision - 1), "history is compacted")
            with pytest.raises(Compacted) as caught:
                each.watch("pods", None, 3)
            assert (caught.value.asked, caught.value.oldest) == (3, revision)
            assert each.list_at("pods", "dev", revision).entries[0].revision == revision
            each.watch("pods", None, revision).close()
    served.close()


def is_compacted(store: RemoteStore, revision: int) -> bool:
    try:
        store.list_at("pods", None, revision)
    except Compacted:
        return True
    return False


def test_a_late_worker_pages_through_history_it_never_saw(served: Served) -> None:
    with served.connect() as store:
        since = put(store, KEY, 0, "x" * 200_000)
        revision = since
        for number in range(60):
            revision = put(store, KEY, revision, f"{number}" + "x" * 200_000)
        gone = put(store, KEY._replace(name="gone"), 0)
        store.commit([put_away(KEY._replace(name="gone"), gone)])
        with served.connect() as late:
            with late.watch("pods", None, since) as watch:
                seen = []
                while len(seen) < 62:
                    seen += watch.next(WITHIN)
                assert [change.revision for change in seen] == list(range(since + 1, since + 63))
                assert seen[-1].previous.revision == gone
                assert watch.revision == since + 62
            with late.watch("pods", "dev", since, name="gone") as watch:
                assert [change.revision for change in watch.next(WITHIN)] == [gone, gone + 1]
            snapshot = late.list_at("pods", None, gone)
            assert [(entry.key.name, entry.revision) for entry in snapshot.entries] == [("gone", gone), ("web", revision)]
            assert late.list_at("pods", None, since).entries[0].revision == since


def put_away(key: Key, revision: int):
    from cluster.storage.contract import Write

    return Write(key, revision, None)


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param(b"\xff\xff\xff\xff", id="too long"),
        pytest.param(b"\x00\x00\x00\x01\xc1", id="no msgpack"),
        pytest.param(b"\x00\x00\x00\x01\x01", id="no list"),
        pytest.param(wire.pack(99), id="unknown kind"),
        pytest.param(wire.pack(wire.COMMIT, 1), id="too short"),
        pytest.param(wire.pack(wire.COMMIT, 1, "t", [["k", "x"]]), id="writes that are none"),
    ],
)
def test_a_bad_message_costs_its_sender_the_connection_and_nobody_else(process: StoreProcess, remote: RemoteStore, frame: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(process.socket))
        sock.settimeout(WITHIN)
        sock.sendall(frame)
        assert sock.recv(1) == b""
    assert put(remote, KEY, 0) == 2


def test_a_disk_that_fails_ends_the_process_and_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_module, "REQUEST_WITHIN", 2.0)
    limit = 600_000
    limited = "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
    limited += f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}));"
    limited += "from cluster.storage.process import main; sys.exit(main(sys.argv[1:]))"
    process = StoreProcess(tmp_path)
    arguments = process.command()[3:]
    started = subprocess.Popen([sys.executable, "-c", limited, *arguments], stderr=subprocess.PIPE, text=True)
    with process.connect() as store:
        revision = put(store, KEY, 0)
        with pytest.raises(StoreUnavailable):
            put(store, KEY, revision, "x" * limit)
        _, errors = started.communicate(timeout=WITHIN)
        assert (started.returncode, errors) == (1, "store: the database can't be written: disk I/O error\n")
        process.start()
        assert put(store, KEY, revision) == revision + 1
    process.stop()
