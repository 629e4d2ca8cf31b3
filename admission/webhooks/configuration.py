"""What both plugins may be configured with: the kubeconfig of the users as whom webhooks are called.

Upstream: apiserver `pkg/admission/plugin/webhook/config/kubeconfig.go`, `pkg/admission/plugin/manifest`.
"""

from __future__ import annotations

import os.path
from typing import Final

import orjson

from cluster.api.field import forbidden, invalid
from cluster.api.names import Object
from cluster.schema.configuration import TEXT, definitions, load_configuration

_KIND: Final = "WebhookAdmissionConfiguration"
_VERSIONS: Final = (definitions("apiserver.config.k8s.io", "v1", (_KIND,), {_KIND: {"kubeConfigFile": TEXT, "staticManifestsDir": TEXT}}),)
_STATIC: Final = "staticManifestsDir"
_GATE: Final = "staticManifestsDir requires the ManifestBasedAdmissionControlConfig feature gate to be enabled"


def kubeconfig_of(configuration: Object | None) -> str:
    """The kubeconfig's path, empty where there is none; ValueError for a configuration that is not good."""
    if configuration is None:
        return ""
    given = load_configuration(orjson.dumps(configuration), _KIND, _VERSIONS)
    path: str = given.get("kubeConfigFile") or ""
    if path and not os.path.isabs(path):
        raise ValueError(str(invalid("kubeConfigFile", path, "must be an absolute file path")))
    if given.get(_STATIC):
        raise ValueError(str(forbidden(_STATIC, _GATE)))
    return path
