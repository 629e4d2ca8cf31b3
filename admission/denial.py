"""How a plugin says no.  Upstream: apiserver `pkg/admission/errors.go`."""

from __future__ import annotations

from admission.attributes import Attributes
from cluster.api.errors import Forbidden


def forbidden(attributes: Attributes, why: str) -> Forbidden:
    """`pods "web" is forbidden: <why>`; a name that is yet to be generated shows as its prefix, none at all as `Unknown`."""
    metadata = (attributes.object or {}).get("metadata") or {}
    name = attributes.name or metadata.get("name") or metadata.get("generateName") or "Unknown"
    return Forbidden.of(attributes.resource.group_resource, name, why)
