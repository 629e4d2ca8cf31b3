"""A pod's volumes: made on the node's disk before its containers, kept current while it runs, removed after it.

Upstream: `pkg/volume/{configmap,secret,projected,downwardapi,emptydir,hostpath}`.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from cluster.api.names import Object
from cluster.kubelet import atomic_writer, quantities, specs
from cluster.kubelet.projections import Projector, VolumeFailure
from cluster.kubelet.runtime import Mount, RuntimeFailure

_PROJECTED: Final = ("configMap", "secret", "downwardAPI", "projected")
_READ_WRITE: Final = 0o660
_READ_ONLY: Final = 0o440
_EXECUTE: Final = 0o110
_ESCAPED: Final = re.compile(r"\\([0-7]{3})")
_PROPAGATION: Final = {"HostToContainer": "rslave", "Bidirectional": "rshared", "None": "rprivate"}
_HOST_CHECKS: Final[Mapping[str, tuple[Callable[[int], bool], str]]] = {
    "Directory": (stat.S_ISDIR, "a directory"),
    "File": (stat.S_ISREG, "a file"),
    "Socket": (stat.S_ISSOCK, "a socket file"),
    "CharDevice": (stat.S_ISCHR, "a character device"),
    "BlockDevice": (stat.S_ISBLK, "a block device"),
}


class Volumes:
    """The volumes of all pods of a node, below one folder."""

    def __init__(self, root: Path, projector: Projector) -> None:
        self._root = root
        self._projector = projector

    def pod_folder(self, uid: str) -> Path:
        return self._root / uid

    def path(self, pod: Object, volume: dict[str, Any]) -> Path:
        """Where a volume's files are on the node."""
        if "hostPath" in volume:
            return Path(volume["hostPath"]["path"])
        return self._root / specs.uid(pod) / "volumes" / str(volume["name"])

    def set_up(self, pod: Object, addresses: tuple[str, ...]) -> None:
        """Makes, or brings up to date, every volume.  VolumeFailure, in upstream's words, at the first that can't be had."""
        for volume in pod["spec"].get("volumes") or []:
            try:
                self._one(pod, volume, addresses)
            except (VolumeFailure, RuntimeFailure, OSError, ValueError) as error:
                raise VolumeFailure(f'MountVolume.SetUp failed for volume "{volume["name"]}" : {error}') from error

    def _one(self, pod: Object, volume: dict[str, Any], addresses: tuple[str, ...]) -> None:
        path = self.path(pod, volume)
        if "emptyDir" in volume:
            self._empty(pod, path, volume["emptyDir"] or {})
        elif "hostPath" in volume:
            _host_path(path, volume["hostPath"].get("type") or "")
        elif any(kind in volume for kind in _PROJECTED):
            path.mkdir(parents=True, exist_ok=True)
            path.chmod(0o755)
            files = self._projector.files(pod, volume, addresses)
            if atomic_writer.write(path, files):
                _own(path, pod, read_only=True)
        elif "persistentVolumeClaim" in volume:
            raise VolumeFailure("persistent volume claims are not supported by this kubelet")
        else:
            kind = next((key for key in volume if key != "name"), "unknown")
            raise VolumeFailure(f'volumes of type "{kind}" are not supported by this kubelet')

    @staticmethod
    def _empty(pod: Object, path: Path, source: dict[str, Any]) -> None:
        if path.exists():
            return
        path.mkdir(parents=True)
        if source.get("medium") == "Memory":
            options = f",size={quantities.rounded_up(source['sizeLimit'])}" if source.get("sizeLimit") else ""
            done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"mode=0777{options}", "tmpfs", str(path)], capture_output=True, text=True)
            if done.returncode:
                path.rmdir()
                raise VolumeFailure(f"can't mount a memory file system: {done.stderr.strip()}")
        path.chmod(0o777)
        _own(path, pod, read_only=False)

    def mounts(self, pod: Object, container: specs.Spec, environment: Mapping[str, str]) -> tuple[Mount, ...]:
        """The container's volume mounts.  RuntimeFailure for a subpath that leaves its volume."""
        from cluster.kubelet.expansion import expand

        volumes = {each["name"]: each for each in pod["spec"].get("volumes") or []}
        result = []
        for mount in container.get("volumeMounts") or []:
            volume = volumes.get(mount["name"])
            if volume is None:
                raise RuntimeFailure(f'cannot find volume "{mount["name"]}" to mount into container "{container["name"]}"')
            source = self.path(pod, volume)
            sub_path = mount.get("subPath") or expand(mount.get("subPathExpr") or "", environment)
            if sub_path:
                source = _sub_path(source, sub_path)
            target = mount["mountPath"] if mount["mountPath"].startswith("/") else f"/{mount['mountPath']}"
            # What the kubelet writes, a container only reads.
            read_only = bool(mount.get("readOnly")) or any(kind in volume for kind in _PROJECTED)
            result.append(Mount(str(source), target, read_only, _PROPAGATION.get(mount.get("mountPropagation") or "None", "rprivate")))
        return tuple(result)

    def remove(self, uid: str) -> None:
        """Everything that was kept for a pod; a host path's own files stay."""
        folder = self._root / uid
        release(folder)
        shutil.rmtree(folder, ignore_errors=True)

    def known(self) -> list[str]:
        """UIDs of pods that have a folder."""
        return [each.name for each in self._root.iterdir()] if self._root.is_dir() else []


