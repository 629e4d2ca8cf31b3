"""Files that are followed: what is new is applied, what is bad is told of once and changes nothing."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.api import followed_file
from cluster.assembly.reload import follow
from tests.support import eventually


class Followed:
    """A file, and what was applied of it; what starts with "bad" is refused."""

    def __init__(self, path: Path, known: bytes) -> None:
        self.path = path
        self.known = known
        self.applied: list[bytes] = []
        self.closed = threading.Event()

    def apply(self, data: bytes) -> bool:
        if data.startswith(b"bad"):
            raise ValueError(f"no good: {data.decode()}")
        self.applied.append(data)
        return True

    def start(self) -> None:
        follow(self.path, self.known, self.apply, self.closed)

    def sees(self, data: bytes) -> bool:
        return bool(eventually(lambda: self.applied[-1:] == [data], f"{data!r} is applied", 5))


@pytest.fixture
def followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Followed]:
    monkeypatch.setattr(followed_file, "LOOK_SECONDS", 0.01)
    path = tmp_path / "file"
    path.write_bytes(b"one")
    made = Followed(path, b"one")
    yield made
    made.closed.set()


def test_what_a_late_comer_finds_is_in_force_before_it_goes_on(followed: Followed) -> None:
    followed.path.write_bytes(b"two")
    followed.start()
    assert followed.applied == [b"two"]


def test_what_is_known_is_not_applied_again(followed: Followed) -> None:
    followed.start()
    assert followed.applied == []


def test_a_file_written_over_renamed_onto_or_linked_anew_is_applied(followed: Followed) -> None:
    followed.start()
    followed.path.write_bytes(b"two")
    assert followed.sees(b"two")
    other = followed.path.with_name("other")
    other.write_bytes(b"three")
    os.replace(other, followed.path)
    assert followed.sees(b"three")
    other.write_bytes(b"four")
    followed.path.unlink()
    followed.path.symlink_to(other)
    assert followed.sees(b"four")


def test_what_is_bad_is_told_of_once_and_what_follows_counts(followed: Followed, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR, "cluster.assembly.reload")
    followed.start()
    followed.path.write_bytes(b"bad")
    eventually(lambda: "no good: bad" in caplog.text, "the log says so", 5)
    followed.path.unlink()
    eventually(lambda: "No such file" in caplog.text, "the log says that it is gone", 5)
    followed.path.write_bytes(b"two")
    assert followed.sees(b"two")
    assert (caplog.text.count("no good"), caplog.text.count("No such file")) == (1, 1)
