"""API objects that a suite names or holds: each with the document that it stands in, so that what is wrong with it can be placed."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from msgspec import Struct

from cluster.api.names import Object
from policies.lab.discovery import folders
from policies.lab.documents import Broken, Document, Place, Steps, read


class Manifest(Struct, frozen=True):
    """An object, and where it stands."""

    object: Object
    source: Document
    steps: Steps = ()

    def place(self) -> Place:
        return self.source.place(self.steps)

    def broken(self, why: str) -> Broken:
        return self.source.broken(self.steps, why)

    @property
    def name(self) -> str:
        metadata = self.object.get("metadata")
        return str(metadata.get("name") or "") if isinstance(metadata, dict) else ""


class Files:
    """The files that a suite names, relative to its own folder, each read once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._read: dict[Path, tuple[Manifest, ...]] = {}
        self.paths: set[Path] = set()
        """Those that were asked for, whether or not they are there, and the folders in which patterns were looked for."""

    def path(self, name: str) -> Path:
        path = Path(os.path.normpath(self.folder / name))
        self.paths.add(path)
        return path

    def matching(self, pattern: str) -> list[Path]:
        """The files of a name or a pattern, in order."""
        if not glob.has_magic(pattern):
            return [path for path in (self.path(pattern),) if path.is_file()]
        self.paths |= set(searched(self.folder, pattern))
        found = glob.glob(pattern, root_dir=self.folder, recursive=True)
        return [path for path in sorted(self.path(each) for each in found) if path.is_file()]

    def manifests(self, path: Path) -> tuple[Manifest, ...]:
        """All objects of a file; Broken."""
        found = self._read.get(path)
        if found is None:
            found = self._read[path] = tuple(manifest for document in read(path) for manifest in of_document(document))
        return found

    def one(self, reference: str) -> Manifest:
        """`file`, where the file has one object, or `file#name`, or `file#Kind/name`; Broken, LookupError where there is none such."""
        name, _, wanted = reference.partition("#")
        path = self.path(name)
        if not path.is_file():
            raise LookupError(f'no file is named "{name}" in "{self.folder}"')
        found = self.manifests(path)
        kind, slash, own = wanted.rpartition("/")
        chosen = [each for each in found if not wanted or (each.name == own and (not slash or each.object.get("kind") == kind))]
        if len(chosen) == 1:
            return chosen[0]
        if not chosen:
            known = ", ".join(f'"{each.object["kind"]}/{each.name}"' for each in found[:10])
            raise LookupError(f'"{name}" has no object "{wanted}": it has {known or "none"}' if wanted else f'"{name}" has no object')
        raise LookupError(f'"{reference}" stands for {len(chosen)} objects: choose one as "{name}#Kind/name"')


def searched(folder: Path, pattern: str) -> Iterator[Path]:
    """The folders that a pattern is looked for in."""
    parts = Path(pattern).parts
    fixed = next(position for position, part in enumerate(parts) if glob.has_magic(part))
    base = Path(os.path.normpath(folder.joinpath(*parts[:fixed])))
    yield base
    if fixed < len(parts) - 1:
        yield from folders(base)


def of_document(document: Document) -> Iterator[Manifest]:
    """The object of a document, or those of a List; Broken where it holds none."""
    yield from of_value(document.value, document, ())


def of_value(value: Any, source: Document, steps: Steps) -> Iterator[Manifest]:
    """Likewise, of a value in a document."""
    if not isinstance(value, dict):
        raise source.broken(steps, "it is no API object: a mapping with apiVersion and kind")
    for field in ("apiVersion", "kind"):
        if not isinstance(value.get(field), str) or not value[field]:
            raise source.broken(steps, f"it is no API object: it has no {field}")
    items = value.get("items")
    if value["kind"] != "List" or not isinstance(items, list):
        yield Manifest(value, source, steps)
        return
    for position, each in enumerate(items):
        yield from of_value(each, source, (*steps, "items", position))
