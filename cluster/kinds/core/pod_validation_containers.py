"""Validation of a pod's three lists of containers.  Upstream: `pkg/apis/core/validation/validation.go`."""

from __future__ import annotations

from typing import Any, Final

from msgspec import Struct

from cluster.api import field
from cluster.api.field import FieldError
from cluster.api.names import Object
from cluster.api.validation import is_valid_port_name
from cluster.kinds.core.pod_containers import PROBES, is_sidecar
from cluster.kinds.core.pod_rules import choice, dns_label, each, members, port_number
from cluster.kinds.core.pod_validation_env import env, env_from
from cluster.kinds.core.pod_validation_probes import lifecycle, probe
from cluster.kinds.core.pod_validation_resources import container_resources
from cluster.kinds.core.pod_validation_security import container_security_context
from cluster.kinds.core.pod_validation_volumes import volume_devices, volume_mounts

_EPHEMERAL_FORBIDDEN: Final = (
    "ports",
    "resources",
    "resizePolicy",
    "restartPolicy",
    "restartPolicyRules",
    "livenessProbe",
    "readinessProbe",
    "startupProbe",
    "lifecycle",
)
_SELDOM: Final = frozenset({*PROBES, "lifecycle", "restartPolicy", "restartPolicyRules"})
_MESSAGE_POLICIES: Final = ("File", "FallbackToLogsOnError")
_PULL_POLICIES: Final = ("Always", "IfNotPresent", "Never")
_PROTOCOLS: Final = ("SCTP", "TCP", "UDP")
_RESTART_POLICIES: Final = ("Always", "Never", "OnFailure")
_NO_PROBE: Final = "may not be set for init containers without restartPolicy=Always"
_NO_EPHEMERAL: Final = "cannot be set for an Ephemeral Container"


class Context(Struct, frozen=True):
    """What a container's validation needs of its pod."""

    spec: Object
    volumes: dict[str, Object]
    path: str

    @property
    def grace_period(self) -> int | None:
        return self.spec.get("terminationGracePeriodSeconds")


def containers(context: Context) -> list[FieldError]:
    """The regular containers, of which there must be one."""
    path = f"{context.path}.containers"
    listed = context.spec.get("containers")
    if not listed:
        return [field.required(path)]
    errors: list[FieldError] = []
    names: set[Any] = set()
    for position, container in enumerate(listed):
        here, name = f"{path}[{position}]", container.get("name", "")
        errors += _common(container, here, context)
        if name in names:
            errors.append(field.duplicate(f"{here}.name", name))
        names.add(name)
        if not _SELDOM.isdisjoint(container):
            errors += _probes(container, here, context)
            errors += _restart_policy(container, here)
    return errors + _host_port_conflicts(listed, path)


def init_containers(listed: list[Object], context: Context) -> list[FieldError]:
    """The init containers; one that restarts always is a sidecar, and may have probes."""
    path = f"{context.path}.initContainers"
    names = {container.get("name") for container in members(context.spec.get("containers"))}
    errors: list[FieldError] = []
    for position, container in enumerate(listed):
        here = f"{path}[{position}]"
        errors += _common(container, here, context)
        errors += _restart_policy(container, here)
        if container.get("name") in names:
            errors.append(field.duplicate(f"{here}.name", container.get("name")))
        elif container.get("name"):
            names.add(container["name"])
        errors += _host_port_conflicts([container], path)
        if is_sidecar(container):
            errors += _probes(container, here, context)
            continue
        errors += [field.forbidden(f"{here}.{name}", _NO_PROBE) for name in ("lifecycle", *PROBES) if container.get(name) is not None]
        for number, policy in enumerate(members(container.get("resizePolicy"))):
            if policy.get("restartPolicy") == "RestartContainer":
                where = f"{here}.resizePolicy[{number}].restartPolicy"
                errors.append(
                    field.invalid(where, "RestartContainer", "must not be set to 'RestartContainer' for non-sidecar initContainers")
                )
    return errors


def ephemeral_containers(listed: list[Object], context: Context) -> list[FieldError]:
    """Ephemeral containers: few fields, and names unlike those of all others."""
    path = f"{context.path}.ephemeralContainers"
    others = {each.get("name") for name in ("containers", "initContainers") for each in members(context.spec.get(name))}
    names = set(others)
    errors: list[FieldError] = []
    for position, container in enumerate(listed):
        here = f"{path}[{position}]"
        errors += _common(container, here, context)
        errors += only_for_pod(container, here)
        if container.get("name", "") in names:
            errors.append(field.duplicate(f"{here}.name", container.get("name", "")))
        names.add(container.get("name", ""))
        target = container.get("targetContainerName")
        if target and target not in others:
            errors.append(field.not_found(f"{here}.targetContainerName", target))
        errors += [field.forbidden(f"{here}.{name}", _NO_EPHEMERAL) for name in _EPHEMERAL_FORBIDDEN if container.get(name)]
        for number, mount in enumerate(members(container.get("volumeMounts"))):
            where = f"{here}.volumeMounts[{number}]"
            errors += [field.forbidden(f"{where}.{name}", _NO_EPHEMERAL) for name in ("subPath", "subPathExpr") if mount.get(name)]
    return errors


def only_for_pod(container: Object, path: str) -> list[FieldError]:
    """What templates may have, but pods not."""
    image = container.get("image") or ""
    if image != image.strip():
        return [field.invalid(f"{path}.image", image, "must not have leading or trailing whitespace")]
    return []


