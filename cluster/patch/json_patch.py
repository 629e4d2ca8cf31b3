"""JSON patch (RFC 6902), with the liberties that upstream's library takes: `replace` may add a member, indices may be negative.

What a patch cannot do is told as upstream tells it: 422, with the same sentence for every reason; the reason is the cause of the
exception.  Upstream: `gopkg.in/evanphx/json-patch.v4`, apiserver `pkg/endpoints/handlers/patch.go`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import orjson

from cluster.api.errors import RequestEntityTooLarge
from cluster.api.field import quoted
from cluster.api.meta import deep_copy
from cluster.api.names import Object
from cluster.patch.merge_patch import same
from cluster.patch.wording import bad_request, json_type, unprocessable
from cluster.schema.parse import too_deep

MAX_OPERATIONS: Final = 10_000
MAX_COPIED: Final = 3 * 1024 * 1024
"""How many bytes of JSON all `copy` operations together may copy."""

_REFUSED: Final = "the server rejected our request due to an error in our request"
_NO_PATH: Final = "operation missing path field: missing value"
_NO_SOURCE: Final = "operation, missing from field: missing value"
_INDEX: Final = re.compile(r"[+-]?[0-9]{1,9}", re.ASCII)


class NotApplied(ValueError):
    """An operation does not apply; worded as upstream words it."""


class TestFailed(NotApplied):
    """An operation has asked for a value that is not there."""

    __test__ = False


def apply(obj: Object, patch: Any) -> Object:
    """The object after all operations, or an error and no change.

    Raises BadRequest where `patch` is no list of objects, RequestEntityTooLarge where it is too long, StatusError 422 where an
    operation does not apply.
    """
    if not isinstance(patch, list):
        raise bad_request(f"json: cannot unmarshal {json_type(patch)} into Go value of type jsonpatch.Patch")
    for operation in patch:
        if not isinstance(operation, dict):
            raise bad_request(f"json: cannot unmarshal {json_type(operation)} into Go value of type jsonpatch.Operation")
    if len(patch) > MAX_OPERATIONS:
        raise RequestEntityTooLarge.of(f"The allowed maximum operations in a JSON patch is {MAX_OPERATIONS}, got {len(patch)}")
    try:
        root = applied(obj, patch)
    except NotApplied as error:
        raise unprocessable(_REFUSED) from error
    if not isinstance(root, dict) or too_deep(root):
        raise unprocessable(_REFUSED)
    return root


def applied(obj: Object, operations: Iterable[Object]) -> Any:
    """What all operations make of an object, which may be none any more; NotApplied."""
    document = _Document(deep_copy(obj))
    for operation in operations:
        document.run(operation)
    return document.root


class _Document:
    """The document under change."""

    def __init__(self, root: Any) -> None:
        self.root = root
        self._copied = 0
        self._operations: dict[str, Callable[[Object], None]] = {
            "add": self._add,
            "remove": self._remove,
            "replace": self._replace,
            "move": self._move,
            "copy": self._copy,
            "test": self._test,
        }

    def run(self, operation: Object) -> None:
        """One operation; NotApplied."""
        kind = operation.get("op")
        run = self._operations.get(kind) if isinstance(kind, str) else None
        if run is None:
            raise NotApplied(f"Unexpected kind: {kind if isinstance(kind, str) else 'unknown'}")
        run(operation)

    def _find(self, pointer: str, missing: str) -> tuple[Any, str]:
        """The container that a pointer's last step is in, and that step."""
        steps = [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")]
        found = self.root
        if len(steps) < 2:
            raise NotApplied(missing)
        for step in steps[1:-1]:
            try:
                found = _get(found, step)
            except NotApplied:
                raise NotApplied(missing) from None
            if not isinstance(found, (dict, list)):
                raise NotApplied(missing)
        return found, steps[-1]

    def _add(self, operation: Object) -> None:
        path = _pointer(operation, "path", "add operation failed to decode path: missing value")
        container, step = self._find(path, f'add operation does not apply: doc is missing path: "{path}": missing value')
        with _failing(f"error in add for path: '{path}'"):
            _insert(container, step, deep_copy(operation.get("value")))

    def _remove(self, operation: Object) -> None:
        path = _pointer(operation, "path", "remove operation failed to decode path: missing value")
        container, step = self._find(path, f'remove operation does not apply: doc is missing path: "{path}": missing value')
        with _failing(f"error in remove for path: '{path}'"):
            _delete(container, step)

    def _replace(self, operation: Object) -> None:
        path = _pointer(operation, "path", f"replace operation failed to decode path: {_NO_PATH}")
        value = deep_copy(operation.get("value"))
        if not path:
            if not isinstance(value, (dict, list)):
                raise NotApplied("replace operation value must be object or array: %!w(<nil>)")
            self.root = value
            return
        container, step = self._find(path, f"replace operation does not apply: doc is missing path: {path}: missing value")
        with _failing(f"replace operation does not apply: doc is missing key: {path}: missing value", whole=True):
            _get(container, step)
        if isinstance(container, list):
            container[int(step)] = value
        else:
            container[step] = value

    def _move(self, operation: Object) -> None:
        source = _pointer(operation, "from", f"move operation failed to decode from: {_NO_SOURCE}")
        container, step = self._find(source, f"move operation does not apply: doc is missing from path: {source}: missing value")
        with _failing(f"error in move for path: '{step}'"):
            value = _get(container, step)
            _delete(container, step)
        path = _pointer(operation, "path", f"move operation failed to decode path: {_NO_PATH}")
        container, step = self._find(path, f"move operation does not apply: doc is missing destination path: {path}: missing value")
        with _failing(f"error in move for path: '{path}'"):
            _insert(container, step, value)

    def _copy(self, operation: Object) -> None:
        source = _pointer(operation, "from", f"copy operation failed to decode from: {_NO_SOURCE}")
        container, step = self._find(source, f"copy operation does not apply: doc is missing from path: {source}: missing value")
        with _failing(f"error in copy for from: '{source}'"):
            value = _get(container, step)
        path = _pointer(operation, "path", "copy operation failed to decode path: missing value")
        container, step = self._find(path, f"copy operation does not apply: doc is missing destination path: {path}: missing value")
        self._copied += _size(value)
        if self._copied > MAX_COPIED:
            raise NotApplied(
                f"Unable to complete the copy, the accumulated size increase of copy is {self._copied}, exceeding the limit {MAX_COPIED}"
            )
        with _failing("error while adding value during copy"):
            _insert(container, step, deep_copy(value))

    def _test(self, operation: Object) -> None:
        path = _pointer(operation, "path", f"test operation failed to decode path: {_NO_PATH}")
        found = self.root
        if path:
            container, step = self._find(path, f"test operation does not apply: is missing path: {path}: missing value")
            with _failing(f"error in test for path: '{path}'"):
                found = _get(container, step)
        if not same(found, operation.get("value")):
            raise TestFailed(f"testing value {path} failed: test failed")


def _size(value: Any) -> int:
    try:
        return len(orjson.dumps(value))
    except orjson.JSONEncodeError as error:
        raise NotApplied(str(error)) from None


@contextmanager
def _failing(what: str, *, whole: bool = False) -> Iterator[None]:
    """Says what failed before why; with `whole` it says all."""
    try:
        yield
    except NotApplied as error:
        raise NotApplied(what if whole else f"{what}: {error}") from None


def _pointer(operation: Object, name: str, failed: str) -> str:
    pointer = operation.get(name)
    if not isinstance(pointer, str):
        raise NotApplied(failed)
    return pointer


def _index(step: str, length: int) -> int:
    """A position in a list of that length; negative ones count from the end."""
    if not _INDEX.fullmatch(step):
        raise NotApplied(f"strconv.Atoi: parsing {quoted(step)}: invalid syntax")
    position = int(step)
    if not -length <= position < length:
        raise NotApplied(f"Unable to access invalid index: {position}: invalid index referenced")
    return position + length if position < 0 else position


def _get(container: Any, step: str) -> Any:
    """A member, None where a dictionary lacks it; NotApplied for a bad index."""
    if isinstance(container, list):
        return container[_index(step, len(container))]
    return container.get(step)


def _insert(container: Any, step: str, value: Any) -> None:
    if not isinstance(container, list):
        container[step] = value
    elif step == "-":
        container.append(value)
    elif _INDEX.fullmatch(step):
        container.insert(_index(step, len(container) + 1), value)
    else:
        raise NotApplied(f"value was not a proper array index: '{step}': strconv.Atoi: parsing {quoted(step)}: invalid syntax")


def _delete(container: Any, step: str) -> None:
    if isinstance(container, list):
        del container[_index(step, len(container))]
    elif step not in container:
        raise NotApplied(f"Unable to remove nonexistent key: {step}: missing value")
    else:
        del container[step]
