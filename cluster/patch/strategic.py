"""Strategic merge patch: lists merged by key or as sets, with the directives `$patch`, `$retainKeys`,
`$deleteFromPrimitiveList/<field>` and `$setElementOrder/<field>`.

Upstream: apimachinery `pkg/util/strategicpatch/patch.go`; the order in which members of a merged list come out is its own.
"""

from __future__ import annotations

import json
from collections.abc import Hashable
from typing import Any, Final

from cluster.api.meta import deep_copy
from cluster.api.names import Object
from cluster.patch.wording import bad_request, go_type, go_value, json_type, unprocessable
from cluster.schema.patch_meta import PatchMeta

_DIRECTIVE: Final = "$patch"
_RETAIN_KEYS: Final = "$retainKeys"
_DELETE_PRIMITIVE: Final = "$deleteFromPrimitiveList"
_ORDER: Final = "$setElementOrder"

_BAD_PRIMITIVES: Final = "invalid patch format of primitive list"
_BAD_RETAIN_KEYS: Final = "invalid patch format of retainKeys"
_BAD_ORDER: Final = "invalid patch format of setElementOrder list"
_BAD_FORMATS: Final = frozenset((_BAD_PRIMITIVES, _BAD_RETAIN_KEYS, _BAD_ORDER))

List = list[Any]


def apply(obj: Object, patch: Any, meta: PatchMeta) -> Object:
    """The object with the patch merged in.

    Raises BadRequest where the patch or a directive in it is malformed, StatusError 422 where it does not fit the object.
    """
    if not isinstance(patch, dict):
        raise bad_request(f"json: cannot unmarshal {json_type(patch)} into Go value of type map[string]interface {{}}")
    try:
        return _merge_map(deep_copy(obj), deep_copy(patch), meta)
    except ValueError as error:
        message = str(error)
        raise (bad_request(message) if message in _BAD_FORMATS else unprocessable(message)) from None


def _merge_map(original: Object, patch: Object, meta: PatchMeta) -> Object:
    """Both arguments are used up."""
    if _DIRECTIVE in patch:
        directive = patch.pop(_DIRECTIVE)
        if directive == "replace":
            return patch
        if directive == "delete":
            return {}
        patch[_DIRECTIVE] = directive
        raise _bad_patch_type(directive, patch)
    _retain_keys(original, patch)
    _merge_ordered_lists(original, patch, meta)
    for key, value in patch.items():
        name, deletes = key, False
        if key.startswith(_DELETE_PRIMITIVE):
            name, deletes = _field_of(key, _DELETE_PRIMITIVE, _BAD_PRIMITIVES), True
        if value is None:
            original.pop(name, None)
        elif name in original and type(original[name]) is type(value):
            original[name] = _merge_value(original[name], value, meta, name, deletes)
        elif not deletes:
            _take(original, name, value)
    return original


def _merge_value(original: Any, patch: Any, meta: PatchMeta, name: str, deletes: bool) -> Any:
    if isinstance(patch, dict):
        found = meta.field(name)
        return patch if found.strategy == "replace" else _merge_map(original, patch, found.members)
    if isinstance(patch, list):
        found = meta.field(name)
        if found.strategy != "merge" and not deletes:
            return patch
        return _merge_list(original, patch, found.members, found.merge_key, deletes)
    return patch


def _take(original: Object, name: str, value: Any) -> None:
    """A value that has nothing to be merged with: taken without nulls and directives."""
    taken, kept = _without_directives(_without_nulls(value))
    if kept:
        original[name] = taken
    else:
        original.pop(name, None)


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(each) for key, each in value.items() if each is not None}
    return [_without_nulls(each) for each in value] if isinstance(value, list) else value


def _without_directives(value: Any) -> tuple[Any, bool]:
    """(the value without marked members, whether it is kept itself)."""
    if isinstance(value, dict):
        if _DIRECTIVE in value:
            return None, False
        members = ((key, _without_directives(each)) for key, each in value.items())
        return {key: each for key, (each, kept) in members if kept}, True
    if isinstance(value, list):
        return [each for each, kept in map(_without_directives, value) if kept], True
    return value, True


def _retain_keys(original: Object, patch: Object) -> None:
    """`$retainKeys` clears every field of the original that it does not name."""
    if _RETAIN_KEYS not in patch:
        return
    names = patch.pop(_RETAIN_KEYS)
    if not isinstance(names, list):
        raise ValueError(_BAD_RETAIN_KEYS)
    for key, value in patch.items():
        if value is not None and not key.startswith((_DELETE_PRIMITIVE, _ORDER)) and key not in names:
            raise ValueError(_BAD_RETAIN_KEYS)
    for key in [key for key in original if key not in names]:
        del original[key]


def _merge_ordered_lists(original: Object, patch: Object, meta: PatchMeta) -> None:
    """Merges the lists that a `$setElementOrder` is given for, and puts their members into that order."""
    for directive in [key for key in patch if key.startswith(_ORDER)]:
        order = patch.pop(directive)
        if not isinstance(order, list):
            raise _bad_type([], order)
        name = _field_of(directive, _ORDER, _BAD_ORDER)
        live, changes = original.get(name), patch.get(name)
        for value in (live, changes):
            if value is not None and not isinstance(value, list):
                raise _bad_type([], value)
        found = meta.field(name)
        _check_order(changes or [], order, found.merge_key)
        if live is None and changes is None:
            continue
        if changes is None:
            merged = live
        elif live is None:
            merged = _without_directives(changes)[0]
        elif found.strategy == "merge":
            merged = _merge_list(list(live), list(changes), found.members, found.merge_key, False)
        else:
            merged = changes
        original[name] = _in_order(merged or [], order, live or [], found.merge_key)
        patch.pop(name, None)


