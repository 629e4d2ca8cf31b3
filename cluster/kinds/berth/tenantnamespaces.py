"""Namespaces as those see them who may read them: a kind that exists in requests only, made of Namespaces."""

from __future__ import annotations

from typing import Final

from cluster.api import validation
from cluster.api.names import Object
from cluster.api.tenancy import tenant_of
from cluster.kinds.cells import name_and, text
from cluster.kinds.checks import status_of
from cluster.kinds.model import Strategy

KIND: Final = {"kind": "TenantNamespace", "apiVersion": "berth.io/v1alpha1"}
_SHOWN: Final = (
    "name",
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "deletionTimestamp",
    "labels",
    "annotations",
)


def of_namespace(namespace: Object) -> Object:
    """The TenantNamespace that shows a Namespace."""
    metadata = namespace["metadata"]
    return {
        **KIND,
        "metadata": {name: metadata[name] for name in _SHOWN if name in metadata},
        "spec": {"tenant": tenant_of(namespace)},
        "status": {"phase": status_of(namespace).get("phase", "")},
    }


STRATEGY: Final = Strategy(
    validate_name=validation.name_is_dns_label,
    cells=name_and(text("spec", "tenant"), text("status", "phase")),
    has_generation=False,
)
