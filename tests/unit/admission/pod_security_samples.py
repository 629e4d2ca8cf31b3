"""Pods that each check of the Pod Security Standards lets be or refuses, and its words, from one version to another."""

from __future__ import annotations

from typing import Any, NamedTuple

from cluster.api.names import Object

LATEST = 36


class Sample(NamedTuple):
    """`said` is empty where the pod may be; it is so in every minor version from `since` to `until`."""

    check: str
    pod: Object
    said: str = ""
    since: int = 0
    until: int = LATEST


def pod(*containers: Object, annotations: dict[str, str] | None = None, **spec: Any) -> Object:
    metadata: Object = {"name": "p"} | ({"annotations": annotations} if annotations else {})
    return {"metadata": metadata, "spec": {"containers": list(containers), **spec}}


def secured(name: str, **security: Any) -> Object:
    """A container by its securityContext."""
    return {"name": name, "image": "i", "securityContext": security}


def plain(name: str, **more: Any) -> Object:
    return {"name": name, "image": "i", **more}


def volume(name: str, kind: str) -> Object:
    return {"name": name, kind: {}}


def init(*containers: Object, **more: Any) -> Object:
    return pod(initContainers=list(containers), **more)


def ephemeral(*containers: Object, **more: Any) -> Object:
    return pod(ephemeralContainers=list(containers), **more)


def probe(host: str, action: str = "httpGet", field: str = "livenessProbe") -> Object:
    return {field: {action: {"port": 80, "host": host}}}


def hook(host: str, action: str = "httpGet", field: str = "preStop") -> Object:
    return {"lifecycle": {field: {action: {"port": 80, "host": host}}}}


OWN_USERS: Object = {"hostUsers": False}
WINDOWS: Object = {"os": {"name": "windows"}}
LINUX: Object = {"os": {"name": "linux"}}
_ESCALATION = "must set securityContext.allowPrivilegeEscalation=false"
_DROP = 'must set securityContext.capabilities.drop=["ALL"]'
_ADD = "in securityContext.capabilities.add"
_RUNTIME = {"type": "RuntimeDefault"}
_LOCAL = {"type": "Localhost", "localhostProfile": "p"}
_UNCONFINED = {"type": "Unconfined"}
_SECCOMP = 'must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"'
_NO_SECCOMP = "must not set securityContext.seccompProfile.type to"
_OF_POD = "seccomp.security.alpha.kubernetes.io/pod"
_OF_CONTAINER = "container.seccomp.security.alpha.kubernetes.io"
_ARMOR = "container.apparmor.security.beta.kubernetes.io"

