"""Validation of a pod's status.  Upstream: `ValidatePodStatusUpdate` of `pkg/apis/core/validation/validation.go`."""

from __future__ import annotations

from ipaddress import ip_address as parse_ip
from typing import Final

from cluster.api import field
from cluster.api.field import FieldError, child, index
from cluster.api.names import Object
from cluster.kinds.core.pod_containers import is_sidecar
from cluster.kinds.core.pod_rules import dns_subdomain, immutable, ip_address, members, qualified_name

_SYSTEM_CONDITIONS: Final = frozenset({"PodScheduled", "Ready", "Initialized"})
_NOT_NEGATIVE: Final = "must be a non-negative integer"
_STATUSES: Final = (
    ("containerStatuses", "containers"),
    ("initContainerStatuses", "initContainers"),
    ("ephemeralContainerStatuses", ""),
)


def validate_status(pod: Object, old: Object) -> list[FieldError]:
    """A change of a pod's status."""
    status, before = pod.get("status") or {}, old.get("status") or {}
    spec = old.get("spec") or {}
    errors = _conditions(members(status.get("conditions")))
    errors += _nominated_node(status, before, spec)
    if (status.get("observedGeneration") or 0) < 0:
        errors.append(field.invalid("status.observedGeneration", status["observedGeneration"], _NOT_NEGATIVE))
    errors += immutable(status.get("qosClass"), before.get("qosClass"), "status.qosClass")
    for name, containers in _STATUSES:
        errors += _transitions(members(status.get(name)), members(before.get(name)), spec, containers, child("status", name))
    errors += _addresses(status, before, "podIPs")
    if status.get("hostIPs") and status.get("hostIP") != status["hostIPs"][0].get("ip"):
        errors.append(field.invalid("status.hostIPs[0].ip", status["hostIPs"][0].get("ip"), "must be equal to `hostIP`"))
    return errors + _addresses(status, before, "hostIPs")


def _conditions(conditions: list[Object]) -> list[FieldError]:
    errors: list[FieldError] = []
    for position, condition in enumerate(conditions):
        here = index("status.conditions", position)
        generation = condition.get("observedGeneration") or 0
        if generation < 0:
            errors.append(field.invalid(child(here, "observedGeneration"), generation, _NOT_NEGATIVE))
        if condition.get("type") not in _SYSTEM_CONDITIONS:
            errors += qualified_name(condition.get("type") or "", child(here, "Type"))
    return errors


def _nominated_node(status: Object, before: Object, spec: Object) -> list[FieldError]:
    name, path = status.get("nominatedNodeName") or "", "status.nominatedNodeName"
    if not name or name == before.get("nominatedNodeName"):
        return []
    errors = dns_subdomain(name, path)
    if spec.get("nodeName"):
        errors.append(field.forbidden(path, "may not be set on pods that are already bound to a node"))
    return errors


def _transitions(new: list[Object], old: list[Object], spec: Object, containers: str, path: str) -> list[FieldError]:
    """What terminated for good stays so."""
    by_name = {container.get("name"): container for container in members(spec.get(containers))} if containers else {}
    if containers and _all_could_restart(spec):
        return []
    running = {status.get("name"): (status.get("state") or {}).get("terminated") is None for status in reversed(new)}
    errors: list[FieldError] = []
    for position, status in enumerate(old):
        terminated, name = (status.get("state") or {}).get("terminated"), status.get("name")
        if terminated is None or not running.get(name):
            continue
        container = by_name.get(name)
        if container is None or not should_restart(container, spec, terminated.get("exitCode") or 0):
            errors.append(field.forbidden(child(index(path, position), "state"), "may not be transitioned to non-terminated state"))
    return errors


def _all_could_restart(spec: Object) -> bool:
    """Whether a container's rule may restart all of them."""
    return any(
        rule.get("action") == "RestartAllContainers"
        for name in ("containers", "initContainers")
        for container in members(spec.get(name))
        for rule in members(container.get("restartPolicyRules"))
    )


def should_restart(container: Object, spec: Object, exit_code: int) -> bool:
    """Whether a container that ended so may run again: by its rules, its own policy, or the pod's."""
    for rule in members(container.get("restartPolicyRules")):
        codes = rule.get("exitCodes") or {}
        listed = exit_code in (codes.get("values") or ())
        if rule.get("exitCodes") is not None and listed == (codes.get("operator") == "In"):
            return True
    policy = container.get("restartPolicy") or spec.get("restartPolicy")
    return is_sidecar(container) or policy == "Always" or (policy == "OnFailure" and exit_code != 0)


def _addresses(status: Object, before: Object, name: str) -> list[FieldError]:
    """New ones must be valid, and there is at most one of each family."""
    path, kept = child("status", name), {each.get("ip") for each in members(before.get(name))}
    listed = [each.get("ip") or "" for each in members(status.get(name))]
    errors: list[FieldError] = []
    for position, address in enumerate(listed):
        if address not in kept:
            errors += ip_address(address, index(path, position))
    if len(listed) < 2:
        return errors
    families, broken = _families(listed)
    if broken:
        errors.append(field.internal(path, f"failed to check for dual stack with error:{broken}"))
    if broken or len(listed) > 2 or len(families) != 2:
        shown = [{"IP": address} for address in listed]
        errors.append(field.invalid(path, shown, "may specify no more than one IP for each IP family"))
    return errors


def _families(addresses: list[str]) -> tuple[set[int], str]:
    """(IP versions, what is wrong with the first that is no address)"""
    families: set[int] = set()
    for position, address in enumerate(addresses):
        try:
            families.add(parse_ip(address).version)
        except ValueError:
            return families, f"invalid IP[{position}]: {address}"
    return families, ""
