"""What the ResourceQuota plugin is configured with: what may be used only where a quota covers it.

Upstream: apiserver `pkg/admission/plugin/resourcequota/{config.go,apis/resourcequota}`.
"""

from __future__ import annotations

from typing import Final

import orjson
from msgspec import Struct

from cluster.api import field
from cluster.api.field import FieldError
from cluster.api.names import GroupResource, Object
from cluster.api.quota.scopes import OPERATORS, Scope, scope_of
from cluster.schema.configuration import TEXT, TEXTS, definitions, list_of, load_configuration
from rbac.authz.union import aggregated

_STRUCTS: Final = {
    "LimitedResource": {
        "apiGroup": TEXT,
        "resource": TEXT,
        "matchContains": TEXTS,
        "matchScopes": list_of("ScopedResourceSelectorRequirement"),
    },
    "ScopedResourceSelectorRequirement": {"scopeName": TEXT, "operator": TEXT, "values": TEXTS},
}
_KIND: Final = "ResourceQuotaConfiguration"
_OLD_KIND: Final = "Configuration"
_FIELDS: Final = {"limitedResources": list_of("LimitedResource")}
_VERSIONS: Final = (definitions("apiserver.config.k8s.io", "v1", (_KIND,), {_KIND: _FIELDS, **_STRUCTS}),)
_OLD_VERSIONS: Final = tuple(
    definitions("resourcequota.admission.k8s.io", version, (_OLD_KIND,), {_OLD_KIND: _FIELDS, **_STRUCTS})
    for version in ("v1beta1", "v1alpha1")
)


class LimitedResource(Struct, frozen=True):
    """What of one resource needs a quota: usage whose name contains one of the texts, and objects that are in one of the scopes."""

    resource: GroupResource
    contains: tuple[str, ...] = ()
    scopes: tuple[Scope, ...] = ()


def limited_resources(configuration: Object | None) -> tuple[LimitedResource, ...]:
    """ValueError with what is wrong."""
    if configuration is None:
        return ()
    old = configuration.get("kind") == _OLD_KIND
    data = orjson.dumps(configuration)
    document = load_configuration(data, _OLD_KIND, _OLD_VERSIONS) if old else load_configuration(data, _KIND, _VERSIONS)
    limited = document.get("limitedResources") or []
    errors = [error for position, each in enumerate(limited) for error in _validate(each, field.index("limitedResources", position))]
    if errors:
        raise ValueError(aggregated([str(error) for error in errors]))
    return tuple(
        LimitedResource(
            GroupResource(each.get("apiGroup") or "", each["resource"]),
            tuple(each.get("matchContains") or ()),
            tuple(scope_of(scope) for scope in each.get("matchScopes") or ()),
        )
        for each in limited
    )


def _validate(limited: Object, path: str) -> list[FieldError]:
    """An operator that there is not would match nothing, and so limit nothing: it is refused rather than left unsaid."""
    errors = [] if limited.get("resource") else [field.required(f"{path}.resource")]
    for position, scope in enumerate(limited.get("matchScopes") or ()):
        if scope.get("operator") not in OPERATORS:
            where = field.index(f"{path}.matchScopes", position)
            errors.append(field.not_supported(f"{where}.operator", scope.get("operator") or "", tuple(OPERATORS)))
    return errors
