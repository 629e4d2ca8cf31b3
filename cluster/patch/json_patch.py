"""JSON patch (RFC 6902), with the liberties that upstream's library takes: `replace` may add a member, indices may be negative.

What a patch cannot do is told as upstream tells it: 422, with the same sentence for every reason; the reason is the cause of the
exception.  Upstream: `gopkg.in/evanphx/json-patch.v4`, apiserver `pkg/endpoints/handlers/patch.go`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import orjson

from cluster.api.errors import RequestEntityTooLarge
from cluster.api.meta import deep_copy
from cluster.api.names import Object
from cluster.patch.merge_patch import same
from cluster.patch.wording import bad_request, json_type, unprocessable
from cluster.schema.parse import too_deep

MAX_OPERATIONS: Final = 10_000
MAX_COPIED: Final = 3 * 1024 * 1024
"""How many bytes of JSON all `copy` operations together may copy."""

_REFUSED: Final = "the server rejected our request due to an error in our request"
_INDEX: Final = re.compile(r"[+-]?[0-9]{1,9}", re.ASCII)


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
    document = _Document(deep_copy(obj))
    try:
        for operation in patch:
            document.run(operation)
    except ValueError as error:
        raise unprocessable(_REFUSED) from error
    if not isinstance(document.root, dict) or too_deep(document.root):
        raise unprocessable(_REFUSED)
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
        """One operation; ValueError where it does not apply."""
        kind = operation.get("op")
        run = self._operations.get(kind) if isinstance(kind, str) else None
        if run is None:
            raise ValueError(f"Unexpected kind: {kind if isinstance(kind, str) else 'unknown'}")
        run(operation)

    def _find(self, pointer: str, missing: str) -> tuple[Any, str]:
        """The container that a pointer's last step is in, and that step."""
        steps = [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")]
        found = self.root
        if len(steps) < 2:
            raise ValueError(missing)
        for step in steps[1:-1]:
            try:
                found = _get(found, step)
            except ValueError:
                raise ValueError(missing) from None
            if not isinstance(found, (dict, list)):
                raise ValueError(missing)
        return found, steps[-1]

    def _add(self, operation: Object) -> None:
        path = _pointer(operation, "path", "add operation failed to decode path")
        container, step = self._find(path, f'add operation does not apply: doc is missing path: "{path}": missing value')
        _insert(container, step, deep_copy(operation.get("value")))

    def _remove(self, operation: Object) -> None:
        path = _pointer(operation, "path", "remove operation failed to decode path")
        container, step = self._find(path, f'remove operation does not apply: doc is missing path: "{path}": missing value')
        _delete(container, step)

    def _replace(self, operation: Object) -> None:
        path = _pointer(operation, "path", "replace operation failed to decode path")
        value = deep_copy(operation.get("value"))
        if not path:
            if not isinstance(value, (dict, list)):
                raise ValueError("replace operation value must be object or array")
            self.root = value
            return
        container, step = self._find(path, f"replace operation does not apply: doc is missing path: {path}: missing value")
        _get(container, step)
        if isinstance(container, list):
            container[int(step)] = value
        else:
            container[step] = value

    def _move(self, operation: Object) -> None:
        source = _pointer(operation, "from", "move operation failed to decode from")
        container, step = self._find(source, f"move operation does not apply: doc is missing from path: {source}: missing value")
        value = _get(container, step)
        _delete(container, step)
        path = _pointer(operation, "path", "move operation failed to decode path")
        container, step = self._find(path, f"move operation does not apply: doc is missing destination path: {path}: missing value")
        _insert(container, step, value)

    def _copy(self, operation: Object) -> None:
        source = _pointer(operation, "from", "copy operation failed to decode from")
        container, step = self._find(source, f"copy operation does not apply: doc is missing from path: {source}: missing value")
        value = _get(container, step)
        path = _pointer(operation, "path", "copy operation failed to decode path")
        container, step = self._find(path, f"copy operation does not apply: doc is missing destination path: {path}: missing value")
        self._copied += _size(value)
        if self._copied > MAX_COPIED:
            raise ValueError(
                f"Unable to complete the copy, the accumulated size increase of copy is {self._copied}, exceeding the limit {MAX_COPIED}"
            )
        _insert(container, step, deep_copy(value))

    def _test(self, operation: Object) -> None:
        path = _pointer(operation, "path", "test operation failed to decode path")
        found = self.root
        if path:
            container, step = self._find(path, f"test operation does not apply: is missing path: {path}: missing value")
            found = _get(container, step)
        if not same(found, operation.get("value")):
            raise ValueError(f"testing value {path} failed: test failed")


def _size(value: Any) -> int:
    try:
        return len(orjson.dumps(value))
    except orjson.JSONEncodeError as error:
        raise ValueError(str(error)) from None


def _pointer(operation: Object, name: str, failed: str) -> str:
    pointer = operation.get(name)
    if not isinstance(pointer, str):
        raise ValueError(f"{failed}: operation missing {name} field: missing value")
    return pointer


def _index(step: str, length: int) -> int:
    """A position in a list of that length; negative ones count from the end."""
    if not _INDEX.fullmatch(step):
        raise ValueError(f"value was not a proper array index: '{step}'")
    position = int(step)
    if not -length <= position < length:
        raise ValueError(f"Unable to access invalid index: {position}: invalid index referenced")
    return position + length if position < 0 else position


def _get(container: Any, step: str) -> Any:
    """A member, None where a dictionary lacks it; ValueError for a bad index."""
    if isinstance(container, list):
        return container[_index(step, len(container))]
    return container.get(step)


def _insert(container: Any, step: str, value: Any) -> None:
    if not isinstance(container, list):
        container[step] = value
    elif step == "-":
        container.append(value)
    else:
        container.insert(_index(step, len(container) + 1), value)


def _delete(container: Any, step: str) -> None:
    if isinstance(container, list):
        del container[_index(step, len(container))]
    elif step not in container:
        raise ValueError(f"Unable to remove nonexistent key: {step}: missing value")
    else:
        del container[step]
