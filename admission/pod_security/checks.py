"""CHECKS: the one table of what the Pod Security Standards ask."""

from __future__ import annotations

from typing import Final

from admission.pod_security import (
    allow_privilege_escalation,
    app_armor_profile,
    capabilities_baseline,
    capabilities_restricted,
    host_namespaces,
    host_path_volumes,
    host_ports,
    host_probes,
    privileged,
    proc_mount,
    proc_mount_restricted,
    restricted_volumes,
    run_as_non_root,
    run_as_user,
    seccomp_baseline,
    seccomp_restricted,
    selinux_options,
    sysctls,
    windows_host_process,
)
from admission.pod_security.check import Check

CHECKS: Final[tuple[Check, ...]] = (
    allow_privilege_escalation.CHECK,
    app_armor_profile.CHECK,
    capabilities_baseline.CHECK,
    capabilities_restricted.CHECK,
    host_namespaces.CHECK,
    host_path_volumes.CHECK,
    host_ports.CHECK,
    host_probes.CHECK,
    privileged.CHECK,
    proc_mount.CHECK,
    proc_mount_restricted.CHECK,
    restricted_volumes.CHECK,
    run_as_non_root.CHECK,
    run_as_user.CHECK,
    seccomp_baseline.CHECK,
    seccomp_restricted.CHECK,
    selinux_options.CHECK,
    sysctls.CHECK,
    windows_host_process.CHECK,
)
