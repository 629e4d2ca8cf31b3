"""Validation of pods, and of the pod specs that templates hold.  Upstream: `pkg/apis/core/validation/validation.go`."""

from __future__ import annotations

import re
from typing import Final

from cluster.api import field, validation
from cluster.api.field import FieldError
from cluster.api.names import Object
from cluster.kinds.core import pod_validation_containers as container_rules
from cluster.kinds.core import pod_validation_scheduling as scheduling
from cluster.kinds.core.pod_rules import MAX_INT32, choice, dns_label, dns_subdomain, ip_address, members, qualified_name
from cluster.kinds.core.pod_validation_os import operating_system
from cluster.kinds.core.pod_validation_resources import pod_resources
from cluster.kinds.core.pod_validation_security import pod_security_context
from cluster.kinds.core.pod_validation_volumes import volumes

_RESTART_POLICIES: Final = ("Always", "OnFailure", "Never")
_DNS_POLICIES: Final = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
_SELDOM: Final = frozenset({"readinessGates", "schedulingGates", "topologySpreadConstraints", "hostUsers", "hostnameOverride"})
_NAMED: Final = frozenset({"serviceAccountName", "nodeName", "activeDeadlineSeconds", "hostname", "subdomain"})
_CLASSED: Final = frozenset({"priorityClassName", "runtimeClassName", "preemptionPolicy", "os"})
"""Groups of fields that are looked at where a pod has any of them."""
_MAX_NAMESERVERS: Final = 3
_MAX_SEARCHES: Final = 32
_MAX_SEARCH_CHARACTERS: Final = 2048
_SEARCH_PATTERN: Final = r"_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\._?[a-z0-9]([-_a-z0-9]*[a-z0-9])?)*"
_SEARCH: Final = re.compile(_SEARCH_PATTERN)
_SEARCH_WORDS: Final = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', "
    "and must start and end with an alphanumeric character"
)
_NO_TOKEN: Final = "must not be specified when serviceAccountName is not set"  # noqa: S105  # a message, no secret


def validate(pod: Object) -> list[FieldError]:
    """A new pod."""
    spec = pod.get("spec") or {}
    errors = metadata_and_spec(pod)
    if spec.get("ephemeralContainers"):
        errors.append(field.forbidden("spec.ephemeralContainers", "cannot be set on create"))
    if spec.get("nodeName") and spec.get("schedulingGates"):
        errors.append(field.forbidden("spec.nodeName", "cannot be set until all schedulingGates have been cleared"))
    return errors


def metadata_and_spec(pod: Object) -> list[FieldError]:
    """The spec of a pod, new or changed; its metadata are the generic rules' matter."""
    spec = pod.get("spec") or {}
    errors = pod_spec(spec, "spec", pod_name=(pod.get("metadata") or {}).get("name") or "", is_pod=True)
    if not spec.get("serviceAccountName"):
        errors += _tokens_without_account(spec)
    for name in ("containers", "initContainers"):
        for position, container in enumerate(spec.get(name) or ()):
            errors += container_rules.only_for_pod(container, f"spec.{name}[{position}]")
    return errors


def template(value: Object, path: str) -> list[FieldError]:
    """A pod template: its labels, annotations and spec."""
    metadata, spec = value.get("metadata") or {}, value.get("spec") or {}
    errors: list[FieldError] = []
    if labels := metadata.get("labels"):
        errors += validation.validate_labels(labels, f"{path}.labels")
    if annotations := metadata.get("annotations"):
        errors += validation.validate_annotations(annotations, f"{path}.annotations")
    errors += pod_spec(spec, f"{path}.spec")
    if spec.get("ephemeralContainers"):
        errors.append(field.forbidden(f"{path}.spec.ephemeralContainers", "ephemeral containers not allowed in pod template"))
    return errors


