"""From a container's specification to what the runtime is asked to create."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from cluster.api.names import Object
from cluster.kubelet import environment, hosts, quantities, specs
from cluster.kubelet.context import Context
from cluster.kubelet.expansion import expand
from cluster.kubelet.runtime import (
    ATTEMPT_LABEL,
    CONTAINER_NAME_LABEL,
    DIGEST_LABEL,
    GRACE_LABEL,
    MESSAGE_LABEL,
    MESSAGE_POLICY_LABEL,
    POD_NAME_LABEL,
    POD_NAMESPACE_LABEL,
    POD_UID_LABEL,
    ContainerConfig,
    Image,
    Mount,
    RuntimeFailure,
    SandboxConfig,
    Security,
)

_HOSTS_TARGET: Final = "/etc/hosts"
_RESOLVER_TARGET: Final = "/etc/resolv.conf"
_MESSAGE_TARGET: Final = "/dev/termination-log"
_UNSAFE: Final = re.compile(r"[^a-zA-Z0-9_.-]")


def _name(context: Context, pod: Object, container: str, attempt: int) -> str:
    metadata = pod["metadata"]
    parts = (context.cluster, container, metadata["name"], metadata["namespace"], metadata["uid"], str(attempt))
    return _UNSAFE.sub("-", "_".join(parts))


def _labels(pod: Object, container: str, attempt: int) -> dict[str, str]:
    metadata = pod["metadata"]
    return {
        POD_NAME_LABEL: metadata["name"],
        POD_NAMESPACE_LABEL: metadata["namespace"],
        POD_UID_LABEL: metadata["uid"],
        CONTAINER_NAME_LABEL: container,
        ATTEMPT_LABEL: str(attempt),
        GRACE_LABEL: str(specs.grace_seconds(pod)),
    }


def sandbox(context: Context, pod: Object, attempt: int) -> SandboxConfig:
    spec = pod["spec"]
    ports = tuple(
        (int(port["containerPort"]), port.get("protocol", "TCP"), port.get("hostIP") or "", int(port["hostPort"]))
        for container in specs.containers(pod) + [each for each in specs.init_containers(pod) if specs.is_sidecar(each)]
        for port in container.get("ports") or []
        if port.get("hostPort")
    )
    sysctls = {each["name"]: each["value"] for each in (spec.get("securityContext") or {}).get("sysctls") or []}
    network = bool(spec.get("hostNetwork"))
    return SandboxConfig(
        name=_name(context, pod, "POD", attempt),
        hostname=hosts.hostname(pod)[0],
        labels=_labels(pod, "POD", attempt),
        host_network=network,
        host_ipc=bool(spec.get("hostIPC")),
        share_processes=bool(spec.get("shareProcessNamespace")),
        ports=() if network else ports,
        sysctls=sysctls,
    )


def container(context: Context, pod: Object, spec: specs.Spec, image: Image, addresses: tuple[str, ...], attempt: int) -> ContainerConfig:
    """RuntimeFailure where a source of the environment is missing or the security context can't be met."""
    variables = environment.build(pod, spec, addresses, context.sources, context.machine)
    folder = context.volumes.pod_folder(specs.uid(pod))
    message = _message_file(folder, spec["name"])
    mounts = context.volumes.mounts(pod, spec, variables)
    mounts += _managed_files(context, pod, spec, folder, addresses)
    mounts += (Mount(str(message), spec.get("terminationMessagePath") or _MESSAGE_TARGET),)
    labels = _labels(pod, spec["name"], attempt) | {
        DIGEST_LABEL: specs.digest(spec),
        MESSAGE_LABEL: str(message),
        MESSAGE_POLICY_LABEL: spec.get("terminationMessagePolicy") or "File",
    }
    score = quantities.oom_score(pod, spec, context.machine_memory)
    command, arguments = spec.get("command"), spec.get("args")
    return ContainerConfig(
        name=_name(context, pod, spec["name"], attempt),
        image=spec["image"],
        labels=labels,
        command=[expand(each, variables) for each in command] if command else None,
        args=[expand(each, variables) for each in arguments] if arguments else None,
        environment=list(variables.items()),
        working_dir=spec.get("workingDir") or "",
        mounts=mounts,
        security=security(pod, spec, image),
        resources=quantities.limits(spec, score),
        stdin=bool(spec.get("stdin")),
        stdin_once=bool(spec.get("stdinOnce")),
        tty=bool(spec.get("tty")),
        runs_to_end=not specs.is_sidecar(spec) and any(each["name"] == spec["name"] for each in specs.init_containers(pod)),
    )