ESCALATION = (
    Sample("allowPrivilegeEscalation", pod(), since=8),
    Sample("allowPrivilegeEscalation", pod(secured("a", allowPrivilegeEscalation=False)), since=8),
    Sample("allowPrivilegeEscalation", pod(plain("a")), f'allowPrivilegeEscalation != false (container "a" {_ESCALATION})', since=8),
    Sample(
        "allowPrivilegeEscalation",
        pod(
            secured("a", allowPrivilegeEscalation=True),
            secured("b", allowPrivilegeEscalation=False),
            secured("c"),
            initContainers=[plain("i")],
            ephemeralContainers=[plain("e")],
        ),
        f'allowPrivilegeEscalation != false (containers "i", "a", "c", "e" {_ESCALATION})',
        since=8,
    ),
    Sample(
        "allowPrivilegeEscalation",
        pod(plain("a"), **WINDOWS),
        f'allowPrivilegeEscalation != false (container "a" {_ESCALATION})',
        since=8,
        until=24,
    ),
    Sample("allowPrivilegeEscalation", pod(plain("a"), **WINDOWS), since=25),
    Sample(
        "allowPrivilegeEscalation", pod(plain("a"), **LINUX), f'allowPrivilegeEscalation != false (container "a" {_ESCALATION})', since=25
    ),
)
APP_ARMOR = (
    Sample("appArmorProfile", pod(plain("a"))),
    Sample("appArmorProfile", pod(secured("a", appArmorProfile=_LOCAL), securityContext={"appArmorProfile": _RUNTIME})),
    Sample("appArmorProfile", pod(annotations={f"{_ARMOR}/a": "", f"{_ARMOR}/b": "runtime/default", f"{_ARMOR}/c": "localhost/x"})),
    Sample("appArmorProfile", pod(annotations={"other/a": "unconfined"})),
    Sample(
        "appArmorProfile",
        pod(secured("a", appArmorProfile=_UNCONFINED)),
        'forbidden AppArmor profile (container "a" must not set AppArmor profile type to "Unconfined")',
    ),
    Sample(
        "appArmorProfile",
        pod(secured("a", appArmorProfile=_UNCONFINED), secured("b", appArmorProfile=_UNCONFINED), securityContext={"appArmorProfile": {}}),
        'forbidden AppArmor profiles (pod and containers "a", "b" must not set AppArmor profile type to "", "Unconfined")',
    ),
    Sample(
        "appArmorProfile",
        pod(annotations={f"{_ARMOR}/a": "unconfined"}),
        f'forbidden AppArmor profile (annotation must not set AppArmor profile type to "{_ARMOR}/a="unconfined"")',
    ),
    Sample(
        "appArmorProfile",
        pod(annotations={f"{_ARMOR}/b": "unconfined", f"{_ARMOR}/a": 'x"'}, securityContext={"appArmorProfile": _UNCONFINED}),
        "forbidden AppArmor profiles (pod and annotations must not set AppArmor profile type to "
        f'"Unconfined", "{_ARMOR}/a="x\\""", "{_ARMOR}/b="unconfined"")',
    ),
)
CAPABILITIES = (
    Sample("capabilities_baseline", pod(plain("a"), secured("b", capabilities={"add": ["CHOWN", "SYS_CHROOT"], "drop": ["KILL"]}))),
    Sample(
        "capabilities_baseline",
        pod(secured("a", capabilities={"add": ["NET_RAW"]})),
        f'non-default capabilities (container "a" must not include "NET_RAW" {_ADD})',
    ),
    Sample(
        "capabilities_baseline",
        init(secured("i", capabilities={"add": ["SYS_ADMIN", "CHOWN", "NET_RAW"]}), secured("j", capabilities={"add": ["NET_RAW"]})),
        f'non-default capabilities (containers "i", "j" must not include "NET_RAW", "SYS_ADMIN" {_ADD})',
    ),
    Sample("capabilities_restricted", pod(secured("a", capabilities={"drop": ["KILL", "ALL"], "add": ["NET_BIND_SERVICE"]})), since=22),
    Sample("capabilities_restricted", pod(plain("a")), f'unrestricted capabilities (container "a" {_DROP})', since=22),
    Sample(
        "capabilities_restricted",
        pod(secured("a", capabilities={"drop": ["ALL"], "add": ["CHOWN"]})),
        f'unrestricted capabilities (container "a" must not include "CHOWN" {_ADD})',
        since=22,
    ),
    Sample(
        "capabilities_restricted",
        pod(secured("a", capabilities={"add": ["KILL", "CHOWN"]}), secured("b", capabilities={"drop": ["KILL"], "add": ["CHOWN"]})),
        f'unrestricted capabilities (containers "a", "b" {_DROP}; containers "a", "b" must not include "CHOWN", "KILL" {_ADD})',
        since=22,
    ),
    Sample("capabilities_restricted", pod(plain("a"), **WINDOWS), f'unrestricted capabilities (container "a" {_DROP})', since=22, until=24),
    Sample("capabilities_restricted", pod(plain("a"), **WINDOWS), since=25),
)
HOST = (
    Sample("hostNamespaces", pod(plain("a"), hostNetwork=False)),
    Sample("hostNamespaces", pod(hostIPC=True), "host namespaces (hostIPC=true)"),
    Sample(
        "hostNamespaces",
        pod(hostIPC=True, hostNetwork=True, hostPID=True),
        "host namespaces (hostNetwork=true, hostPID=true, hostIPC=true)",
    ),
    Sample("hostPathVolumes", pod(volumes=[volume("v", "emptyDir"), volume("w", "nfs")])),
    Sample("hostPathVolumes", pod(volumes=[volume("v", "hostPath")]), 'hostPath volumes (volume "v")'),
    Sample(
        "hostPathVolumes",
        pod(volumes=[volume("v", "hostPath"), volume("u", "secret"), volume("a", "hostPath")]),
        'hostPath volumes (volumes "v", "a")',
    ),
    Sample("hostPorts", pod(plain("a"), plain("b", ports=[{"containerPort": 80}, {"containerPort": 81, "hostPort": 0}]))),
    Sample("hostPorts", pod(plain("a", ports=[{"hostPort": 80}])), 'hostPort (container "a" uses hostPort 80)'),
    Sample("hostPorts", pod(plain("a", ports=[{"hostPort": 80}, {"hostPort": 9}])), 'hostPort (container "a" uses hostPorts 80, 9)'),
    Sample(
        "hostPorts",
        pod(plain("a", ports=[{"hostPort": 80}]), initContainers=[plain("i", ports=[{"hostPort": 80}])]),
        'hostPort (containers "i", "a" use hostPort 80)',
    ),
    Sample(
        "hostPorts",
        ephemeral(plain("e", ports=[{"hostPort": 9}]), plain("f", ports=[{"hostPort": 10}])),
        'hostPort (containers "e", "f" use hostPorts 10, 9)',
    ),
)
PROBES = (
    Sample("hostProbesAndHostLifecycle", pod(plain("a"), plain("b", **probe("")), plain("c", **hook(""), startupProbe={})), since=34),
    Sample(
        "hostProbesAndHostLifecycle", pod(plain("a", livenessProbe={"exec": {"command": ["x"]}}, lifecycle={"postStart": {}})), since=34
    ),
    Sample(
        "hostProbesAndHostLifecycle",
        pod(plain("a", **probe("127.0.0.1"))),
        'probe or lifecycle host (container "a" uses probe or lifecycle host "127.0.0.1")',
        since=34,
    ),
    Sample(
        "hostProbesAndHostLifecycle",
        pod(
            plain("b", **probe("h", "tcpSocket", "readinessProbe"), **hook("h", "tcpSocket", "postStart")),
            initContainers=[plain("i", **probe("g", "tcpSocket", "startupProbe"))],
            ephemeralContainers=[plain("a", **hook("f"))],
        ),
        'probe or lifecycle host (containers "a", "b", "i" use probe or lifecycle hosts "f", "g", "h")',
        since=34,
    ),
)
PRIVILEGED = (
    Sample("privileged", pod(plain("a"), secured("b", privileged=False))),
    Sample("privileged", pod(secured("a", privileged=True)), 'privileged (container "a" must not set securityContext.privileged=true)'),
    Sample(
        "privileged",
        pod(secured("a", privileged=True), initContainers=[secured("i", privileged=True)]),
        'privileged (containers "i", "a" must not set securityContext.privileged=true)',
    ),
)
_PROC = 'procMount (container "a" must not set securityContext.procMount to "Unmasked")'
PROC_MOUNT = (
    Sample("procMount", pod(plain("a"), secured("b", procMount="Default"))),
    Sample("procMount", pod(secured("a", procMount="Unmasked")), _PROC),
    Sample(
        "procMount",
        pod(secured("a", procMount="Unmasked"), secured("b", procMount="Other")),
        'procMount (containers "a", "b" must not set securityContext.procMount to "Other", "Unmasked")',
    ),
    Sample("procMount", pod(secured("a", procMount="Unmasked"), **OWN_USERS), _PROC, until=34),
    Sample("procMount", pod(secured("a", procMount="Unmasked"), **OWN_USERS), since=35),
    Sample("procMount", pod(secured("a", procMount="Unmasked"), hostUsers=True), _PROC),
    Sample("procMount_restricted", pod(secured("a", procMount="Default")), since=35),
    Sample("procMount_restricted", pod(secured("a", procMount="Unmasked"), **OWN_USERS), _PROC, since=35),
)
ALLOWED_VOLUMES = ("configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image", "persistentVolumeClaim", "projected", "secret")
REFUSED_VOLUMES = (
    "awsElasticBlockStore", "azureDisk", "azureFile", "cephfs", "cinder", "fc", "flexVolume", "flocker", "gcePersistentDisk", "gitRepo",
    "glusterfs", "hostPath", "iscsi", "nfs", "photonPersistentDisk", "portworxVolume", "quobyte", "rbd", "scaleIO", "storageos",
    "vsphereVolume",
)  # fmt: skip
VOLUMES = (
    Sample("restrictedVolumes", pod(volumes=[volume(kind.lower(), kind) for kind in ALLOWED_VOLUMES])),
    *(
        Sample(
            "restrictedVolumes",
            pod(volumes=[volume("s", "secret"), volume("v", kind)]),
            f'restricted volume types (volume "v" uses restricted volume type "{kind}")',
        )
        for kind in REFUSED_VOLUMES
    ),
    Sample(
        "restrictedVolumes",
        pod(volumes=[volume("v", "nfs"), volume("a", "nfs"), volume("b", "whatever")]),
        'restricted volume types (volumes "v", "a", "b" use restricted volume types "nfs", "unknown")',
    ),
    Sample(
        "restrictedVolumes",
        pod(volumes=[volume("v", "nfs"), volume("a", "nfs")]),
        'restricted volume types (volumes "v", "a" use restricted volume type "nfs")',
    ),
)
_ROOT = 'runAsNonRoot != true (pod or container "a" must set securityContext.runAsNonRoot=true)'
ROOT = (
    Sample("runAsNonRoot", pod(plain("a"), secured("b", runAsNonRoot=True), securityContext={"runAsNonRoot": True})),
    Sample("runAsNonRoot", pod(secured("a", runAsNonRoot=True))),
    Sample("runAsNonRoot", pod(plain("a")), _ROOT),
    Sample(
        "runAsNonRoot",
        pod(plain("a"), plain("b"), secured("c", runAsNonRoot=True)),
        'runAsNonRoot != true (pod or containers "a", "b" must set securityContext.runAsNonRoot=true)',
    ),
    Sample(
        "runAsNonRoot",
        pod(secured("a", runAsNonRoot=True), securityContext={"runAsNonRoot": False}),
        "runAsNonRoot != true (pod must not set securityContext.runAsNonRoot=false)",
    ),
    Sample(
        "runAsNonRoot",
        pod(plain("z"), secured("a", runAsNonRoot=False), initContainers=[secured("i", runAsNonRoot=False)]),
        'runAsNonRoot != true (containers "i", "a" must not set securityContext.runAsNonRoot=false)',
    ),
    Sample(
        "runAsNonRoot",
        pod(secured("a", runAsNonRoot=False), securityContext={"runAsNonRoot": False}),
        'runAsNonRoot != true (pod and container "a" must not set securityContext.runAsNonRoot=false)',
    ),
    Sample("runAsNonRoot", pod(plain("a"), **OWN_USERS), _ROOT, until=34),
    Sample("runAsNonRoot", pod(plain("a"), **OWN_USERS), since=35),
    Sample("runAsNonRoot", pod(plain("a"), hostUsers=True), _ROOT),
    Sample("runAsUser", pod(plain("a"), secured("b", runAsUser=1), securityContext={"runAsUser": 1000}), since=23),
    Sample("runAsUser", pod(securityContext={"runAsUser": 0}), "runAsUser=0 (pod must not set runAsUser=0)", since=23),
    Sample("runAsUser", pod(secured("a", runAsUser=0)), 'runAsUser=0 (container "a" must not set runAsUser=0)', since=23),
    Sample(
        "runAsUser",
        pod(secured("a", runAsUser=0), initContainers=[secured("i", runAsUser=0)], securityContext={"runAsUser": 0}),
        'runAsUser=0 (pod and containers "i", "a" must not set runAsUser=0)',
        since=23,
    ),
    Sample(
        "runAsUser",
        pod(secured("a", runAsUser=0), **OWN_USERS),
        'runAsUser=0 (container "a" must not set runAsUser=0)',
        since=23,
        until=34,
    ),
    Sample("runAsUser", pod(secured("a", runAsUser=0), **OWN_USERS), since=35),
)
_BAD_SELINUX = "set forbidden securityContext.seLinuxOptions"
SELINUX = (
    Sample("seLinuxOptions", pod(plain("a"), secured("b", seLinuxOptions={"type": "container_t", "level": "s0:c1"}))),
    Sample(
        "seLinuxOptions",
        pod(secured("a", seLinuxOptions={"type": "container_kvm_t"}), securityContext={"seLinuxOptions": {"type": "container_init_t"}}),
    ),
    Sample(
        "seLinuxOptions",
        pod(secured("a", seLinuxOptions={"type": "container_engine_t"})),
        f'seLinuxOptions (container "a" {_BAD_SELINUX}: type "container_engine_t")',
        until=30,
    ),
    Sample("seLinuxOptions", pod(secured("a", seLinuxOptions={"type": "container_engine_t"})), since=31),
    Sample(
        "seLinuxOptions",
        pod(securityContext={"seLinuxOptions": {"user": "sysadm_u"}}),
        f"seLinuxOptions (pod {_BAD_SELINUX}: user may not be set)",
    ),
    Sample(
        "seLinuxOptions",
        pod(
            secured("a", seLinuxOptions={"type": "b_t", "role": "r"}),
            secured("b", seLinuxOptions={"type": "a_t"}),
            securityContext={"seLinuxOptions": {"user": "u", "type": "container_t"}},
        ),
        f'seLinuxOptions (pod and containers "a", "b" {_BAD_SELINUX}: types "a_t", "b_t"; user may not be set; role may not be set)',
    ),
)
SECCOMP = (
    Sample("seccompProfile_baseline", pod(plain("a"), annotations={_OF_POD: "runtime/default"}), until=18),
    Sample(
        "seccompProfile_baseline",
        pod(plain("a"), annotations={_OF_POD: "docker/default", f"{_OF_CONTAINER}/a": "localhost/x"}),
        until=18,
    ),
    Sample("seccompProfile_baseline", pod(plain("a"), annotations={f"{_OF_CONTAINER}/other": "unconfined"}), until=18),
    Sample("seccompProfile_baseline", pod(secured("a", seccompProfile=_UNCONFINED)), until=18),
    Sample(
        "seccompProfile_baseline",
        pod(plain("a"), annotations={_OF_POD: "unconfined"}),
        f'seccompProfile (forbidden annotation {_OF_POD}="unconfined")',
        until=18,
    ),
    Sample(
        "seccompProfile_baseline",
        pod(plain("a"), annotations={_OF_POD: "", f"{_OF_CONTAINER}/a": "unconfined"}),
        f'seccompProfile (forbidden annotations {_OF_CONTAINER}/a="unconfined", {_OF_POD}="")',
        until=18,
    ),
    Sample("seccompProfile_baseline", pod(plain("a"), annotations={_OF_POD: "unconfined"}), since=19),
    Sample(
        "seccompProfile_baseline",
        pod(plain("a"), secured("b", seccompProfile=_LOCAL), securityContext={"seccompProfile": _RUNTIME}),
        since=19,
    ),
    Sample(
        "seccompProfile_baseline",
        pod(plain("a"), securityContext={"seccompProfile": _UNCONFINED}),
        f'seccompProfile (pod {_NO_SECCOMP} "Unconfined")',
        since=19,
    ),
    Sample(
        "seccompProfile_baseline",
        pod(secured("a", seccompProfile=_UNCONFINED), secured("b", seccompProfile={}), securityContext={"seccompProfile": _UNCONFINED}),
        f'seccompProfile (pod and containers "a", "b" {_NO_SECCOMP} "", "Unconfined")',
        since=19,
    ),
    Sample("seccompProfile_restricted", pod(plain("a"), securityContext={"seccompProfile": _LOCAL}), since=19),
    Sample("seccompProfile_restricted", pod(secured("a", seccompProfile=_RUNTIME)), since=19),
    Sample("seccompProfile_restricted", pod(plain("a")), f'seccompProfile (pod or container "a" {_SECCOMP})', since=19),
    Sample(
        "seccompProfile_restricted",
        pod(plain("a"), secured("b"), secured("c", seccompProfile=_RUNTIME)),
        f'seccompProfile (pod or containers "a", "b" {_SECCOMP})',
        since=19,
    ),
    Sample(
        "seccompProfile_restricted",
        pod(plain("a"), secured("b", seccompProfile=_UNCONFINED), securityContext={"seccompProfile": _RUNTIME}),
        f'seccompProfile (container "b" {_NO_SECCOMP} "Unconfined")',
        since=19,
    ),
    Sample(
        "seccompProfile_restricted", pod(plain("a"), **WINDOWS), f'seccompProfile (pod or container "a" {_SECCOMP})', since=19, until=24
    ),
    Sample("seccompProfile_restricted", pod(plain("a"), **WINDOWS), since=25),
)


