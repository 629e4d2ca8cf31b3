"""The files of volumes that are made from the cluster's objects: config maps, secrets, the downward API, tokens."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, Final

from cluster.api.errors import NotFound, StatusError
from cluster.api.names import Object
from cluster.kubelet import downward, specs
from cluster.kubelet.atomic_writer import Projection
from cluster.kubelet.environment import Getter
from cluster.kubelet.tokens import ServiceAccountTokens, TokenFailure, TokenSource

_DEFAULT_MODE: Final = 0o644
_TOKEN_SECONDS: Final = 3600


class VolumeFailure(Exception):
    """A volume can't be made now; the message is the event's."""


class Projector:
    """Reads what volumes show."""

    def __init__(self, config_map: Getter, secret: Getter, token: TokenSource, machine: Mapping[str, str]) -> None:
        self._config_map = config_map
        self._secret = secret
        self._tokens = ServiceAccountTokens(token)
        self._machine = machine

    def files(self, pod: Object, volume: dict[str, Any], addresses: tuple[str, ...]) -> dict[str, Projection]:
        """Path to file.  VolumeFailure where a source is missing."""
        if "projected" in volume:
            projected = volume["projected"] or {}
            mode = projected.get("defaultMode", _DEFAULT_MODE)
            result: dict[str, Projection] = {}
            for source in projected.get("sources") or []:
                result |= self._source(pod, source, mode, addresses)
            return result
        source = next(volume[kind] for kind in ("configMap", "secret", "downwardAPI") if kind in volume) or {}
        return self._source(pod, volume, source.get("defaultMode", _DEFAULT_MODE), addresses)

    def _source(self, pod: Object, source: dict[str, Any], mode: int, addresses: tuple[str, ...]) -> dict[str, Projection]:
        if "configMap" in source:
            return self._config(pod, source["configMap"], mode)
        if "secret" in source:
            return self._secrets(pod, source["secret"], mode)
        if "downwardAPI" in source:
            return self._downward(pod, source["downwardAPI"] or {}, mode, addresses)
        if "serviceAccountToken" in source:
            return self._service_account_token(pod, source["serviceAccountToken"], mode)
        kind = next(iter(source), "unknown")
        raise VolumeFailure(f'projected sources of type "{kind}" are not supported by this kubelet')

    def _config(self, pod: Object, source: dict[str, Any], mode: int) -> dict[str, Projection]:
        optional = bool(source.get("optional"))
        found = _read(self._config_map, pod, "configmap", source.get("name", ""), optional)
        data = {key: value.encode() for key, value in (found.get("data") or {}).items()}
        data |= {key: base64.b64decode(value) for key, value in (found.get("binaryData") or {}).items()}
        return _chosen(data, source, mode, optional, "configmap references non-existent config key: ")

    def _secrets(self, pod: Object, source: dict[str, Any], mode: int) -> dict[str, Projection]:
        optional = bool(source.get("optional"))
        found = _read(self._secret, pod, "secret", source.get("secretName") or source.get("name", ""), optional)
        data = {key: base64.b64decode(value or "") for key, value in (found.get("data") or {}).items()}
        return _chosen(data, source, mode, optional, "references non-existent secret key: ")

    def _downward(self, pod: Object, source: dict[str, Any], mode: int, addresses: tuple[str, ...]) -> dict[str, Projection]:
        result = {}
        for item in source.get("items") or []:
            if "fieldRef" in item:
                text = downward.field(pod, item["fieldRef"]["fieldPath"], addresses)
            else:
                reference = item["resourceFieldRef"]
                container = specs.container(pod, reference.get("containerName", ""))
                if container is None:
                    raise VolumeFailure(f"container {reference.get('containerName', '')} not found")
                text = downward.resource(pod, container, reference, self._machine)
            result[item["path"]] = Projection(text.encode(), item.get("mode", mode))
        return result

    def _service_account_token(self, pod: Object, source: dict[str, Any], mode: int) -> dict[str, Projection]:
        security = pod["spec"].get("securityContext") or {}
        owner = _single_user(pod)
        if owner is not None or security.get("fsGroup") is not None:
            mode = 0o600
        seconds = int(source.get("expirationSeconds") or _TOKEN_SECONDS)
        try:
            text = self._tokens.get(pod, source.get("audience") or "", seconds)
        except TokenFailure as error:
            raise VolumeFailure(str(error)) from error
        return {source["path"]: Projection(text.encode(), mode, owner)}

    def forget(self, uid: str) -> None:
        """The pod of that uid is gone."""
        self._tokens.forget(uid)


def _read(getter: Getter, pod: Object, kind: str, name: str, optional: bool) -> Object:
    try:
        return getter(pod["metadata"]["namespace"], name)
    except NotFound as error:
        if optional:
            return {}
        raise VolumeFailure(f'{kind} "{name}" not found') from error
    except StatusError as error:
        raise VolumeFailure(error.message) from error


def _chosen(data: dict[str, bytes], source: dict[str, Any], mode: int, optional: bool, complaint: str) -> dict[str, Projection]:
    """All keys, or those of `items` under their paths."""
    items = source.get("items")
    if not items:
        return {key: Projection(value, mode) for key, value in data.items()}
    result = {}
    for item in items:
        if item["key"] in data:
            result[item["path"]] = Projection(data[item["key"]], item.get("mode", mode))
        elif not optional:
            raise VolumeFailure(complaint + str(item["key"]))
    return result


def _single_user(pod: Object) -> int | None:
    """The user that all containers run as, where the specification says one; None otherwise."""
    pod_user = (pod["spec"].get("securityContext") or {}).get("runAsUser")
    users = {(each.get("securityContext") or {}).get("runAsUser", pod_user) for each in specs.every_container(pod)}
    only = users.pop() if len(users) == 1 else None
    return int(only) if only is not None else None
