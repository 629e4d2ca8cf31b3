"""Containers of a pod spec: how to walk them, what an image name means, and their defaults.

Upstream: `pkg/apis/core/v1/defaults.go` and `pkg/util/parsers`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from cluster.api import quantity
from cluster.api.names import Object
from cluster.kinds.core.pod_resources import canonical_requirements

CONTAINER_FIELDS: Final = ("initContainers", "containers", "ephemeralContainers")
PROBES: Final = ("livenessProbe", "readinessProbe", "startupProbe")
HOOKS: Final = ("postStart", "preStop")
_MOMENTS: Final = frozenset({*PROBES, "lifecycle"})
"""What is done to a container in its life, which many have nothing of."""
_DOMAIN: Final = (
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
)
_COMPONENT: Final = r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*"
_DIGEST: Final = r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}"
_IMAGE: Final = re.compile(
    rf"(?:{_DOMAIN}/)?{_COMPONENT}(?:/{_COMPONENT})*(?::(?P<tag>\w[\w.-]{{0,127}}))?(?P<digest>@{_DIGEST})?", re.ASCII
)


def container_lists(spec: Object) -> Iterator[tuple[str, list[Object]]]:
    """(field, containers) of the three lists, in the order in which upstream reports their errors."""
    for field in CONTAINER_FIELDS:
        yield field, spec.get(field) or []


def is_sidecar(container: Object) -> bool:
    """An init container that keeps running beside the others."""
    return container.get("restartPolicy") == "Always"


def image_tag(image: str) -> str:
    """The tag of an image name: `latest` where it has neither tag nor digest, empty where it has a digest alone or is no name."""
    found = _IMAGE.fullmatch(image)
    if found is None:
        return ""
    return found["tag"] or ("" if found["digest"] else "latest")


def pull_policy(image: str) -> str:
    return "Always" if image_tag(image) == "latest" else "IfNotPresent"


def default_container(container: Object) -> None:
    """The defaults of a container of any of the three lists."""
    if not container.get("imagePullPolicy"):
        container["imagePullPolicy"] = pull_policy(container.get("image") or "")
    if not container.get("terminationMessagePath"):
        container["terminationMessagePath"] = "/dev/termination-log"
    if not container.get("terminationMessagePolicy"):
        container["terminationMessagePolicy"] = "File"
    if resources := container.get("resources"):
        canonical_requirements(resources)
    else:
        container["resources"] = {}
    for port in container.get("ports") or ():
        if not port.get("protocol"):
            port["protocol"] = "TCP"
    for variable in container.get("env") or ():
        if source := variable.get("valueFrom"):
            _default_env(source)
    if not _MOMENTS.isdisjoint(container):
        _default_moments(container)


def _default_moments(container: Object) -> None:
    for field in PROBES:
        if container.get(field) is not None:
            default_probe(container[field])
    lifecycle = container.get("lifecycle") or {}
    lifecycle.pop("stopSignal", None)
    for hook in HOOKS:
        if (lifecycle.get(hook) or {}).get("httpGet") is not None:
            _default_http_get(lifecycle[hook]["httpGet"])


def _default_env(source: Object) -> None:
    if source.get("fieldRef") is not None:
        default_field_ref(source["fieldRef"])
    if source.get("resourceFieldRef") is not None:
        default_divisor(source["resourceFieldRef"])
    if source.get("fileKeyRef") is not None and source["fileKeyRef"].get("optional") is None:
        source["fileKeyRef"]["optional"] = False


def default_field_ref(reference: Object) -> None:
    if not reference.get("apiVersion"):
        reference["apiVersion"] = "v1"


def default_divisor(reference: Object) -> None:
    reference["divisor"] = quantity.canonical(reference.get("divisor") or 0)


def default_probe(probe: Object) -> None:
    for field, value in (("timeoutSeconds", 1), ("periodSeconds", 10), ("successThreshold", 1), ("failureThreshold", 3)):
        if not probe.get(field):
            probe[field] = value
    if probe.get("httpGet") is not None:
        _default_http_get(probe["httpGet"])
    if probe.get("grpc") is not None and probe["grpc"].get("service") is None:
        probe["grpc"]["service"] = ""


def _default_http_get(action: Object) -> None:
    if not action.get("path"):
        action["path"] = "/"
    if not action.get("scheme"):
        action["scheme"] = "HTTP"