def sysctls(*names: str) -> Object:
    return pod(securityContext={"sysctls": [{"name": name, "value": "1"} for name in names]})


_FIRST = (
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.ping_group_range",
    "net.ipv4.ip_unprivileged_port_start",
)
_RESERVED = "net.ipv4.ip_local_reserved_ports"
_KEEPALIVE = tuple(f"net.ipv4.tcp_{name}" for name in ("keepalive_time", "fin_timeout", "keepalive_intvl", "keepalive_probes"))
_MEMORY = ("net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem")
SYSCTLS = (
    Sample("sysctls", pod(plain("a"))),
    Sample("sysctls", sysctls(*_FIRST)),
    Sample("sysctls", sysctls("z.z", _FIRST[0], "a.a"), "forbidden sysctls (z.z, a.a)"),
    Sample("sysctls", sysctls(_RESERVED), f"forbidden sysctls ({_RESERVED})", until=26),
    Sample("sysctls", sysctls(_RESERVED), since=27),
    Sample("sysctls", sysctls(*_KEEPALIVE), f"forbidden sysctls ({', '.join(_KEEPALIVE)})", until=28),
    Sample("sysctls", sysctls(*_KEEPALIVE), since=29),
    Sample("sysctls", sysctls(*_MEMORY), f"forbidden sysctls ({', '.join(_MEMORY)})", until=31),
    Sample("sysctls", sysctls(*_MEMORY), since=32),
)
_HOST_PROCESS = "must not set securityContext.windowsOptions.hostProcess=true"
WINDOWS_HOST_PROCESS = (
    Sample(
        "windowsHostProcess", pod(plain("a"), secured("b", windowsOptions={"hostProcess": False}), securityContext={"windowsOptions": {}})
    ),
    Sample("windowsHostProcess", pod(secured("a", windowsOptions={"hostProcess": True})), f'hostProcess (container "a" {_HOST_PROCESS})'),
    Sample(
        "windowsHostProcess",
        pod(
            secured("a", windowsOptions={"hostProcess": True}),
            secured("b", windowsOptions={"hostProcess": True}),
            securityContext={"windowsOptions": {"hostProcess": True}},
        ),
        f'hostProcess (pod and containers "a", "b" {_HOST_PROCESS})',
    ),
)
SAMPLES: tuple[Sample, ...] = (
    *ESCALATION,
    *APP_ARMOR,
    *CAPABILITIES,
    *HOST,
    *PROBES,
    *PRIVILEGED,
    *PROC_MOUNT,
    *VOLUMES,
    *ROOT,
    *SELINUX,
    *SECCOMP,
    *SYSCTLS,
    *WINDOWS_HOST_PROCESS,
)
