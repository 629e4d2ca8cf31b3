"""What the plugins of policies may be configured with: nothing, as long as manifests on disk are behind a gate that is off.

Upstream: apiserver `pkg/admission/plugin/policy/config/config.go`, `pkg/admission/plugin/manifest/validation.go`.
"""

from __future__ import annotations

from typing import Final

import orjson

from cluster.api.field import forbidden
from cluster.api.names import Object
from cluster.schema.configuration import TEXT, definitions, load_configuration

_STATIC: Final = "staticManifestsDir"
_GATE: Final = "staticManifestsDir requires the ManifestBasedAdmissionControlConfig feature gate to be enabled"


def check_configuration(configuration: Object | None, plugin: str) -> None:
    """ValueError for a configuration that is not good; its kind is named for the plugin."""
    if configuration is None:
        return
    kind = f"{plugin}Configuration"
    versions = (definitions("apiserver.config.k8s.io", "v1", (kind,), {kind: {_STATIC: TEXT}}),)
    if load_configuration(orjson.dumps(configuration), kind, versions).get(_STATIC):
        raise ValueError(str(forbidden(_STATIC, _GATE)))
