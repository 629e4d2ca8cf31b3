"""What the engine is asked to create: the bodies of its "create a container" for sandboxes and for containers."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from docker.types import LogConfig, Mount

from cluster.kubelet.runtime import SANDBOX_LABEL, ContainerConfig, Sandbox, SandboxConfig, Security

_SANDBOX_SCORE: Final = -998
_SYS_RESOURCE: Final = 24


def sandbox(engine: Any, config: SandboxConfig, *, image: str, network: str, labels: Mapping[str, str]) -> Any:
    bindings: dict[str, list[tuple[str, int]]] = {}
    for port, protocol, host_ip, host_port in config.ports:
        bindings.setdefault(f"{port}/{protocol.lower()}", []).append((host_ip, host_port))
    options: dict[str, Any] = {} if config.host_network else {"hostname": config.hostname}
    return engine.create_container_config(
        image=image,
        command=None,
        labels={**config.labels, **labels, SANDBOX_LABEL: "true"},
        host_config=engine.create_host_config(
            network_mode="host" if config.host_network else network,
            ipc_mode="host" if config.host_ipc else "shareable",
            port_bindings=bindings or None,
            security_opt=["no-new-privileges"],
            oom_score_adj=max(_SANDBOX_SCORE, _lowest_score()),
            sysctls=dict(config.sysctls) or None,
        ),
        ports=[tuple(each.split("/")) for each in bindings] or None,
        **options,
    )


def container(engine: Any, sandbox: Sandbox, config: ContainerConfig, *, labels: Mapping[str, str]) -> Any:
    security = config.security
    body = engine.create_container_config(
        image=config.image,
        command=list(config.args) if config.args is not None else None,
        environment=[f"{name}={value}" for name, value in config.environment],
        working_dir=config.working_dir or None,
        user=security.user or None,
        labels={**config.labels, **labels},
        stdin_open=config.stdin,
        tty=config.tty,
        host_config=_host_config(engine, f"container:{sandbox.id}", config),
    )
    body["Entrypoint"] = list(config.command) if config.command is not None else None
    body["StdinOnce"] = config.stdin_once
    body["AttachStdin"] = body["AttachStdout"] = body["AttachStderr"] = False
    return body


def _host_config(engine: Any, shared: str, config: ContainerConfig) -> Any:
    security, resources = config.security, config.resources
    return engine.create_host_config(
        network_mode=shared,
        ipc_mode="host" if security.host_ipc else shared,
        pid_mode={"host": "host", "pod": shared}.get(security.process_namespace),
        mounts=[
            Mount(each.target, each.source, type="bind", read_only=each.read_only, propagation=each.propagation or None)
            for each in config.mounts
        ],
        privileged=security.privileged,
        cap_add=list(security.add) or None,
        cap_drop=list(security.drop) or None,
        read_only=security.read_only_root,
        security_opt=_security_options(security),
        group_add=list(security.groups) or None,
        mem_limit=resources.memory or None,
        memswap_limit=resources.memory or None,
        cpu_shares=resources.cpu_shares or None,
        cpu_period=100_000 if resources.cpu_quota else None,
        cpu_quota=resources.cpu_quota or None,
        oom_score_adj=max(resources.oom_score, _lowest_score()),
        log_config=LogConfig(type="json-file", config={"max-size": "10m", "max-file": "5"}),
    )


def _security_options(security: Security) -> list[str]:
    options = ["no-new-privileges"] if security.no_new_privileges else []
    if security.seccomp_unconfined and not security.privileged:
        options.append("seccomp=unconfined")
    return options


@cache
def _lowest_score() -> int:
    """The lowest OOM score that containers may be given: on machines that withhold CAP_SYS_RESOURCE from all, none below 0."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        bounding = int(next(line.split()[1] for line in lines if line.startswith("CapBnd:")), 16)
    except (OSError, StopIteration, ValueError):
        return 0
    return -1000 if bounding >> _SYS_RESOURCE & 1 else 0
