"""Custom resource definitions.  Upstream: apiextensions-apiserver `pkg/apis/apiextensions/{v1/defaults.go,validation}`."""

from __future__ import annotations

from typing import Final

from cluster.api import field, validation
from cluster.api.field import FieldError
from cluster.api.names import Object
from cluster.kinds.cells import created_at, name_of
from cluster.kinds.checks import dns1123_subdomain, judged, one_of, spec_of, status_of, unchanged
from cluster.kinds.model import Strategy
from cluster.kinds.statuses import keep_status, status_subresource

_SCOPES: Final = ("Cluster", "Namespaced")


def _default(definition: Object) -> None:
    spec = definition.setdefault("spec", {})
    names = spec.setdefault("names", {})
    kind = names.get("kind") or ""
    if not names.get("singular"):
        names["singular"] = kind.lower()
    if not names.get("listKind") and kind:
        names["listKind"] = f"{kind}List"
    if spec.get("conversion") is None:
        spec["conversion"] = {"strategy": "None"}
    service = ((spec["conversion"].get("webhook") or {}).get("clientConfig") or {}).get("service")
    if service is not None and service.get("port") is None:
        service["port"] = 443
    status: Object = {"conditions": None, "acceptedNames": {"plural": "", "kind": ""}} | status_of(definition)
    definition["status"] = status
    if not status.get("storedVersions"):
        stored = [each.get("name") for each in spec.get("versions") or () if each.get("storage")][:1]
        if stored:
            status["storedVersions"] = stored


def _prepare_for_create(definition: Object) -> None:
    """The stored versions are those of the spec until something else is stored."""
    definition["status"] = {}
    _default(definition)


def _validate(definition: Object) -> list[FieldError]:
    spec = spec_of(definition)
    group, names = spec.get("group") or "", spec.get("names") or {}
    errors = dns1123_subdomain("spec.group", group) if group else [field.required("spec.group")]
    if group and "." not in group:
        errors.append(field.invalid("spec.group", group, "should be a domain with at least one dot"))
    expected = f"{names.get('plural') or ''}.{group}"
    if name_of(definition) != expected:
        errors.append(field.invalid("metadata.name", name_of(definition), 'must be spec.names.plural+"."+spec.group'))
    errors += one_of("spec.scope", spec.get("scope"), _SCOPES)
    errors += _validate_versions(spec.get("versions") or []) + _validate_names(names)
    stored = status_of(definition).get("storedVersions")
    return errors if stored else [*errors, field.invalid("status.storedVersions", None, "must have at least one stored version")]


def _validate_versions(versions: list[Object]) -> list[FieldError]:
    errors: list[FieldError] = []
    names = [each.get("name") or "" for each in versions]
    for position, version in enumerate(versions):
        path = field.index("spec.versions", position)
        errors += judged(validation.is_dns1035_label, f"{path}.name", names[position])
        if (version.get("schema") or {}).get("openAPIV3Schema") is None:
            errors.append(field.required(f"{path}.schema.openAPIV3Schema"))
    if len(set(names)) != len(names):
        shown = [_shown_version(each) for each in versions]
        errors.append(field.invalid("spec.versions", shown, "must contain unique version names"))
    stored = sum(bool(each.get("storage")) for each in versions)
    if stored != 1:
        shown = [_shown_version(each) for each in versions]
        errors.append(field.invalid("spec.versions", shown, "must have exactly one version marked as storage version"))
    return errors


def _shown_version(version: Object) -> Object:
    """A version as upstream's message prints it: its internal type, as far as it is plain."""
    flags = {name: bool(version.get(name.lower())) for name in ("Served", "Storage", "Deprecated")}
    rest = dict.fromkeys(("DeprecationWarning", "Schema", "Subresources", "AdditionalPrinterColumns", "SelectableFields"))
    return {"Name": version.get("name") or "", **flags, **rest}


def _validate_names(names: Object) -> list[FieldError]:
    path = "spec.names"
    errors: list[FieldError] = []
    for name in ("plural", "singular"):
        errors += judged(validation.is_dns1035_label, f"{path}.{name}", names.get(name) or "")
    for name in ("kind", "listKind"):
        kind = names.get(name) or ""
        mixed = "may have mixed case, but should otherwise match: "
        errors += [field.invalid(f"{path}.{name}", kind, mixed + message) for message in validation.is_dns1035_label(kind.lower())]
    for name in ("shortNames", "categories"):
        for position, each in enumerate(names.get(name) or ()):
            errors += judged(validation.is_dns1035_label, field.index(f"{path}.{name}", position), each)
    if names.get("kind") and names.get("kind") == names.get("listKind"):
        errors.append(field.invalid(f"{path}.listKind", names["listKind"], "kind and listKind may not be the same"))
    return errors


def _validate_update(definition: Object, old: Object) -> list[FieldError]:
    """What objects are stored under may not change once the definition is established."""
    errors = _validate(definition)
    spec, before = spec_of(definition), spec_of(old)
    established = any(each.get("type") == "Established" and each.get("status") == "True" for each in status_of(old).get("conditions") or ())
    if established:
        errors += unchanged("spec.scope", spec.get("scope"), before.get("scope"))
        kinds = [(each.get("names") or {}).get("kind") for each in (spec, before)]
        errors += unchanged("spec.names.kind", *kinds)
    return errors + unchanged("spec.group", spec.get("group"), before.get("group"))


STRATEGY: Final = Strategy(
    default=_default,
    prepare_for_create=_prepare_for_create,
    prepare_for_update=keep_status,
    validate=_validate,
    validate_update=_validate_update,
    subresources=status_subresource(),
    cells=lambda definition: [name_of(definition), created_at(definition)],
    allow_unconditional_update=False,
)
