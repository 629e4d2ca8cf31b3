"""What the node's machine is and has; several nodes on one machine share it, and each says so of the whole."""

from __future__ import annotations

import os
import platform
import shutil
from pathlib import Path
from typing import Final

from msgspec import Struct

from cluster.kubelet.pause import architecture

_EVICTION_MEMORY: Final = 100 << 20
_EVICTION_DISK_PARTS: Final = 10


class Machine(Struct, frozen=True):
    """Memory and disk in bytes."""

    cpus: int
    memory: int
    disk: int
    machine_id: str
    system_uuid: str
    boot_id: str
    kernel: str
    os_image: str
    architecture: str

    def capacity(self, pods: int) -> dict[str, str]:
        return {
            "cpu": str(self.cpus),
            "memory": f"{self.memory >> 10}Ki",
            "ephemeral-storage": f"{self.disk >> 10}Ki",
            "hugepages-1Gi": "0",
            "hugepages-2Mi": "0",
            "pods": str(pods),
        }

    def allocatable(self, pods: int) -> dict[str, str]:
        """The capacity without what the kubelet would evict pods for."""
        disk = self.disk - self.disk // _EVICTION_DISK_PARTS
        memory = max(0, self.memory - _EVICTION_MEMORY)
        return self.capacity(pods) | {"memory": f"{memory >> 10}Ki", "ephemeral-storage": str(disk)}


def look(folder: Path) -> Machine:
    """The machine as it is; `folder` is on the disk that pods use."""
    return Machine(
        cpus=os.cpu_count() or 1,
        memory=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        disk=shutil.disk_usage(folder).total,
        machine_id=_first_line("/etc/machine-id", "/var/lib/dbus/machine-id"),
        system_uuid=_first_line("/sys/class/dmi/id/product_uuid", "/etc/machine-id"),
        boot_id=_first_line("/proc/sys/kernel/random/boot_id"),
        kernel=platform.release(),
        os_image=_os_image(),
        architecture=architecture(),
    )


def _first_line(*paths: str) -> str:
    for path in paths:
        try:
            return Path(path).read_text().splitlines()[0].strip()
        except (OSError, IndexError):
            continue  # the next one may be there
    return ""


def _os_image() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
    except OSError:
        return "Linux"
