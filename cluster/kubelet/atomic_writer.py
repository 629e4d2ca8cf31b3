"""Writes a volume's files so that a reader sees all of one version or all of the next.  Upstream: `pkg/volume/util/atomic_writer.go`.

The files lie in a folder named by time; `..data` is a link to it, and each top-level name a link through `..data`.  Renaming a new
link over `..data` publishes a version at once.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Final

from msgspec import Struct

_DATA: Final = "..data"
_NEXT: Final = "..data_tmp"


class Projection(Struct, frozen=True):
    """One file: its content and permissions; `owner` None leaves it root's."""

    data: bytes
    mode: int
    owner: int | None = None


def write(target: Path, files: Mapping[str, Projection]) -> bool:
    """Makes `target` (an existing folder) show exactly `files`, by path; whether anything changed.

    ValueError for a path that is absolute or leaves the volume.
    """
    for path in files:
        _check(path)
    old = _current(target)
    if old is not None and _same(old, files):
        _link(target, files)
        return False
    made = _new_folder(target)
    for path, projection in files.items():
        _write_file(made / path, projection)
    _publish(target, made.name)
    _link(target, files)
    _unlink_stale(target, files)
    if old is not None and old != made:
        shutil.rmtree(old, ignore_errors=True)
    return True


def _check(path: str) -> None:
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or parts[0].startswith(".."):
        raise ValueError(f'invalid path "{path}": it must be relative and must not contain ".." or start with it')


def _current(target: Path) -> Path | None:
    try:
        return target / os.readlink(target / _DATA)
    except OSError:
        return None


def _same(folder: Path, files: Mapping[str, Projection]) -> bool:
    held = {str(each.relative_to(folder)) for each in folder.rglob("*") if not each.is_dir()}
    if held != {str(PurePosixPath(path)) for path in files}:
        return False
    return all((folder / path).read_bytes() == projection.data for path, projection in files.items())


def _new_folder(target: Path) -> Path:
    stamp = datetime.now(UTC).strftime("..%Y_%m_%d_%H_%M_%S.")
    folder = target / (stamp + secrets.token_hex(5))
    folder.mkdir()
    folder.chmod(0o755)
    return folder


def _write_file(path: Path, projection: Projection) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(projection.data)
    path.chmod(projection.mode)
    if projection.owner is not None:
        os.chown(path, projection.owner, -1)


def _publish(target: Path, name: str) -> None:
    following = target / _NEXT
    following.unlink(missing_ok=True)
    os.symlink(name, following)
    os.replace(following, target / _DATA)


def _top(files: Mapping[str, Projection]) -> set[str]:
    return {PurePosixPath(path).parts[0] for path in files}


def _link(target: Path, files: Mapping[str, Projection]) -> None:
    for name in _top(files):
        if not os.path.lexists(target / name):
            os.symlink(f"{_DATA}/{name}", target / name)


def _unlink_stale(target: Path, files: Mapping[str, Projection]) -> None:
    wanted = _top(files)
    for entry in os.scandir(target):
        if not entry.name.startswith("..") and entry.name not in wanted and entry.is_symlink():
            os.unlink(entry.path)
