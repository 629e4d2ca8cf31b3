"""Between stored values, objects and served bytes.

What is stored is the object in its kind's stored version, without apiVersion, kind and resourceVersion; what is served is that with
the head that the request's version calls for.  Only where the two versions differ is an object decoded to be read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson

from cluster.api.errors import BadRequest
from cluster.api.names import GroupVersionKind, Object
from cluster.kinds.conversion import convert, is_identity
from cluster.kinds.model import Kind
from cluster.storage.contract import PREFIX, Entry, Key

_REVISION_HEAD: Final = len(b'{"metadata":{"resourceVersion":"')
_NO_LABELS: Final[Mapping[str, str]] = {}


class Memo:
    """What is derived from an entry, each when it is first asked for."""

    __slots__ = ("converted", "labels", "object")

    def __init__(self) -> None:
        self.object: Object | None = None
        self.labels: Mapping[str, str] | None = None
        self.converted: dict[GroupVersionKind, bytes] | None = None


def memo(entry: Entry) -> Memo:
    found = entry.memo
    if not isinstance(found, Memo):
        found = entry.memo = Memo()
    return found


def head(gvk: GroupVersionKind) -> bytes:
    """What stands before an entry's data, less its brace, when it is served alone."""
    return b'{"kind":"%s","apiVersion":"%s",' % (gvk.kind.encode(), str(gvk.group_version).encode())


def dumps(value: Any) -> bytes:
    """JSON; BadRequest for a number that JSON clients of 64 bits cannot hold."""
    try:
        return orjson.dumps(value)
    except TypeError as error:
        raise BadRequest(f"the object cannot be encoded: {error}") from None


def encode(obj: Object) -> bytes:
    """The stored value of an object in its stored version."""
    metadata = obj["metadata"]
    kept = {**metadata}
    kept.pop("resourceVersion", None)
    body = {"metadata": kept} | obj  # where what is there first stays first
    body["metadata"] = kept
    body.pop("apiVersion", None)
    body.pop("kind", None)
    value = dumps(body)
    assert value.startswith(PREFIX)
    assert kept, "metadata holds at least a uid"
    return value


def value_of(entry: Entry) -> bytes:
    """The stored value: the entry's data without the resourceVersion."""
    return PREFIX + entry.data[entry.data.index(b",", _REVISION_HEAD) + 1 :]


def at_revision(entry: Entry, revision: int) -> Entry:
    """The same object with another resourceVersion, as the last state of one that was deleted is shown."""
    return Entry(entry.key, revision, value_of(entry))


def load(entry: Entry, gvk: GroupVersionKind) -> Object:
    """A new object, which the caller may change, in the version that is stored."""
    obj: Object = {"kind": gvk.kind, "apiVersion": str(gvk.group_version)}
    obj.update(orjson.loads(entry.data))
    return obj


def shared(entry: Entry, gvk: GroupVersionKind) -> Object:
    """The object in the stored version, decoded once for the entry's lifetime: never change it."""
    known = entry.memo
    if isinstance(known, Memo) and known.object is not None:
        return known.object
    found = memo(entry).object = load(entry, gvk)
    return found


def labels(entry: Entry) -> Mapping[str, str]:
    """The object's labels, found once."""
    known = memo(entry)
    if known.labels is None:
        found = known.object if known.object is not None else orjson.loads(entry.data)
        known.labels = found["metadata"].get("labels") or _NO_LABELS
    return known.labels


class Codec:
    """Encodes one kind's entries for one version of it."""

    __slots__ = ("head", "kind", "resource", "same", "stored")

    def __init__(self, kind: Kind, stored: Kind) -> None:
        self.kind = kind
        self.stored = stored
        self.same = is_identity(stored, kind)
        """Whether this version has the shape of the stored one, so that bytes pass unread."""
        self.resource = str(kind.storage)
        """The store's name of the resource."""
        self.head = head(kind.gvk)

    def key(self, namespace: str, name: str) -> Key:
        return Key(self.resource, namespace, name)

    def load(self, entry: Entry) -> Object:
        """A new object in this version."""
        return load(entry, self.kind.gvk) if self.same else convert(load(entry, self.stored.gvk), self.stored, self.kind)

    def encode(self, obj: Object) -> bytes:
        """The stored value of an object in this version."""
        return encode(obj if self.same else convert(obj, self.kind, self.stored))

    def item(self, entry: Entry) -> bytes:
        """The object as a list's member: without apiVersion and kind."""
        if self.same:
            return entry.data
        known = memo(entry)
        if known.converted is None:
            known.converted = {}
        found = known.converted.get(self.kind.gvk)
        if found is None:
            obj = self.load(entry)
            del obj["kind"], obj["apiVersion"]
            found = known.converted[self.kind.gvk] = dumps(obj)
        return found

    def single(self, entry: Entry) -> bytes:
        """The object as it is served alone."""
        return self.head + self.item(entry)[1:]
