"""Which files are suites: those that are named outright or by a pattern, and in folders those that are named as suites are."""

from __future__ import annotations

import fnmatch
import glob
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from policies.lab.documents import Broken, Place

PATTERNS: Final = tuple(f"{name}.{ending}" for name in ("suite", "*.suite", "*-suite") for ending in ("yaml", "yml", "json"))
"""What suites are called."""
_LEFT_OUT: Final = frozenset({".git", ".venv", "node_modules", "__pycache__"})


def discover(given: Iterable[str]) -> list[Path]:
    """Each once, in the order of the arguments, and of their names in a folder; Broken for an argument that stands for nothing."""
    found: dict[Path, None] = {}
    for each in given:
        before = len(found)
        known = False
        for path in _expanded(each):
            known = known or path in found
            found.setdefault(path)
        if len(found) == before and not known:
            raise Broken((Place(each), f"there is no suite: it is a file, a pattern, or a folder with {', '.join(PATTERNS[::3])}"))
    return list(found)


def _expanded(text: str) -> Iterator[Path]:
    path = Path(text)
    if path.is_dir():
        yield from _in_folder(path)
    elif path.exists():
        yield path
    elif glob.has_magic(text):
        for name in sorted(glob.glob(text, recursive=True)):
            yield from _in_folder(Path(name)) if Path(name).is_dir() else (Path(name),)


def _in_folder(folder: Path) -> Iterator[Path]:
    for root, files in _walk(folder):
        for path in (Path(os.path.normpath(root / name)) for name in sorted(files)):
            if is_suite(path):
                yield path


def folders(folder: Path) -> Iterator[Path]:
    """A folder and all below it that suites are looked for in."""
    yield from (root for root, _ in _walk(folder))


def _walk(folder: Path) -> Iterator[tuple[Path, list[str]]]:
    for root, below, files in os.walk(folder):
        below[:] = sorted(each for each in below if each not in _LEFT_OUT)
        yield Path(root), files


def is_suite(path: Path) -> bool:
    """Whether a file is named as suites are."""
    return any(fnmatch.fnmatch(path.name, pattern) for pattern in PATTERNS)
