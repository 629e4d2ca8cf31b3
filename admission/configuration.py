"""The AdmissionConfiguration file: what each plugin is configured with.  Upstream: apiserver `pkg/admission/config.go`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from cluster.api.errors import BadRequest
from cluster.api.followed_file import MAX_BYTES, read_file
from cluster.api.names import Object
from cluster.schema.configuration import TEXT, definitions, list_of, load_configuration
from cluster.schema.parse import parse_yaml

_KIND: Final = "AdmissionConfiguration"
_ANYTHING: Final = {"type": "object"}
_STRUCTS: Final = {
    _KIND: {"plugins": list_of("AdmissionPluginConfiguration")},
    "AdmissionPluginConfiguration": {"name": TEXT, "path": TEXT, "configuration": _ANYTHING},
}
_VERSIONS: Final = tuple(definitions("apiserver.config.k8s.io", version, (_KIND,), _STRUCTS) for version in ("v1", "v1alpha1"))
_API_VERSIONS: Final = tuple(each.version for each in _VERSIONS)
_UNVERSIONED: Final = {"imagePolicy": "ImagePolicyWebhook", "podNodeSelectorPluginConfig": "PodNodeSelector"}
"""A key of a file in the form of old, which is a plugin's own configuration, to that plugin."""


class Unusable(ValueError):
    """A plugin's configuration is one, but not one that the plugin can work with; upstream tells of that in other words."""


def read_configuration(path: Path) -> Mapping[str, Object]:
    """The configuration of each plugin that the file names, embedded or in a file of its own; ValueError with what is wrong."""
    try:
        data = read_file(path)
    except OSError as error:
        raise ValueError(f'unable to read admission control configuration from "{path}" [{error}]') from None
    return parse_configuration(data, path)


def parse_configuration(data: bytes, path: Path) -> Mapping[str, Object]:
    """As `read_configuration`, of a text that is, or could be, the file at a path."""
    unversioned = _unversioned(data)
    if unversioned:
        return unversioned
    try:
        document = load_configuration(data, _KIND, _VERSIONS)
    except ValueError as error:
        raise ValueError(f'admission control configuration "{path}": {error}') from None
    found: dict[str, Object] = {}
    for each in document.get("plugins") or ():
        configuration = each.get("configuration")
        if configuration is None and each.get("path"):
            configuration = _own_file(path.parent / each["path"], each["name"])
        if configuration is not None:
            found.setdefault(each.get("name") or "", configuration)
    return found


def _unversioned(data: bytes) -> Mapping[str, Object]:
    """What a file in the form of old is the configuration of; nothing where it is an AdmissionConfiguration, or neither."""
    try:
        document = parse_yaml(data)[0]
    except BadRequest:
        return {}
    if not isinstance(document, dict) or (document.get("kind") == _KIND and document.get("apiVersion") in _API_VERSIONS):
        return {}
    return {plugin: document for key, plugin in _UNVERSIONED.items() if key in document}


def _own_file(path: Path, plugin: str) -> Object:
    try:
        data = read_file(path)
        if len(data) > MAX_BYTES:
            raise BadRequest(f"it is larger than {MAX_BYTES} bytes")
        document = parse_yaml(data)[0]
    except (OSError, BadRequest) as error:
        raise ValueError(f'configuration of admission plugin "{plugin}" in "{path}": {error}') from None
    if not isinstance(document, dict):
        raise ValueError(f'configuration of admission plugin "{plugin}" in "{path}" is no object')
    return document