def _check_order(changes: List, order: List, merge_key: str) -> None:
    """Members of the patch must come in the order list, in the same order."""
    if not order or not changes:
        return
    wanted = changes
    if merge_key:
        wanted = [each for each in changes if _as_map(each).get(_DIRECTIVE) != "delete"]
    remaining = [each for each in wanted if not (isinstance(each, dict) and _DIRECTIVE in each)]
    position = 0
    for each in order:
        if position < len(remaining) and _identity(remaining[position], merge_key) == _identity(each, merge_key):
            position += 1
    if position < len(remaining):
        raise ValueError(f"The order in patch list:\n{go_value(changes)}\n doesn't match {_ORDER} list:\n{go_value(order)}\n")


def _merge_list(original: List, patch: List, members: PatchMeta, merge_key: str, deletes: bool) -> List:
    if not original and not patch:
        return original
    kind = _element_kind(original, patch)
    if kind is not dict:
        if deletes:
            gone = {_hashable(each) for each in patch}
            return [each for each in original if _hashable(each) not in gone]
        return _in_order(_distinct(original + patch), patch, original, "")
    if not merge_key:
        raise ValueError("cannot merge lists without merge key for struct")
    original, patch = _apply_list_directives(original, patch, merge_key)
    merged = list(original)
    places = {_hashable(each[merge_key]): place for place, each in reversed(list(enumerate(merged))) if merge_key in each}
    for each in patch:
        identity = _identity(each, merge_key)
        if identity in places:
            merged[places[identity]] = _merge_map(merged[places[identity]], each, members)
        else:
            places[identity] = len(merged)
            merged.append(each)
    return _in_order(merged, patch, original, merge_key)


def _apply_list_directives(original: List, patch: List, merge_key: str) -> tuple[List, List]:
    """(live members, members to merge) once members marked `$patch` have done their work."""
    plain: List = []
    gone: set[Hashable] = set()
    replace = False
    for each in patch:
        directive = each.get(_DIRECTIVE)
        if _DIRECTIVE not in each:
            plain.append(each)
        elif directive == "delete":
            gone.add(_identity(each, merge_key))
        elif directive == "replace":
            replace = True
        elif directive == "merge":
            raise ValueError("merging lists cannot yet be specified in the patch")
        else:
            raise _bad_patch_type(directive, each)
    if replace:
        return plain, []
    return [each for each in original if merge_key not in each or _hashable(each[merge_key]) not in gone], plain


def _in_order(merged: List, order: List, live: List, merge_key: str) -> List:
    """Members named in `order` come in its order; the others keep their places among them, as in the live list."""
    ranks, places = _ranks(order, merge_key), _ranks(live, merge_key)
    keyed = [(_identity(each, merge_key), each) for each in merged]
    named = sorted((each for each in keyed if each[0] in ranks), key=lambda each: ranks[each[0]])
    others = sorted((each for each in keyed if each[0] not in ranks), key=lambda each: places.get(each[0], -1))
    found: List = []
    taken = 0
    for identity, member in others:
        place = places.get(identity, -1)
        while taken < len(named) and not 0 <= place < places.get(named[taken][0], -1):
            found.append(named[taken][1])
            taken += 1
        found.append(member)
    return found + [member for _, member in named[taken:]]


def _ranks(members: List, merge_key: str) -> dict[Hashable, int]:
    """The first position of each identity."""
    found: dict[Hashable, int] = {}
    for position, each in enumerate(members):
        found.setdefault(_identity(each, merge_key), position)
    return found


def _identity(member: Any, merge_key: str) -> Hashable:
    """What tells a member from others: the value of its merge key, or itself."""
    if not merge_key:
        return _hashable(member)
    found = _as_map(member)
    if merge_key not in found:
        raise _no_merge_key(found, merge_key)
    return _hashable(found[merge_key])


def _hashable(value: Any) -> Hashable:
    """Equal for equal JSON values only; true is not 1."""
    return json.dumps(value, sort_keys=True) if isinstance(value, (dict, list)) else (type(value), value)


def _distinct(values: List) -> List:
    return list({_hashable(value): value for value in reversed(values)}.values())[::-1] if values else []


def _element_kind(*lists: List) -> type:
    kinds = {type(each) for each in (each for members in lists for each in members)}
    if list in kinds:
        raise ValueError("lists of lists are not supported")
    if len(kinds) > 1:
        raise ValueError(f"list element types are not identical: {go_value(list(lists))}")
    return kinds.pop()


def _as_map(value: Any) -> Object:
    if not isinstance(value, dict):
        raise _bad_type({}, value)
    return value


def _field_of(key: str, prefix: str, malformed: str) -> str:
    """The field that a directive such as `$setElementOrder/containers` is about."""
    head, slash, name = key.partition("/")
    if not slash or head != prefix:
        raise ValueError(malformed)
    return name


def _no_merge_key(member: Any, merge_key: str) -> ValueError:
    return ValueError(f"map: {go_value(member)} does not contain declared merge key: {merge_key}")


def _bad_type(expected: Any, actual: Any) -> ValueError:
    return ValueError(f"expected a {go_type(expected)}, but received a {go_type(actual)}")


def _bad_patch_type(directive: Any, patch: Object) -> ValueError:
    return ValueError(f"unknown patch type: {go_value(directive)} in map: {go_value(patch)}")