def release(folder: Path) -> None:
    """Takes away the memory file systems below a folder."""
    below = f"{os.path.realpath(folder)}/"
    for line in Path("/proc/self/mounts").read_text().splitlines():
        point = _ESCAPED.sub(lambda found: chr(int(found[1], 8)), line.split(" ")[1])
        if point.startswith(below):
            subprocess.run(["umount", "-l", point], capture_output=True, check=False)


def _host_path(path: Path, kind: str) -> None:
    if kind in ("", "DirectoryOrCreate") and not path.exists():
        path.mkdir(mode=0o755, parents=True)
    elif kind == "FileOrCreate" and not path.exists():
        path.touch(mode=0o644)
    check = _HOST_CHECKS.get(kind.removesuffix("OrCreate"))
    if check is not None and not (path.exists() and check[0](path.stat().st_mode)):
        raise VolumeFailure(f"hostPath type check failed: {path} is not {check[1]}")


def _sub_path(volume: Path, sub_path: str) -> Path:
    if sub_path.startswith("/") or ".." in Path(sub_path).parts:
        raise RuntimeFailure(f'subPath "{sub_path}" must be a relative path without ".."')
    base = Path(os.path.realpath(volume))
    found = Path(os.path.realpath(base / sub_path))
    if found != base and base not in found.parents:
        raise RuntimeFailure(f'failed to prepare subPath for volumeMount: "{sub_path}" leads out of its volume')
    if not found.exists():
        found.mkdir(mode=0o750, parents=True)
        found.chmod(stat.S_IMODE(base.stat().st_mode))
    return found


def _own(path: Path, pod: Object, *, read_only: bool) -> None:
    """Gives a volume to the pod's fsGroup.  Upstream: `pkg/volume/volume_linux.go`."""
    group = (pod["spec"].get("securityContext") or {}).get("fsGroup")
    if group is None:
        return
    for folder, folders, files in os.walk(path):
        for name in [".", *folders, *files]:
            each = os.path.join(folder, name)
            os.lchown(each, -1, int(group))
            mode = os.lstat(each).st_mode
            if stat.S_ISLNK(mode):
                continue
            mask = _READ_ONLY if read_only else _READ_WRITE
            if stat.S_ISDIR(mode):
                mask |= stat.S_ISGID | _EXECUTE
            os.chmod(each, stat.S_IMODE(mode) | mask)
