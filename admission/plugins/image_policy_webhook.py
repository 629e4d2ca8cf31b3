"""ImagePolicyWebhook: a remote service says which images may run.

Upstream: `plugin/pkg/admission/imagepolicy`.
"""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections.abc import Callable, Mapping
from typing import Final

import orjson
from msgspec import Struct

from admission.attributes import Attributes, Operation
from admission.denial import forbidden
from admission.pods import PODS
from cluster.api.durations import format_duration
from cluster.api.names import Object
from cluster.api.protocols import HttpCaller, HttpCallers
from cluster.api.validation import is_qualified_name
from rbac.lru_cache import TimedCache
from rbac.webhook import WebhookError, ask

log = logging.getLogger(__name__)
CACHE_SIZE: Final = 1024
MAX_KEPT_BYTES: Final = 16_384
"""A longer answer is not kept."""
REQUEST_SECONDS: Final = 30.0
"""How long an answer is waited for, with all attempts together."""
PREFIX: Final = "imagepolicywebhook.image-policy.k8s.io/"
FAILED_OPEN: Final = f"{PREFIX}failed-open"
_SHOWN: Final = ".image-policy.k8s.io/"
"""Annotations of pods that have this in their key are shown to the service."""
_VERSION: Final = "imagepolicy.k8s.io/v1alpha1"
_CONFIGURATION: Final = "imagePolicy"
_DISABLED: Final = -1


class Settings(Struct, frozen=True):
    """How the service is asked; times in seconds."""

    kubeconfig: str
    allow_ttl: float
    deny_ttl: float
    backoff: float
    default_allow: bool
    """Whether images may run while the service does not answer."""


class _Status(Struct, frozen=True):
    allowed: bool
    reason: str
    annotations: Mapping[str, str]


