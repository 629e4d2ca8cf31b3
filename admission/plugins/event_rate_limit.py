"""EventRateLimit: how many events may be written in a second, altogether, of a namespace, by a user, or of one source about one object.

Each process of the API server counts for itself, as each kube-apiserver does.  Upstream: `plugin/pkg/admission/eventratelimit`.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import orjson

from admission.attributes import Attributes, Operation
from cluster.api import field
from cluster.api.errors import TooManyRequests
from cluster.api.field import FieldError
from cluster.api.names import GroupKind, Object
from cluster.schema.configuration import TEXT, definitions, list_of, load_configuration
from rbac.authz.union import aggregated
from rbac.lru_cache import LruCache

DEFAULT_CACHE_SIZE: Final = 4096
_LONGEST_KEY: Final = 256
"""Characters; longer ones are kept as their digests, so that what callers choose does not fill memory."""
_EVENT: Final = GroupKind("", "Event")
_KIND: Final = "Configuration"
_INT32: Final = {"type": "integer", "format": "int32"}
_STRUCTS: Final = {
    _KIND: {"limits": list_of("Limit")},
    "Limit": {"type": TEXT, "qps": _INT32, "burst": _INT32, "cacheSize": _INT32},
}
_VERSION: Final = definitions("eventratelimit.admission.k8s.io", "v1alpha1", (_KIND,), _STRUCTS)
_SOURCE: Final = ("component", "host")
_INVOLVED: Final = ("kind", "namespace", "name", "uid", "apiVersion")


class EventRateLimit:
    name = "EventRateLimit"

    def __init__(self, configuration: Object | None, clock: Callable[[], float] = time.monotonic) -> None:
        """ValueError for a configuration that sets no limit, or a wrong one."""
        self._limits = [_Limit(each, clock) for each in _limits(configuration)]

    def handles(self, operation: Operation) -> bool:
        return operation in (Operation.CREATE, Operation.UPDATE)

    def validate(self, attributes: Attributes) -> None:
        """TooManyRequests, with all limits that are reached; each that is not counts the event all the same."""
        if attributes.kind.kind != "Event" or attributes.kind.group_kind != _EVENT or attributes.dry_run:
            return
        reached = [why for limit in self._limits if (why := limit.take(attributes))]
        if reached:
            raise TooManyRequests(f"Too many requests: {aggregated(reached)}")


class _Limit:
    """One limit with its buckets: a bucket holds `burst` events, and gets `qps` of them back in a second."""

    def __init__(self, given: Object, clock: Callable[[], float]) -> None:
        self._type: str = given["type"]
        self._qps, self._burst = float(given["qps"]), float(given["burst"])
        self._key = _KEYS[self._type]
        self._clock = clock
        size = 1 if self._type == "Server" else given.get("cacheSize") or DEFAULT_CACHE_SIZE
        self._buckets: LruCache[str, tuple[float, float]] = LruCache(size)
        self._lock = threading.Lock()

    def take(self, attributes: Attributes) -> str:
        """Why the event is one too many; empty where it is not."""
        key = self._key(attributes)
        kept = key if len(key) <= _LONGEST_KEY else hashlib.sha256(key.encode()).hexdigest()
        with self._lock:
            now = self._clock()
            left, since = self._buckets.get(kept) or (self._burst, now)
            left = min(self._burst, left + (now - since) * self._qps)
            taken = left >= 1
            self._buckets.put(kept, (left - 1 if taken else left, now))
        return "" if taken else f"limit reached on type {self._type} for key {key}"


def _source_and_object(attributes: Attributes) -> str:
    event = attributes.object or {}
    source, involved = event.get("source") or {}, event.get("involvedObject") or {}
    return "".join([*(source.get(name) or "" for name in _SOURCE), *(involved.get(name) or "" for name in _INVOLVED)])


_KEYS: Final[Mapping[str, Callable[[Attributes], str]]] = {
    "Server": lambda attributes: "",  # noqa: ARG005 - one bucket for all
    "Namespace": lambda attributes: attributes.namespace,
    "User": lambda attributes: attributes.user.name,
    "SourceAndObject": _source_and_object,
}
"""The types of limits, and whose buckets they have."""


def _limits(configuration: Object | None) -> Sequence[Object]:
    """The limits; ValueError with all that is wrong."""
    found: Object = {} if configuration is None else load_configuration(orjson.dumps(configuration), _KIND, (_VERSION,))
    limits: Sequence[Object] = found.get("limits") or ()
    errors = [] if limits else [field.invalid("limits", None if found.get("limits") is None else [], "must not be empty")]
    for place, limit in enumerate(limits):
        errors += _faults(limit, field.index("limits", place))
    if errors:
        raise ValueError(aggregated([str(each) for each in errors]))
    return limits


def _faults(limit: Object, path: str) -> list[FieldError]:
    kind = limit.get("type") or ""
    errors = [] if kind in _KEYS else [field.not_supported(f"{path}.type", kind, tuple(_KEYS))]
    for name, value in (("burst", limit.get("burst") or 0), ("qps", limit.get("qps") or 0)):
        errors += [] if value > 0 else [field.invalid(f"{path}.{name}", value, "must be positive")]
    if kind != "Server" and (limit.get("cacheSize") or 0) < 0:
        errors.append(field.invalid(f"{path}.cacheSize", limit["cacheSize"], "must not be negative"))
    return errors
