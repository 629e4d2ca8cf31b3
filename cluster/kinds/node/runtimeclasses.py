"""Runtime classes.  Upstream: `pkg/apis/node/validation/validation.go`."""

from __future__ import annotations

from typing import Final

from cluster.api import field, validation
from cluster.api.field import FieldError
from cluster.api.names import Object
from cluster.kinds.cells import name_and, text
from cluster.kinds.checks import dns1123_label, unchanged
from cluster.kinds.core.pod_validation_scheduling import tolerations
from cluster.kinds.model import Strategy


def _validate(runtime: Object) -> list[FieldError]:
    handler = runtime.get("handler") or ""
    errors = dns1123_label("handler", handler) if handler else [field.required("handler")]
    scheduling = runtime.get("scheduling")
    if scheduling is not None:
        errors += validation.validate_labels(scheduling.get("nodeSelector"), "scheduling.nodeSelector")
        errors += tolerations(scheduling.get("tolerations") or (), "scheduling.tolerations")
    return errors


STRATEGY: Final = Strategy(
    validate=_validate,
    validate_update=lambda runtime, old: unchanged("handler", runtime.get("handler"), old.get("handler")),
    cells=name_and(text("handler")),
    allow_create_on_update=True,
    allow_unconditional_update=False,
    has_generation=False,
)