def pod_spec(spec: Object, path: str, *, pod_name: str = "", is_pod: bool = False) -> list[FieldError]:
    """A pod's spec (`is_pod`) or a template's, in the order of upstream's errors."""
    errors: list[FieldError] = []
    found: dict[str, Object] = {}
    if listed := spec.get("volumes"):
        found, errors = volumes(listed, pod_name, f"{path}.volumes")
    if claims := spec.get("resourceClaims"):
        errors += _resource_claims(claims, f"{path}.resourceClaims")
    context = container_rules.Context(spec, found, path)
    errors += container_rules.containers(context)
    if listed := spec.get("initContainers"):
        errors += container_rules.init_containers(listed, context)
    if listed := spec.get("ephemeralContainers"):
        errors += container_rules.ephemeral_containers(listed, context)
    if (requirements := spec.get("resources")) is not None:
        errors += pod_resources(requirements, spec, f"{path}.resources")
    if spec.get("hostNetwork"):
        errors += _host_ports(spec, path, is_pod=is_pod)
    if spec.get("restartPolicy") not in _RESTART_POLICIES:
        errors += choice(spec.get("restartPolicy"), f"{path}.restartPolicy", _RESTART_POLICIES)
    if spec.get("dnsPolicy") not in _DNS_POLICIES:
        errors += choice(spec.get("dnsPolicy"), f"{path}.dnsPolicy", _DNS_POLICIES)
    if labels := spec.get("nodeSelector"):
        errors += validation.validate_labels(labels, f"{path}.nodeSelector")
    if spec.get("securityContext") or spec.get("shareProcessNamespace"):
        errors += pod_security_context(spec, f"{path}.securityContext")
    if affinity := spec.get("affinity"):
        errors += scheduling.affinity(affinity, f"{path}.affinity")
    if spec.get("dnsConfig") or spec.get("dnsPolicy") == "None":
        errors += _dns_config(spec, f"{path}.dnsConfig")
    if not _SELDOM.isdisjoint(spec):
        errors += _seldom(spec, path)
    if not _NAMED.isdisjoint(spec):
        errors += _names(spec, path)
    if tolerations := spec.get("tolerations"):
        errors += scheduling.tolerations(tolerations, f"{path}.tolerations")
    if aliases := spec.get("hostAliases"):
        errors += _host_aliases(aliases, f"{path}.hostAliases")
    if not _CLASSED.isdisjoint(spec):
        errors += _classes(spec, path)
    return errors + _file_key_volumes(spec, path)


def _seldom(spec: Object, path: str) -> list[FieldError]:
    """The fields of `_SELDOM`."""
    errors: list[FieldError] = []
    for position, gate in enumerate(members(spec.get("readinessGates"))):
        errors += qualified_name(gate.get("conditionType") or "", f"{path}.readinessGates[{position}].conditionType")
    if gates := spec.get("schedulingGates"):
        errors += scheduling.scheduling_gates(gates, f"{path}.schedulingGates")
    if constraints := spec.get("topologySpreadConstraints"):
        errors += scheduling.topology_spread(constraints, f"{path}.topologySpreadConstraints")
    return errors + _host_users(spec, path) + _host_name_override(spec, f"{path}.hostnameOverride")


def _tokens_without_account(spec: Object) -> list[FieldError]:
    errors: list[FieldError] = []
    for position, volume in enumerate(members(spec.get("volumes"))):
        sources = (volume.get("projected") or {}).get("sources") or ()
        where = f"spec.volumes[{position}].projected.sources"
        errors += [
            field.forbidden(f"{where}[{number}].serviceAccountToken", _NO_TOKEN)
            for number, source in enumerate(sources)
            if source.get("serviceAccountToken") is not None
        ]
    return errors


def _names(spec: Object, path: str) -> list[FieldError]:
    """Names of other objects, the deadline, and the pod's own host name."""
    errors: list[FieldError] = []
    for name in ("serviceAccountName", "nodeName"):
        if value := spec.get(name):
            errors += dns_subdomain(value, f"{path}.{name}")
    deadline = spec.get("activeDeadlineSeconds")
    if deadline is not None and not 1 <= deadline <= MAX_INT32:
        where = f"{path}.activeDeadlineSeconds"
        errors.append(field.invalid(where, deadline, validation.inclusive_range_error(1, MAX_INT32)))
    for name in ("hostname", "subdomain"):
        if value := spec.get(name):
            errors += dns_label(value, f"{path}.{name}")
    return errors


