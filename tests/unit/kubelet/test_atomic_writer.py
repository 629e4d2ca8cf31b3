from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cluster.kubelet.atomic_writer import Projection, write


def _read(target: Path) -> dict[str, bytes]:
    found = {}
    for name in os.listdir(target):
        if name.startswith(".."):
            continue
        path = target / name
        files = [path] if path.is_file() else [each for each in path.rglob("*") if each.is_file()]
        found |= {str(each.relative_to(target)): each.read_bytes() for each in files}
    return found


def _files(**texts: str) -> dict[str, Projection]:
    return {name.replace("__", "/"): Projection(text.encode(), 0o644) for name, text in texts.items()}


def test_names_are_links_through_data(tmp_path: Path) -> None:
    write(tmp_path, _files(key="value"))
    assert os.readlink(tmp_path / "key") == "..data/key"


def test_modes_are_those_asked_for(tmp_path: Path) -> None:
    write(tmp_path, {"key": Projection(b"x", 0o400)})
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o400


def test_nested_paths_have_one_link_at_the_top(tmp_path: Path) -> None:
    write(tmp_path, _files(a__b__c="deep"))
    assert (os.readlink(tmp_path / "a"), (tmp_path / "a/b/c").read_text()) == ("..data/a", "deep")


def test_the_same_content_is_not_written_again(tmp_path: Path) -> None:
    write(tmp_path, _files(key="value"))
    before = os.readlink(tmp_path / "..data")
    assert (write(tmp_path, _files(key="value")), os.readlink(tmp_path / "..data")) == (False, before)


def test_a_new_version_replaces_the_old_one(tmp_path: Path) -> None:
    write(tmp_path, _files(gone="1", stays="1"))
    write(tmp_path, _files(stays="2", new="1"))
    folders = [name for name in os.listdir(tmp_path) if name.startswith("..2")]
    assert (_read(tmp_path), len(folders)) == ({"stays": b"2", "new": b"1"}, 1)


@pytest.mark.parametrize("path", ["/etc/passwd", "../up", "a/../../b", "..data", ""])
def test_paths_may_not_leave_the_volume(tmp_path: Path, path: str) -> None:
    with pytest.raises(ValueError, match="invalid path"):
        write(tmp_path, {path: Projection(b"", 0o644)})


NAMES = st.text("abc", min_size=1, max_size=2)


@given(st.lists(st.dictionaries(NAMES, st.binary(max_size=4), max_size=4), min_size=1, max_size=4))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_after_any_versions_exactly_the_last_is_seen(tmp_path_factory: pytest.TempPathFactory, versions: list[dict[str, bytes]]) -> None:
    target = tmp_path_factory.mktemp("volume")
    for version in versions:
        write(target, {name: Projection(data, 0o644) for name, data in version.items()})
    assert _read(target) == versions[-1]