def _message_file(folder: Path, name: str) -> Path:
    """An empty file that the container may write its last words to."""
    path = folder / "containers" / name / secrets.token_hex(4)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    path.chmod(0o666)
    return path


def _managed_files(context: Context, pod: Object, spec: specs.Spec, folder: Path, addresses: tuple[str, ...]) -> tuple[Mount, ...]:
    """`/etc/hosts` and `/etc/resolv.conf`, unless the container mounts its own there."""
    taken = {mount["mountPath"].rstrip("/") for mount in spec.get("volumeMounts") or []}
    texts = {
        _HOSTS_TARGET: ("etc-hosts", hosts.hosts_file(pod, addresses, context.dns.domain)),
        _RESOLVER_TARGET: ("resolv.conf", hosts.resolver(pod, context.dns).text()),
    }
    result = []
    for target, (name, text) in texts.items():
        if target in taken:
            continue
        path = folder / name
        if not path.exists() or path.read_text() != text:
            # In place: a container that runs has this very file mounted.
            path.write_text(text)
            path.chmod(0o644)
        result.append(Mount(str(path), target))
    return tuple(result)


def security(pod: Object, spec: specs.Spec, image: Image) -> Security:
    """The container's security context over the pod's.  RuntimeFailure where it must not run as root and would."""
    of_pod: dict[str, Any] = pod["spec"].get("securityContext") or {}
    own: dict[str, Any] = spec.get("securityContext") or {}
    both = of_pod | {key: value for key, value in own.items() if value is not None}
    user, group = both.get("runAsUser"), both.get("runAsGroup")
    if both.get("runAsNonRoot"):
        _check_user(pod, spec, user, image)
    shown = "" if user is None else str(user)
    if group is not None:
        shown = f"{shown or image.user.partition(':')[0] or '0'}:{group}"
    groups = [str(each) for each in of_pod.get("supplementalGroups") or []]
    if of_pod.get("fsGroup") is not None:
        groups.append(str(of_pod["fsGroup"]))
    capabilities = own.get("capabilities") or {}
    privileged = bool(own.get("privileged"))
    profile = both.get("seccompProfile") or {}
    pod_spec = pod["spec"]
    processes = "host" if pod_spec.get("hostPID") else "pod" if pod_spec.get("shareProcessNamespace") else ""
    return Security(
        user=shown,
        groups=tuple(dict.fromkeys(groups)),
        privileged=privileged,
        add=tuple(capabilities.get("add") or ()),
        drop=tuple(capabilities.get("drop") or ()),
        read_only_root=bool(own.get("readOnlyRootFilesystem")),
        no_new_privileges=own.get("allowPrivilegeEscalation") is False,
        seccomp_unconfined=profile.get("type") not in ("RuntimeDefault", "Localhost"),
        process_namespace=processes,
        host_ipc=bool(pod_spec.get("hostIPC")),
    )


def _check_user(pod: Object, spec: specs.Spec, user: int | None, image: Image) -> None:
    """Upstream: `pkg/kubelet/kuberuntime/security_context_others.go` verifyRunAsNonRoot."""
    where = f'(pod: "{specs.full_name(pod)}", container: {spec["name"]})'
    if user is not None:
        if user == 0:
            raise RuntimeFailure(f"container's runAsUser breaks non-root policy {where}")
        return
    name = image.user.partition(":")[0]
    if name in ("", "0", "root"):
        raise RuntimeFailure(f"container has runAsNonRoot and image will run as root {where}")
    if not name.isdigit():
        raise RuntimeFailure(f"container has runAsNonRoot and image has non-numeric user ({name}), cannot verify user is non-root {where}")


def termination_message(labels: Mapping[str, str], limit: int = 4096) -> str:
    """What a container wrote as its last words."""
    path = labels.get(MESSAGE_LABEL, "")
    try:
        size = os.path.getsize(path)
        with open(path, "rb") as file:
            file.seek(max(0, size - limit))
            return file.read(limit).decode(errors="replace")
    except OSError:
        return ""