def _classes(spec: Object, path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    if spec.get("priorityClassName"):
        errors += dns_subdomain(spec["priorityClassName"], f"{path}.priorityClassName")
    if spec.get("runtimeClassName") is not None:
        errors += dns_subdomain(spec["runtimeClassName"], f"{path}.runtimeClassName")
    if spec.get("preemptionPolicy") is not None:
        errors += choice(spec["preemptionPolicy"], f"{path}.preemptionPolicy", ("PreemptLowerPriority", "Never"))
    if spec.get("os") is not None:
        errors += operating_system(spec, path)
    return errors


def _host_ports(spec: Object, path: str, *, is_pod: bool) -> list[FieldError]:
    """On the host's network a port is what it is; a template may leave it to the pod's defaults."""
    errors: list[FieldError] = []
    for position, container in enumerate(members(spec.get("containers"))):
        where = f"{path}.containers[{position}].ports"
        for number, port in enumerate(members(container.get("ports"))):
            host = port.get("hostPort") or 0
            if (is_pod or host) and host != port.get("containerPort"):
                detail = "must match `containerPort` when `hostNetwork` is true"
                errors.append(field.invalid(f"{where}[{number}].hostPort", host, detail))
    return errors


def _host_users(spec: Object, path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    if spec.get("hostUsers") is not False:
        return errors
    if spec.get("hostNetwork"):
        errors.append(field.forbidden(f"{path}.hostNetwork", "when `hostUsers` is false"))
    errors += [
        field.forbidden(f"{path}.{name[0].upper()}{name[1:]}", "when `hostUsers` is false")
        for name in ("hostPID", "hostIPC")
        if spec.get(name)
    ]
    return errors


def _host_name_override(spec: Object, path: str) -> list[FieldError]:
    name = spec.get("hostnameOverride")
    if name is None:
        return []
    errors: list[FieldError] = []
    if spec.get("setHostnameAsFQDN"):
        errors.append(field.forbidden(path, "may not be specified when setHostnameAsFQDN is true"))
    if spec.get("hostNetwork"):
        errors.append(field.forbidden(path, "may not be specified when hostNetwork is true"))
    if len(name) > 64:
        errors.append(field.too_long(path, "", 64))
    return errors + dns_subdomain(name, path)


def _host_aliases(aliases: list[Object], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    for position, alias in enumerate(aliases):
        here = f"{path}[{position}]"
        errors += ip_address(alias.get("ip") or "", f"{here}.ip")
        for number, name in enumerate(alias.get("hostnames") or ()):
            errors += dns_subdomain(name, f"{here}.hostnames[{number}]")
    return errors


def _dns_config(spec: Object, path: str) -> list[FieldError]:
    config, where = spec.get("dnsConfig"), f"{path}.nameservers"
    if spec.get("dnsPolicy") == "None":
        if config is None:
            return [field.required(path, "must provide `dnsConfig` when `dnsPolicy` is None")]
        if not config.get("nameservers"):
            return [field.required(where, "must provide at least one DNS nameserver when `dnsPolicy` is None")]
    servers, searches = (config or {}).get("nameservers") or [], (config or {}).get("searches") or []
    errors: list[FieldError] = []
    if len(servers) > _MAX_NAMESERVERS:
        errors.append(field.invalid(where, servers, f"must not have more than {_MAX_NAMESERVERS} nameservers"))
    for position, server in enumerate(servers):
        errors += ip_address(server, f"{where}[{position}]")
    where = f"{path}.searches"
    if len(searches) > _MAX_SEARCHES:
        errors.append(field.invalid(where, searches, f"must not have more than {_MAX_SEARCHES} search paths"))
    if len(" ".join(searches)) > _MAX_SEARCH_CHARACTERS:
        detail = f"must not have more than {_MAX_SEARCH_CHARACTERS} characters (including spaces) in the search list"
        errors.append(field.invalid(where, searches, detail))
    for position, search in enumerate(searches):
        if search != ".":
            name = search.removesuffix(".")
            errors += [field.invalid(f"{where}[{position}]", name, message) for message in _search_messages(name)]
    for position, option in enumerate(members((config or {}).get("options"))):
        if not option.get("name"):
            errors.append(field.required(f"{path}.options[{position}]", "must not be empty"))
    return errors


def _search_messages(name: str) -> list[str]:
    """A search path is a subdomain whose labels may hold underscores.  Upstream: `IsDNS1123SubdomainWithUnderscore`."""
    messages = [validation.max_length_error(253)] if len(name) > 253 else []
    if not _SEARCH.fullmatch(name):
        messages.append(validation.regex_error(_SEARCH_WORDS, _SEARCH_PATTERN, "example.com"))
    return messages


def _resource_claims(claims: list[Object], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    names: set[str] = set()
    for position, claim in enumerate(claims):
        here, name = f"{path}[{position}]", claim.get("name") or ""
        if not name:
            errors.append(field.required(f"{here}.name"))
        elif name in names:
            errors.append(field.duplicate(f"{here}.name", name))
        else:
            errors += dns_label(name, f"{here}.name")
            names.add(name)
        given = [kind for kind in ("resourceClaimName", "resourceClaimTemplateName") if claim.get(kind) is not None]
        if len(given) != 1:
            shown = {"Name": name, "ResourceClaimName": claim.get("resourceClaimName")}
            shown["ResourceClaimTemplateName"] = claim.get("resourceClaimTemplateName")
            few, many = "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`", "at most one of `resourceClaimName` or "
            errors.append(field.invalid(here, shown, f"{many}`resourceClaimTemplateName` may be specified" if given else few))
        for kind in given:
            errors += dns_subdomain(claim[kind], f"{here}.{kind}")
    return errors


def _file_key_volumes(spec: Object, path: str) -> list[FieldError]:
    """A variable from a file needs an emptyDir that holds the file."""
    errors: list[FieldError] = []
    for name in ("initContainers", "containers", "ephemeralContainers"):
        for position, container in enumerate(spec.get(name) or ()):
            for number, variable in enumerate(container.get("env") or ()):
                source = variable.get("valueFrom")
                if source and (reference := source.get("fileKeyRef")) is not None:
                    here = f"{path}.{name}[{position}].env[{number}].valueFrom.fileKeyRef.volumeName"
                    errors += _file_key_volume(reference.get("volumeName") or "", spec, here)
    return errors


def _file_key_volume(name: str, spec: Object, path: str) -> list[FieldError]:
    sources = {volume.get("name"): volume for volume in members(spec.get("volumes"))}
    if name not in sources:
        return [field.not_found(path, name)]
    if sources[name].get("emptyDir") is None:
        return [field.invalid(path, name, "referenced volume must be of type emptyDir")]
    return []
