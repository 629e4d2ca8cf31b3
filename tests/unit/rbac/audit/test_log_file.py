"""The log file: whole lines, none lost while several processes rotate it, readable newest first."""

from __future__ import annotations

import gzip
import json
import multiprocessing
import os
import stat
import time
from pathlib import Path

import pytest

from rbac.audit.log_file import LogFile, backup_path, rotated_files, tidy
from rbac.audit.model import AuditEvent, Level
from rbac.audit.reading import Gone, LogReader, Position
from tests.support import eventually


def event(number: int, size: int = 0, who: int = 0) -> AuditEvent:
    fields = {"who": who, "number": number, "filler": "x" * size}
    return AuditEvent(Level.METADATA, fields, json.dumps(fields).encode())


def lines(path: Path) -> list[dict[str, int]]:
    found = []
    for each in [*reversed(rotated_files(path)), path]:
        data = gzip.decompress(each.read_bytes()) if each.suffix == ".gz" else each.read_bytes()
        found += [json.loads(line) for line in data.splitlines()]
    return found


def _write(path: Path, who: int, count: int, compress: bool) -> None:
    log = LogFile(path, max_size=20_000, compress=compress)
    for number in range(count):
        log.process((event(number, 200, who),))
    log.close()
    assert not log.failures


@pytest.mark.parametrize("compress", [False, True])
def test_several_processes_rotate_without_losing_a_line(tmp_path: Path, compress: bool) -> None:
    path, count = tmp_path / "audit.log", 400
    spawn = multiprocessing.get_context("spawn")
    writers = [spawn.Process(target=_write, args=(path, who, count, compress)) for who in range(4)]
    for each in writers:
        each.start()
    for each in writers:
        each.join(60)
        assert each.exitcode == 0
    tidy(path, 0, 0, compress=compress)
    found = lines(path)
    assert len(rotated_files(path)) > 10
    for who in range(4):
        assert [each["number"] for each in found if each["who"] == who] == list(range(count))
    assert {each.suffix for each in rotated_files(path)} == {".gz" if compress else ".log"}


def test_files_are_private(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "audit.log"
    log = LogFile(path, max_size=100)
    for number in range(3):
        log.process((event(number, 80),))
    log.close()
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert {stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()} == {0o600}


def test_rotated_files_are_named_by_time_and_never_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moment = 1_763_863_079_123
    monkeypatch.setattr(time, "time_ns", lambda: moment * 1_000_000)
    path = tmp_path / "audit.log"
    log = LogFile(path, max_size=50)
    for number in range(4):
        log.process((event(number, 60),))
    log.close()
    assert [each.name for each in rotated_files(path)] == [
        "audit-2025-11-23T01-57-59.125.log", "audit-2025-11-23T01-57-59.124.log", "audit-2025-11-23T01-57-59.123.log",
    ]  # fmt: skip
    assert [each["number"] for each in lines(path)] == [0, 1, 2, 3]


def test_line_larger_than_a_file_has_one_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    log = LogFile(path, max_size=100)
    for number, size in enumerate((10, 500, 10)):
        log.process((event(number, size),))
    log.close()
    assert [each["number"] for each in lines(path)] == [0, 1, 2]


def test_log_that_was_moved_away_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    log = LogFile(path)
    log.process((event(0),))
    path.rename(tmp_path / "elsewhere")
    log.process((event(1),))
    path.unlink()
    log.process((event(2),))
    log.close()
    assert [each["number"] for each in lines(path)] == [2]
    assert [json.loads(line)["number"] for line in (tmp_path / "elsewhere").read_text().splitlines()] == [0]


def test_what_cannot_be_written_is_counted_and_stops_nothing(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    log = LogFile(blocked / "audit.log")
    assert log.process((event(0),))
    assert log.failures == 1


def test_line_that_did_not_fit_on_the_disk_leaves_no_torn_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "audit.log"
    log = LogFile(path)
    log.process((event(0),))
    written = os.write
    parts = iter([5])

    def full(descriptor: int, data: bytes) -> int:
        size = next(parts, None)
        if size is None:
            raise OSError(28, "No space left on device")
        return written(descriptor, data[:size])

    monkeypatch.setattr(os, "write", full)
    log.process((event(1),))
    monkeypatch.undo()
    log.process((event(2),))
    log.close()
    assert log.failures == 1
    assert [each["number"] for each in lines(path)] == [0, 2]


def test_old_and_many_files_are_removed(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    now = int(time.time() * 1000)
    for days in range(6):
        backup_path(path, now - days * 86_400_000 - 1000).write_text("")
    (tmp_path / "audit-notes.log").write_text("not ours")
    tidy(path, 0, 4, compress=False)
    assert len(rotated_files(path)) == 4
    tidy(path, 2, 0, compress=True)
    assert [each.suffix for each in rotated_files(path)] == [".gz", ".gz"]
    assert (tmp_path / "audit-notes.log").exists()


def test_rotation_keeps_no_more_than_it_may(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    log = LogFile(path, max_size=100, max_backups=2)
    for number in range(20):
        log.process((event(number, 80),))
    log.process((event(20, 80),))
    eventually(lambda: len(rotated_files(path)) <= 3, "old files go")
    log.close()


def _filled(path: Path) -> list[bytes]:
    log = LogFile(path, max_size=3000, compress=True)
    written = [event(number, number * 37 % 900) for number in range(60)]
    for each in written:
        log.process((each,))
    log.close()
    return [each.encoded for each in written]


@pytest.mark.parametrize("block", [11, 256, 1 << 18])
def test_log_is_read_backwards_and_on_from_any_line(tmp_path: Path, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rbac.audit.reading.BLOCK", block)
    path = tmp_path / "audit.log"
    written = _filled(path)
    reader = LogReader(path)
    read = list(reader.lines())
    assert [each.text for each in read] == written[::-1]
    tidy(path, 0, 0, compress=True)
    for index in range(0, 60, 7):
        assert [each.text for each in reader.lines(read[index].position)] == written[::-1][index + 1 :]


def test_line_that_is_not_whole_yet_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    path.write_bytes(b'{"a":1}\n{"b":')
    assert [each.text for each in LogReader(path).lines()] == [b'{"a":1}']


def test_position_in_a_removed_file_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "audit.log"
    path.write_bytes(b"{}\n")
    with pytest.raises(Gone):
        list(LogReader(path).lines(Position("elsewhere", 3)))


def test_log_that_is_not_there_yet_has_no_lines(tmp_path: Path) -> None:
    assert list(LogReader(tmp_path / "none" / "audit.log").lines()) == []