def _common(container: Object, path: str, context: Context) -> list[FieldError]:
    name, image = container.get("name") or "", container.get("image") or ""
    errors = dns_label(name, f"{path}.name") if name else [field.required(f"{path}.name")]
    if not image:
        errors.append(field.required(f"{path}.image"))
    if (policy := container.get("terminationMessagePolicy")) not in _MESSAGE_POLICIES:
        errors += choice(policy, f"{path}.terminationMessagePolicy", _MESSAGE_POLICIES)
    if ports := container.get("ports"):
        errors += _ports(ports, f"{path}.ports")
    if variables := container.get("env"):
        errors += env(variables, f"{path}.env")
    if sources := container.get("envFrom"):
        errors += env_from(sources, f"{path}.envFrom")
    if container.get("volumeMounts"):
        errors += volume_mounts(container, context.volumes, f"{path}.volumeMounts")
    if container.get("volumeDevices"):
        errors += volume_devices(container, context.volumes, f"{path}.volumeDevices")
    if (policy := container.get("imagePullPolicy")) not in _PULL_POLICIES:
        errors += choice(policy, f"{path}.imagePullPolicy", _PULL_POLICIES)
    if resources := container.get("resources"):
        errors += container_resources(resources, context.spec, f"{path}.resources")
    if container.get("resizePolicy"):
        errors += _resize_policy(container, f"{path}.resizePolicy", context.spec.get("restartPolicy"))
    if (security := container.get("securityContext")) is not None:
        errors += container_security_context(security, f"{path}.securityContext", context.spec.get("hostUsers") is not False)
    return errors


def _ports(ports: list[Object], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    names: set[str] = set()
    for position, port in enumerate(ports):
        here, name = f"{path}[{position}]", port.get("name") or ""
        if messages := is_valid_port_name(name) if name else []:
            errors += each(messages, f"{here}.name", name)
        elif name in names:
            errors.append(field.duplicate(f"{here}.name", name))
        elif name:
            names.add(name)
        if number := port.get("containerPort"):
            errors += port_number(number, f"{here}.containerPort")
        else:
            errors.append(field.required(f"{here}.containerPort"))
        if number := port.get("hostPort"):
            errors += port_number(number, f"{here}.hostPort")
        if (protocol := port.get("protocol")) not in _PROTOCOLS:
            errors += choice(protocol, f"{here}.protocol", _PROTOCOLS)
    return errors


def _host_port_conflicts(listed: list[Object], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    taken: set[str] = set()
    for position, container in enumerate(listed):
        for number, port in enumerate(container.get("ports") or ()):
            if not port.get("hostPort"):
                continue
            shown = f"{port.get('protocol', '')}/{port.get('hostIP', '')}/{port['hostPort']}"
            if shown in taken:
                errors.append(field.duplicate(f"{path}[{position}].ports[{number}].hostPort", shown))
            taken.add(shown)
    return errors


def _probes(container: Object, path: str, context: Context) -> list[FieldError]:
    errors: list[FieldError] = []
    if container.get("lifecycle") is not None:
        errors += lifecycle(container["lifecycle"], context.grace_period, f"{path}.lifecycle")
    for name in PROBES:
        if container.get(name) is not None:
            errors += probe(container[name], name, context.grace_period, f"{path}.{name}")
    return errors


def _restart_policy(container: Object, path: str) -> list[FieldError]:
    policy, rules = container.get("restartPolicy"), members(container.get("restartPolicyRules"))
    where = f"{path}.restartPolicy"
    errors: list[FieldError] = []
    if policy is None:
        if not rules:
            return errors
        errors.append(field.required(where, "must specify restartPolicy when restart rules are used"))
    elif policy not in _RESTART_POLICIES:
        errors.append(field.not_supported(where, policy, _RESTART_POLICIES))
    if len(rules) > 20:
        errors.append(field.too_many(f"{path}.restartPolicyRules", len(rules), 20))
    for position, rule in enumerate(rules):
        here = f"{path}.restartPolicyRules[{position}]"
        if rule.get("action") not in ("Restart", "RestartAllContainers"):
            errors.append(field.not_supported(f"{here}.action", rule.get("action", ""), ("Restart", "RestartAllContainers")))
        codes = rule.get("exitCodes")
        if codes is None:
            errors.append(field.required(f"{here}.exitCodes", "must be specified"))
            continue
        if codes.get("operator") not in ("In", "NotIn"):
            errors.append(field.not_supported(f"{here}.exitCodes.operator", codes.get("operator", ""), ("In", "NotIn")))
        if len(codes.get("values") or ()) > 255:
            errors.append(field.too_many(f"{here}.exitCodes.values", len(codes["values"]), 255))
    return errors


def _resize_policy(container: Object, path: str, pod_restart_policy: str | None) -> list[FieldError]:
    errors: list[FieldError] = []
    seen: set[Any] = set()
    for position, policy in enumerate(members(container.get("resizePolicy"))):
        name, restart = policy.get("resourceName"), policy.get("restartPolicy")
        if name in seen:
            errors.append(field.duplicate(f"{path}[{position}]", name))
        seen.add(name)
        errors += choice(name, path, ("cpu", "memory"))
        errors += choice(restart, path, ("NotRequired", "RestartContainer"))
        if pod_restart_policy == "Never" and restart != "NotRequired":
            errors.append(field.invalid(path, restart, "must be 'NotRequired' when pod `restartPolicy` is 'Never'"))
    return errors
