"""A container's environment.  Upstream: `pkg/kubelet/kubelet_pods.go` makeEnvironmentVariables, `pkg/kubelet/envvars`."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from msgspec import Struct, field

from cluster.api.errors import NotFound, StatusError
from cluster.api.names import Object
from cluster.kubelet import downward, specs
from cluster.kubelet.expansion import expand
from cluster.kubelet.runtime import RuntimeFailure

Getter = Callable[[str, str], Object]
"""(namespace, name) to the object; NotFound where there is none."""
_MASTER_NAMESPACE: Final = "default"
_MASTER: Final = "kubernetes"


class Sources(Struct, frozen=True):
    """Where values come from."""

    config_map: Getter
    secret: Getter
    services: Callable[[], Iterable[Object]]
    api_server: tuple[str, int] | None = None
    """The address that pods are told to reach the API server by, instead of the cluster IP of its Service."""


class _Cache(Struct):
    """Config maps and secrets are read once per container."""

    sources: Sources
    namespace: str
    found: dict[tuple[str, str], dict[str, str] | None] = field(default_factory=dict)

    def read(self, kind: str, name: str, optional: bool) -> dict[str, str] | None:
        """The data as text; None for what is optional and absent.  RuntimeFailure for what is absent and needed."""
        if (kind, name) not in self.found:
            self.found[kind, name] = self._load(kind, name)
        data = self.found[kind, name]
        if data is None and not optional:
            raise RuntimeFailure(f'{kind} "{name}" not found')
        return data

    def _load(self, kind: str, name: str) -> dict[str, str] | None:
        getter = self.sources.config_map if kind == "configmap" else self.sources.secret
        try:
            obj = getter(self.namespace, name)
        except NotFound:
            return None
        except StatusError as error:
            raise RuntimeFailure(error.message) from error
        data = obj.get("data") or {}
        if kind == "configmap":
            return dict(data)
        return {key: base64.b64decode(value or "").decode(errors="surrogateescape") for key, value in data.items()}


def build(pod: Object, container: specs.Spec, addresses: tuple[str, ...], sources: Sources, machine: Mapping[str, str]) -> dict[str, str]:
    """Names to values, in order.  RuntimeFailure, in upstream's words, where a source is missing.

    `machine` holds the node's allocatable, which the downward API shows where a limit isn't set.
    """
    services = service_variables(pod, sources)
    cache = _Cache(sources, pod["metadata"]["namespace"])
    result = _from_sources(container, cache)
    for entry in container.get("env") or []:
        name, text = entry["name"], entry.get("value") or ""
        if text:
            result[name] = expand(text, services | result)
        elif entry.get("valueFrom"):
            found = _value_from(pod, container, entry["valueFrom"], cache, addresses, machine)
            if found is not None:
                result[name] = found
        else:
            result[name] = ""
    return services | result


def _from_sources(container: specs.Spec, cache: _Cache) -> dict[str, str]:
    result: dict[str, str] = {}
    for source in container.get("envFrom") or []:
        kind = "configmap" if "configMapRef" in source else "secret"
        reference = source.get("configMapRef") or source.get("secretRef") or {}
        data = cache.read(kind, reference.get("name", ""), bool(reference.get("optional")))
        prefix = source.get("prefix") or ""
        result |= {prefix + key: value for key, value in (data or {}).items()}
    return result


def _value_from(
    pod: Object, container: specs.Spec, source: dict[str, Any], cache: _Cache, addresses: tuple[str, ...], machine: Mapping[str, str]
) -> str | None:
    if "fieldRef" in source:
        return downward.field(pod, source["fieldRef"]["fieldPath"], addresses)
    if "resourceFieldRef" in source:
        return downward.resource(pod, container, source["resourceFieldRef"], machine)
    for field_name, kind, shown in (("configMapKeyRef", "configmap", "ConfigMap"), ("secretKeyRef", "secret", "Secret")):
        if field_name in source:
            reference = source[field_name]
            optional = bool(reference.get("optional"))
            data = cache.read(kind, reference.get("name", ""), optional)
            if data is None or reference["key"] not in data:
                if optional:
                    return None
                raise RuntimeFailure(f"couldn't find key {reference['key']} in {shown} {cache.namespace}/{reference.get('name', '')}")
            return data[reference["key"]]
    raise RuntimeFailure("the source of an environment variable isn't supported")


def service_variables(pod: Object, sources: Sources) -> dict[str, str]:
    """Those of `kubernetes` always, those of the namespace's services by enableServiceLinks."""
    namespace = pod["metadata"]["namespace"]
    links = pod["spec"].get("enableServiceLinks", True)
    chosen: dict[str, Object] = {}
    for service in sources.services():
        metadata = service["metadata"]
        if service["spec"].get("clusterIP") in (None, "", "None"):
            continue
        if metadata["namespace"] == namespace and links:
            chosen[metadata["name"]] = service
        elif metadata["namespace"] == _MASTER_NAMESPACE and metadata["name"] == _MASTER:
            chosen.setdefault(_MASTER, service)
    result: dict[str, str] = {}
    for name in sorted(chosen):
        address = sources.api_server if name == _MASTER and chosen[name]["metadata"]["namespace"] == _MASTER_NAMESPACE else None
        result |= _variables(name, chosen[name]["spec"], address)
    if sources.api_server and _MASTER not in chosen:
        port = {"name": "https", "port": 443, "protocol": "TCP"}
        result |= _variables(_MASTER, {"clusterIP": sources.api_server[0], "ports": [port]}, sources.api_server)
    return result


def _variables(name: str, spec: dict[str, Any], address: tuple[str, int] | None) -> dict[str, str]:
    prefix = name.upper().replace("-", "_")
    ports = spec.get("ports") or []
    if not ports:
        return {}
    host = address[0] if address else spec["clusterIP"]
    shown = f"[{host}]" if ":" in host else host

    def number(port: dict[str, Any]) -> int:
        return address[1] if address else int(port["port"])

    result = {f"{prefix}_SERVICE_HOST": host, f"{prefix}_SERVICE_PORT": str(number(ports[0]))}
    for port in ports:
        if port.get("name"):
            result[f"{prefix}_SERVICE_PORT_{port['name'].upper().replace('-', '_')}"] = str(number(port))
    for position, port in enumerate(ports):
        protocol = port.get("protocol", "TCP")
        url = f"{protocol.lower()}://{shown}:{number(port)}"
        if position == 0:
            result[f"{prefix}_PORT"] = url
        base = f"{prefix}_PORT_{number(port)}_{protocol.upper()}"
        result |= {base: url, f"{base}_PROTO": protocol.lower(), f"{base}_PORT": str(number(port)), f"{base}_ADDR": host}
    return result
