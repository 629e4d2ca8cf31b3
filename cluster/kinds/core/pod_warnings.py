"""Warnings for pods and templates: what is allowed, and likely no good.  Upstream: `pkg/api/pod/warnings.go`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from cluster.api import quantity
from cluster.api.field import child
from cluster.api.names import Object
from cluster.api.validation import is_dns1123_label
from cluster.kinds.core.pod_affinity import PREFERRED, REQUIRED
from cluster.kinds.core.pod_containers import CONTAINER_FIELDS
from cluster.kinds.core.pod_rules import members

_NODE_LABELS: Final = {
    "beta.kubernetes.io/arch": 'deprecated since v1.14; use "kubernetes.io/arch" instead',
    "beta.kubernetes.io/os": 'deprecated since v1.14; use "kubernetes.io/os" instead',
    "failure-domain.beta.kubernetes.io/region": 'deprecated since v1.17; use "topology.kubernetes.io/region" instead',
    "failure-domain.beta.kubernetes.io/zone": 'deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
    "beta.kubernetes.io/instance-type": 'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead',
}
_ANNOTATIONS: Final = {
    "scheduler.alpha.kubernetes.io/critical-pod": 'non-functional in v1.16+; use the "priorityClassName" field instead',
    "security.alpha.kubernetes.io/sysctls": 'non-functional in v1.11+; use the "sysctls" field instead',
    "security.alpha.kubernetes.io/unsafe-sysctls": 'non-functional in v1.11+; use the "sysctls" field instead',
}
_VOLUMES: Final = {
    "photonPersistentDisk": "deprecated in v1.11, non-functional in v1.16+",
    "gitRepo": "deprecated in v1.11, and disabled by default in v1.33+",
    "scaleIO": "deprecated in v1.16, non-functional in v1.22+",
    "flocker": "deprecated in v1.22, non-functional in v1.25+",
    "storageos": "deprecated in v1.22, non-functional in v1.25+",
    "quobyte": "deprecated in v1.22, non-functional in v1.25+",
    "glusterfs": "deprecated in v1.25, non-functional in v1.26+",
    "cephfs": "deprecated in v1.28, non-functional in v1.31+",
    "rbd": "deprecated in v1.28, non-functional in v1.31+",
}
_WHOLE: Final = re.compile("[0-9]{1,18}(?:[KMGTPE]i|[kMGTPE])?").fullmatch
"""Amounts that need not be computed to tell that they are whole, as nearly all are."""
_NO_SELECTOR: Final = "a null labelSelector results in matching no pod"


def warnings(pod: Object, old: Object | None) -> list[str]:
    """For a new pod alone: people seldom update pods by hand."""
    if old is not None:
        return []
    return name_warnings(pod, "the Pod's hostname") + template_warnings("", pod)


def name_warnings(obj: Object, used_in: str) -> list[str]:
    """For a name that becomes a host name, and is no label."""
    messages = is_dns1123_label((obj.get("metadata") or {}).get("name") or "")
    if not messages:
        return []
    surprise = "which can result in surprising behavior; a DNS label is recommended"
    return [f"metadata.name: this is used in {used_in}, {surprise}: [{' '.join(messages)}]"]


def template_warnings(path: str, template: Object) -> list[str]:
    """For a pod (at the path "") or a template."""
    spec, metadata = template.get("spec") or {}, template.get("metadata") or {}
    where = f"{path}.spec" if path else "spec"
    found: list[str] = []
    if spec.get("nodeSelector") or spec.get("affinity"):
        found += _node_labels(spec, where)
    if constraints := spec.get("topologySpreadConstraints"):
        found += _spreading(constraints, f"{where}.topologySpreadConstraints")
    if annotations := metadata.get("annotations"):
        found += _annotations(annotations, child(path, "metadata", "annotations"))
    if volumes := spec.get("volumes"):
        found += _volumes(volumes, f"{where}.volumes")
    if spec.get("hostAliases") or spec.get("imagePullSecrets"):
        found += _duplicates(spec, where)
    ports: list[tuple[str, Object]] = []
    for name in CONTAINER_FIELDS:
        for position, container in enumerate(spec.get(name) or ()):
            here = f"{where}.{name}[{position}]"
            if resources := container.get("resources"):
                found += _fractions(resources, f"{here}.resources")
            if variables := container.get("env"):
                found += _variables(variables, f"{here}.env")
            for i, port in enumerate(container.get("ports") or ()):
                ports.append((f"{here}.ports[{i}]", port))
    if len(ports) > 1:
        found += [*_ports(ports), *_port_names(ports)]
    if affinity := spec.get("affinity"):
        found += _affinity(affinity, f"{where}.affinity")
    return found


def _node_labels(spec: Object, path: str) -> Iterator[str]:
    for name in spec.get("nodeSelector") or ():
        if name in _NODE_LABELS:
            yield f"{path}.nodeSelector[{name}]: {_NODE_LABELS[name]}"
    affinity, where = (spec.get("affinity") or {}).get("nodeAffinity") or {}, f"{path}.affinity.nodeAffinity"
    for position, term in enumerate(members((affinity.get(REQUIRED) or {}).get("nodeSelectorTerms"))):
        yield from _term(term, f"{where}.{REQUIRED}.nodeSelectorTerms[{position}]")
    for position, preferred in enumerate(members(affinity.get(PREFERRED))):
        yield from _term(preferred.get("preference") or {}, f"{where}.{PREFERRED}[{position}].preference")


def _term(term: Object, path: str) -> Iterator[str]:
    for position, expression in enumerate(members(term.get("matchExpressions"))):
        name = expression.get("key")
        if name in _NODE_LABELS:
            yield f"{path}.matchExpressions[{position}].key: {name} is {_NODE_LABELS[name]}"


def _spreading(constraints: list[Object], path: str) -> Iterator[str]:
    for position, constraint in enumerate(constraints):
        name = constraint.get("topologyKey")
        if name in _NODE_LABELS:
            yield f"{path}[{position}].topologyKey: {name} is {_NODE_LABELS[name]}"
        if constraint.get("labelSelector") is None:
            yield f"{path}[{position}].labelSelector: {_NO_SELECTOR}"


def _annotations(annotations: Object, path: str) -> Iterator[str]:
    for name, text in _ANNOTATIONS.items():
        if name in annotations:
            yield f"{path}[{name}]: {text}"


def _volumes(volumes: list[Object], path: str) -> Iterator[str]:
    for position, volume in enumerate(volumes):
        if volume.keys().isdisjoint(_VOLUMES):
            continue
        for kind, text in _VOLUMES.items():
            if volume.get(kind) is not None:
                yield f"{path}[{position}].{'storageOS' if kind == 'storageos' else kind}: {text}"


def _duplicates(spec: Object, path: str) -> Iterator[str]:
    for name, field, what in (("hostAliases", "ip", "ip"), ("imagePullSecrets", "name", "name")):
        seen: set[str] = set()
        for position, member in enumerate(members(spec.get(name))):
            value = member.get(field) or ""
            if value in seen:
                yield f'{path}.{name}[{position}].{field}: duplicate {what} "{value}"'
            seen.add(value)
    for position, secret in enumerate(members(spec.get("imagePullSecrets"))):
        if not secret.get("name"):
            yield f'{path}.imagePullSecrets[{position}].name: invalid empty name ""'


def _fractions(resources: Object, path: str) -> Iterator[str]:
    limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
    for name in ("memory", "ephemeral-storage"):
        for kind, amounts in (("limits", limits), ("requests", requests)):
            value = amounts.get(name)
            if value is not None and not _WHOLE(str(value)) and quantity.parse(value).milli_value() % 1000:
                yield f'{path}.{kind}[{name}]: fractional byte value "{value}" is invalid, must be an integer'


def _variables(variables: list[Object], path: str) -> Iterator[str]:
    seen: set[str] = set()
    for position, variable in enumerate(variables):
        name = variable.get("name") or ""
        if name not in seen:
            seen.add(name)
            continue
        value, reference = variable.get("value") or "", f"$({name})"
        if variable.get("valueFrom") is not None or value == reference or reference not in value:
            yield f'{path}[{position}]: hides previous definition of "{name}", which may be dropped when using apply'


def _ports(ports: list[tuple[str, Object]]) -> Iterator[str]:
    taken: dict[tuple[object, object], list[tuple[str, Object]]] = {}
    for where, port in ports:
        others = taken.setdefault((port.get("containerPort"), port.get("protocol")), [])
        for other_path, other in others:
            text = _overlap(port, other)
            if text:
                yield f"{where}: {text} port definition with {other_path}"
        others.append((where, port))


def _overlap(one: Object, other: Object) -> str:
    addresses = one.get("hostIP") or "", other.get("hostIP") or ""
    ports = one.get("hostPort") or 0, other.get("hostPort") or 0
    if addresses[0] == addresses[1] and ports[0] == ports[1]:
        return "duplicate"
    if not all(ports):
        return "overlapping"
    return "dangerously ambiguous" if ports[0] == ports[1] and (not addresses[0]) != (not addresses[1]) else ""


def _port_names(ports: list[tuple[str, Object]]) -> Iterator[str]:
    taken: dict[str, str] = {}
    for where, port in ports:
        name = port.get("name") or ""
        if name in taken:
            use = f"services and probes that select ports by name will use {taken[name]}"
            yield f'{where}: duplicate port name "{name}" with {taken[name]}, {use}'
        elif name:
            taken[name] = where


def _affinity(affinity: Object, path: str) -> Iterator[str]:
    for kind in ("podAffinity", "podAntiAffinity"):
        rules = affinity.get(kind) or {}
        for position, term in enumerate(members(rules.get(REQUIRED))):
            if term.get("labelSelector") is None:
                yield f"{path}.{kind}.{REQUIRED}[{position}].labelSelector: {_NO_SELECTOR}"
        for position, weighted in enumerate(members(rules.get(PREFERRED))):
            if (weighted.get("podAffinityTerm") or {}).get("labelSelector") is None:
                yield f"{path}.{kind}.{PREFERRED}[{position}].podAffinityTerm.labelSelector: {_NO_SELECTOR}"
