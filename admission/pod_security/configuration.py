"""The PodSecurityConfiguration: what namespaces without labels ask for, and who is exempt.

Upstream: pod-security-admission `admission/api/{v1,v1beta1,v1alpha1}`, `admission/api/{helpers.go,load,validation}`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

import orjson
from msgspec import Struct

from admission.configuration import Unusable
from admission.pod_security.levels import LATEST, Level, LevelVersion, parse_level, parse_version
from admission.pod_security.policy import AUDIT, ENFORCE, FULLY_PRIVILEGED, WARN, Policy
from cluster.api import field
from cluster.api.field import FieldError
from cluster.api.names import Object
from cluster.api.validation import is_dns1123_label, is_dns1123_subdomain
from cluster.schema.configuration import TEXT, TEXTS, definitions, load_configuration, reference
from rbac.authz.union import aggregated

_KIND: Final = "PodSecurityConfiguration"
_DEFAULTS: Final = tuple((mode, f"{mode}-version") for mode in (ENFORCE, AUDIT, WARN))
_STRUCTS: Final = {
    _KIND: {"defaults": reference("PodSecurityDefaults"), "exemptions": reference("PodSecurityExemptions")},
    "PodSecurityDefaults": {name: TEXT for names in _DEFAULTS for name in names},
    "PodSecurityExemptions": {"usernames": TEXTS, "namespaces": TEXTS, "runtimeClasses": TEXTS},
}
_GROUP: Final = "pod-security.admission.config.k8s.io"
_VERSIONS: Final = tuple(definitions(_GROUP, version, (_KIND,), _STRUCTS) for version in ("v1", "v1beta1", "v1alpha1"))
_Value = TypeVar("_Value")


class Configuration(Struct, frozen=True):
    """`defaults` hold where a namespace says nothing."""

    defaults: Policy = FULLY_PRIVILEGED
    usernames: frozenset[str] = frozenset()
    namespaces: frozenset[str] = frozenset()
    runtime_classes: frozenset[str] = frozenset()


def read_configuration(given: Object | None) -> Configuration:
    """None is as an empty one; ValueError, in upstream's words, with all that is wrong."""
    if given is None:
        return Configuration()
    document = load_configuration(orjson.dumps(given), _KIND, _VERSIONS)
    defaults = _policy(document.get("defaults") or {})
    exemptions = document.get("exemptions") or {}
    usernames, namespaces, classes = (exemptions.get(name) or [] for name in ("usernames", "namespaces", "runtimeClasses"))
    errors = [
        *_faults("namespaces", namespaces, is_dns1123_label),
        *_faults("runtimeClasses", classes, is_dns1123_subdomain),
        *_faults("usernames", usernames, lambda name: [] if name else ["username must not be empty"]),
    ]
    if errors:
        raise _refused("invalid", [str(each) for each in errors])
    return Configuration(defaults, frozenset(usernames), frozenset(namespaces), frozenset(classes))


def _policy(given: Object) -> Policy:
    problems: list[str] = []

    def read(name: str, parse: Callable[[str], _Value], default: _Value) -> _Value:
        text = given.get(name)
        try:
            return parse(text) if text else default
        except ValueError as error:
            problems.append(f"{name}: {error}")
            return default

    asked = [LevelVersion(read(level, parse_level, Level.PRIVILEGED), read(version, parse_version, LATEST)) for level, version in _DEFAULTS]
    if problems:
        raise _refused("configuration error", problems)
    return Policy(*asked)


def _faults(name: str, values: Sequence[str], rule: Callable[[str], list[str]]) -> list[FieldError]:
    errors: list[FieldError] = []
    seen: set[str] = set()
    for place, value in enumerate(values):
        path = field.index(f"exemptions.{name}", place)
        messages = rule(value)
        if messages:
            errors.append(field.invalid(path, value, ", ".join(messages)))
        elif value in seen:
            errors.append(field.duplicate(path, value))
        seen.add(value)
    return errors


def _refused(what: str, problems: Sequence[str]) -> Unusable:
    return Unusable(f"PodSecurity {what}: {aggregated(problems)}")