class ImagePolicyWebhook:
    name = "ImagePolicyWebhook"

    def __init__(
        self,
        callers: HttpCallers,
        configuration: Object | None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        """ValueError for a configuration, or a kubeconfig that it names, which is none."""
        if configuration is None:
            raise ValueError("no config specified")
        self._settings = settings(configuration)
        self._caller = _caller(callers, self._settings.kubeconfig)
        self._clock, self._sleep = clock, sleep
        self._kept: TimedCache[bytes, _Status] = TimedCache(CACHE_SIZE, clock)

    def handles(self, operation: Operation) -> bool:
        return operation in (Operation.CREATE, Operation.UPDATE)

    def validate(self, attributes: Attributes) -> None:
        """Forbidden for images that the service does not allow, or, as configured, while it can not be asked."""
        pod = attributes.object
        if attributes.resource.group_resource != PODS or attributes.subresource not in ("", "ephemeralcontainers") or pod is None:
            return
        spec = _spec(pod, attributes)
        try:
            status = self._status(spec)
        except WebhookError as error:
            log.warning("the image policy webhook could not be asked: %s", error)
            if not self._settings.default_allow:
                raise forbidden(attributes, str(error)) from error
            attributes.annotations[FAILED_OPEN] = "true"
            return
        attributes.annotations.update(status.annotations)
        if not status.allowed:
            shown = f"image policy webhook backend denied one or more images: {status.reason}"
            raise forbidden(attributes, shown if status.reason else "one or more images rejected by webhook backend")

    def _status(self, spec: Object) -> _Status:
        key = hashlib.sha256(orjson.dumps(spec, option=orjson.OPT_SORT_KEYS)).digest()
        status = self._kept.get(key)
        if status is not None:
            return status
        review = {"kind": "ImageReview", "apiVersion": _VERSION, "metadata": {}, "spec": spec, "status": {"allowed": False}}
        backoff = self._settings.backoff
        found = ask(self._caller, review, REQUEST_SECONDS, self._sleep, within=REQUEST_SECONDS, clock=self._clock, backoff=backoff)
        status = _read(found.get("status"))
        if len(orjson.dumps(found.get("status"))) <= MAX_KEPT_BYTES:
            self._kept.put(key, status, self._settings.allow_ttl if status.allowed else self._settings.deny_ttl)
        return status


def _spec(pod: Object, attributes: Attributes) -> Object:
    """What the service is shown: the images of the containers that the write is about, and what the pod says to the service."""
    spec = pod.get("spec") or {}
    kinds = ("ephemeralContainers",) if attributes.subresource else ("containers", "initContainers")
    images = [each.get("image") for kind in kinds for each in spec.get(kind) or ()]
    annotations = (pod.get("metadata") or {}).get("annotations") or {}
    shown: Object = {
        "containers": [{"image": image} if image else {} for image in images],
        "annotations": {key: value for key, value in annotations.items() if _SHOWN in key},
        "namespace": attributes.namespace,
    }
    return {name: value for name, value in shown.items() if value}


def _read(status: object) -> _Status:
    """WebhookError for a status whose fields are of other types; a missing one allows nothing."""
    given = status if isinstance(status, dict) else {}
    kinds: Mapping[str, tuple[type, str]] = {"allowed": (bool, "boolean"), "reason": (str, "string"), "auditAnnotations": (dict, "object")}
    for name, (kind, shown) in kinds.items():
        if given.get(name) is not None and not isinstance(given[name], kind):
            raise WebhookError(f"the answer's status.{name} is no {shown}")
    annotations: dict[str, str] = {}
    for name, value in (given.get("auditAnnotations") or {}).items():
        if not isinstance(value, str):
            raise WebhookError(f'the answer\'s status.auditAnnotations of "{name}" is no string')
        if "/" in name or is_qualified_name(PREFIX + name):
            log.warning('the image policy webhook\'s audit annotation "%s" is left out: it is no name', name)
        else:
            annotations[PREFIX + name] = value
    return _Status(bool(given.get("allowed")), given.get("reason") or "", annotations)


def _caller(callers: HttpCallers, path: str) -> HttpCaller:
    if not path:
        raise ValueError(f"{_CONFIGURATION}.kubeConfigFile is missing: name the kubeconfig of the service that is asked")
    if not os.path.isabs(path):  # to what it would be relative depends on where the process was started
        raise ValueError(f'{_CONFIGURATION}.kubeConfigFile "{path}" is no absolute path: write it as one')
    try:
        return callers.of_kubeconfig(path)
    except OSError as error:
        raise ValueError(f'kubeconfig "{path}" cannot be read: {error.strerror}') from None


def settings(configuration: Object) -> Settings:
    """ValueError, in upstream's words for a duration that is out of range."""
    given = configuration.get(_CONFIGURATION)
    given = {} if given is None else given
    if not isinstance(given, dict):
        raise ValueError(f"{_CONFIGURATION} is no object: write kubeConfigFile and the like in it")
    kubeconfig, default_allow = given.get("kubeConfigFile") or "", given.get("defaultAllow") or False
    if not isinstance(kubeconfig, str):
        raise ValueError(f"{_CONFIGURATION}.kubeConfigFile is no string")
    if not isinstance(default_allow, bool):
        raise ValueError(f"{_CONFIGURATION}.defaultAllow is neither true nor false")
    return Settings(
        kubeconfig=kubeconfig,
        backoff=_duration(given, "retryBackoff", 1e-3, (1e-9, 300.0), 0.5),
        allow_ttl=_duration(given, "allowTTL", 1.0, (1.0, 1800.0), 300.0),
        deny_ttl=_duration(given, "denyTTL", 1.0, (1.0, 1800.0), 30.0),
        default_allow=default_allow,
    )


def _duration(given: Object, name: str, scale: float, bounds: tuple[float, float], default: float) -> float:
    """A field's value in seconds: 0 or none for the default, -1 for none at all."""
    value = given.get(name)
    if value is None or (value == 0 and not isinstance(value, bool)):
        return default
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"{_CONFIGURATION}.{name} is no whole number")
    if value == _DISABLED:
        return 0.0
    seconds = value * scale
    if not bounds[0] <= seconds <= bounds[1]:
        least = "1ns" if bounds[0] < 1e-6 else format_duration(bounds[0])
        raise ValueError(f"valid value is between {least} and {format_duration(bounds[1])}, got {format_duration(seconds)}")
    return seconds
