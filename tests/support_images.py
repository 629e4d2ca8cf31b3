"""Small images for tests, made from the machine's static busybox, because no registry may be within reach."""

from __future__ import annotations

import io
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tests.support_needs import missing

BUSYBOX: Final = Path("/bin/busybox")
PASSWD: Final = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/home:/bin/false\n"
GROUP: Final = "root:x:0:\nnobody:x:65534:\n"
TEST_IMAGE: Final = "berth-test/busybox:1"


def busybox_root(files: Mapping[str, bytes] | None = None, *, passwd: str = PASSWD, group: str = GROUP) -> bytes:
    """A tar of a root file system with busybox and its applets; `files` are further programs by path.

    FileNotFoundError where there is no static busybox (Debian: package busybox-static).
    """
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for folder, mode in {"bin": 0o755, "dev": 0o755, "etc": 0o755, "home": 0o755, "root": 0o700, "tmp": 0o1777, "var": 0o755}.items():
            _folder(tar, folder, mode)
        _file(tar, "bin/busybox", BUSYBOX.read_bytes(), 0o755)
        for folder in ("sbin", "usr", "usr/bin", "usr/sbin"):
            _folder(tar, folder, 0o755)
        for path in (each for each in _applets() if each not in (files or {})):
            link = tarfile.TarInfo(path)
            link.type, link.linkname = tarfile.SYMTYPE, "/bin/busybox"
            tar.addfile(link)
        texts = {"etc/passwd": passwd, "etc/group": group, "etc/nsswitch.conf": "hosts: files dns\n"}
        for path, text in texts.items():
            _file(tar, path, text.encode(), 0o644)
        for path, data in (files or {}).items():
            _file(tar, path, data, 0o755)
    return buffer.getvalue()


def _applets() -> list[str]:
    listed = subprocess.run([BUSYBOX, "--list-full"], capture_output=True, text=True, check=True).stdout.split()
    return sorted({path for path in listed if not path.endswith("/busybox") and "/" in path and not path.startswith("linuxrc")})


def _folder(tar: tarfile.TarFile, path: str, mode: int) -> None:
    entry = tarfile.TarInfo(path)
    entry.type, entry.mode = tarfile.DIRTYPE, mode
    tar.addfile(entry)


def _file(tar: tarfile.TarFile, path: str, data: bytes, mode: int) -> None:
    entry = tarfile.TarInfo(path)
    entry.size, entry.mode = len(data), mode
    tar.addfile(entry, io.BytesIO(data))


def load(engine: Any, reference: str, root: bytes, changes: Sequence[str] = ()) -> None:
    """Makes an image of the tar; `engine` is a `docker.APIClient`, `changes` Dockerfile instructions."""
    repository, _, tag = reference.rpartition(":")
    engine.import_image_from_data(
        root,
        repository=repository,
        tag=tag,
        changes=['CMD ["sh"]', "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", *changes],
    )


def ensure_busybox(engine: Any, reference: str = TEST_IMAGE) -> str:
    """The test image's reference, made where it is missing."""
    if not engine.images(name=reference):
        if not BUSYBOX.exists():
            missing(f"{BUSYBOX} is not there (Debian: package busybox-static)")
        load(engine, reference, busybox_root())
    return reference
