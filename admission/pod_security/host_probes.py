"""Probes and hooks go to the pod itself: a kubelet is not made to call other hosts.

Upstream: pod-security-admission `policy/check_hostProbesAndhostLifecycle.go`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from admission.pod_security.check import Check, Revision, Violation, containers, joined, plural
from admission.pod_security.levels import Level
from admission.pod_security.pod import Pod
from cluster.api.names import Object

_PROBES: Final = ("livenessProbe", "readinessProbe", "startupProbe")
_HOOKS: Final = ("postStart", "preStop")
_FIELDS: Final = frozenset({*_PROBES, "lifecycle"})


def _judge(pod: Pod) -> Violation | None:
    bad: set[str] = set()
    called: set[str] = set()
    for container in pod.containers:
        if _FIELDS.isdisjoint(container):
            continue
        hosts = {*_hosts(container)}
        if hosts:
            bad.add(container.get("name", ""))
            called |= hosts
    if not bad:
        return None
    uses = "uses" if len(bad) == 1 else "use"
    return Violation(
        "probe or lifecycle host",
        f"{containers(sorted(bad))} {uses} {plural('probe or lifecycle host', called)} {joined(sorted(called))}",
    )


def _hosts(container: Object) -> Iterator[str]:
    for name in _PROBES:
        yield from _hosts_of(container.get(name))
    lifecycle = container.get("lifecycle")
    if lifecycle:
        for name in _HOOKS:
            yield from _hosts_of(lifecycle.get(name))


def _hosts_of(handler: Object | None) -> Iterator[str]:
    for action in ("httpGet", "tcpSocket") if handler else ():
        host = ((handler or {}).get(action) or {}).get("host")
        if host:
            yield host


CHECK: Final = Check("hostProbesAndHostLifecycle", Level.BASELINE, (Revision(34, _judge),))
