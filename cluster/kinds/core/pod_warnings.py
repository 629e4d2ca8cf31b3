"""Warnings for pods and templates: what is allowed, and likely no good.  Upstream: `pkg/api/pod/warnings.go`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cluster.api import quantity
from cluster.api.field import child, index, key
from cluster.api.names import Object
from cluster.api.validation import is_dns1123_label
from cluster.kinds.core.pod_affinity import PREFERRED, REQUIRED
from cluster.kinds.core.pod_containers import container_lists
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
    where = child(path, "spec")
    return [
        *_node_labels(spec, where),
        *_spreading(spec, where),
        *_annotations(metadata, child(path, "metadata", "annotations")),
        *_volumes(spec, child(where, "volumes")),
        *_duplicates(spec, where),
        *_containers(spec, where),
        *_ports(spec, where),
        *_port_names(spec, where),
        *_affinity(spec, child(where, "affinity")),
    ]


def _node_labels(spec: Object, path: str) -> Iterator[str]:
    for name in spec.get("nodeSelector") or ():
        if name in _NODE_LABELS:
            yield f"{key(child(path, 'nodeSelector'), name)}: {_NODE_LABELS[name]}"
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    where = child(path, "affinity", "nodeAffinity")
    terms = members((affinity.get(REQUIRED) or {}).get("nodeSelectorTerms"))
    for position, term in enumerate(terms):
        yield from _term(term, index(child(where, REQUIRED, "nodeSelectorTerms"), position))
    for position, preferred in enumerate(members(affinity.get(PREFERRED))):
        yield from _term(preferred.get("preference") or {}, child(index(child(where, PREFERRED), position), "preference"))


def _term(term: Object, path: str) -> Iterator[str]:
    for position, expression in enumerate(members(term.get("matchExpressions"))):
        name = expression.get("key")
        if name in _NODE_LABELS:
            yield f"{child(index(child(path, 'matchExpressions'), position), 'key')}: {name} is {_NODE_LABELS[name]}"


def _spreading(spec: Object, path: str) -> Iterator[str]:
    for position, constraint in enumerate(members(spec.get("topologySpreadConstraints"))):
        here, name = index(child(path, "topologySpreadConstraints"), position), constraint.get("topologyKey")
        if name in _NODE_LABELS:
            yield f"{child(here, 'topologyKey')}: {name} is {_NODE_LABELS[name]}"
        if constraint.get("labelSelector") is None:
            yield f"{child(here, 'labelSelector')}: {_NO_SELECTOR}"


def _annotations(metadata: Object, path: str) -> Iterator[str]:
    for name, text in _ANNOTATIONS.items():
        if name in (metadata.get("annotations") or {}):
            yield f"{key(path, name)}: {text}"


def _volumes(spec: Object, path: str) -> Iterator[str]:
    for position, volume in enumerate(members(spec.get("volumes"))):
        for kind, text in _VOLUMES.items():
            if volume.get(kind) is not None:
                yield f"{child(index(path, position), 'storageOS' if kind == 'storageos' else kind)}: {text}"


def _duplicates(spec: Object, path: str) -> Iterator[str]:
    for name, field, what in (("hostAliases", "ip", "ip"), ("imagePullSecrets", "name", "name")):
        seen: set[str] = set()
        for position, member in enumerate(members(spec.get(name))):
            value = member.get(field) or ""
            if value in seen:
                yield f'{child(index(child(path, name), position), field)}: duplicate {what} "{value}"'
            seen.add(value)
    for position, secret in enumerate(members(spec.get("imagePullSecrets"))):
        if not secret.get("name"):
            yield f'{child(index(child(path, "imagePullSecrets"), position), "name")}: invalid empty name ""'


def _walk(spec: Object, path: str) -> Iterator[tuple[str, Object]]:
    for name, containers in container_lists(spec):
        for position, container in enumerate(containers):
            yield index(child(path, name), position), container


def _containers(spec: Object, path: str) -> Iterator[str]:
    for here, container in _walk(spec, path):
        resources = container.get("resources") or {}
        for name in ("memory", "ephemeral-storage"):
            for kind in ("limits", "requests"):
                value = (resources.get(kind) or {}).get(name)
                if value is not None and quantity.parse(value).milli_value() % 1000:
                    where = key(child(here, "resources", kind), name)
                    yield f'{where}: fractional byte value "{value}" is invalid, must be an integer'
        seen: set[str] = set()
        for position, variable in enumerate(members(container.get("env"))):
            name, value = variable.get("name") or "", variable.get("value") or ""
            reference = f"$({name})"
            if name in seen and (variable.get("valueFrom") is not None or value == reference or reference not in value):
                where = index(child(here, "env"), position)
                yield f'{where}: hides previous definition of "{name}", which may be dropped when using apply'
            seen.add(name)


def _ports(spec: Object, path: str) -> Iterator[str]:
    taken: dict[tuple[object, object], list[tuple[str, Object]]] = {}
    for here, container in _walk(spec, path):
        for position, port in enumerate(members(container.get("ports"))):
            where = index(child(here, "ports"), position)
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


def _port_names(spec: Object, path: str) -> Iterator[str]:
    taken: dict[str, str] = {}
    for here, container in _walk(spec, path):
        for position, port in enumerate(members(container.get("ports"))):
            name, where = port.get("name") or "", index(child(here, "ports"), position)
            if name in taken:
                use = f"services and probes that select ports by name will use {taken[name]}"
                yield f'{where}: duplicate port name "{name}" with {taken[name]}, {use}'
            elif name:
                taken[name] = where


def _affinity(spec: Object, path: str) -> Iterator[str]:
    for kind in ("podAffinity", "podAntiAffinity"):
        rules, where = (spec.get("affinity") or {}).get(kind) or {}, child(path, kind)
        for position, term in enumerate(members(rules.get(REQUIRED))):
            if term.get("labelSelector") is None:
                yield f"{child(index(child(where, REQUIRED), position), 'labelSelector')}: {_NO_SELECTOR}"
        for position, weighted in enumerate(members(rules.get(PREFERRED))):
            if (weighted.get("podAffinityTerm") or {}).get("labelSelector") is None:
                yield f"{child(index(child(where, PREFERRED), position), 'podAffinityTerm', 'labelSelector')}: {_NO_SELECTOR}"
