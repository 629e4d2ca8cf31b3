"""What an expression may cost at least and at most, from how large its variables can be.  Upstream: cel-go `checker/cost.go`.

Which custom resources' rules are accepted depends on these numbers, so they are upstream's to the last one, oddities included.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, Protocol

from cluster.cel.checker import Reference
from cluster.cel.estimate_calls import LAZY, STANDARD, ArgumentCosts, equality_cost
from cluster.cel.estimate_paths import Entries, Locals, Path
from cluster.cel.functions import MOST, NOTHING, ONE, UNKNOWN, Bounds, Estimate, Sized, StaticCost
from cluster.cel.syntax.ast import (
    Call,
    Comprehension,
    CreateList,
    CreateMap,
    CreateObject,
    Entry,
    Identifier,
    Literal,
    Node,
    Select,
    Tree,
)
from cluster.cel.syntax.macros import ACCUMULATOR, OLD_ACCUMULATOR
from cluster.cel.types import DYN, Type, TypeKind

_LIST: Final = Bounds(10, 10)
_MAP: Final = Bounds(30, 30)
_OBJECT: Final = Bounds(40, 40)
_NONE_YET: Final = Bounds(MOST, 0)
_FIELDS_COST: Final = frozenset({TypeKind.MAP, TypeKind.OBJECT, TypeKind.PARAMETER})
_SCALARS: Final = frozenset({TypeKind.BOOL, TypeKind.DOUBLE, TypeKind.DURATION, TypeKind.INT, TypeKind.TIMESTAMP, TypeKind.UINT})


class Sizes(Protocol):
    """How large is what is found by a path: a variable, then names of fields, `@items`, `@indices`, `@keys` or `@values`.

    The path of an element of what has no path begins with the `@`.
    """

    def get(self, path: tuple[str, ...], /) -> Bounds | None: ...


UNSIZED: Final[Mapping[tuple[str, ...], Bounds]] = MappingProxyType({})
"""Of variables that can be of any size."""


def estimate(
    tree: Tree, types: Mapping[int, Type], references: Mapping[int, Reference], hooks: Mapping[str, StaticCost], sizes: Sizes
) -> Bounds:
    """Of a checked expression; `hooks` are the `estimate` of overloads, by their ids."""
    return _Estimator(types, references, hooks, sizes).cost(tree.root)


class _Estimator:
    """Walks the tree as upstream does; what was found of a node's size is looked at again further up."""

    def __init__(
        self, types: Mapping[int, Type], references: Mapping[int, Reference], hooks: Mapping[str, StaticCost], sizes: Sizes
    ) -> None:
        self._types = types
        self._references = references
        self._hooks = hooks
        self._given = sizes
        self._paths: dict[int, Path] = {}
        self._sizes: dict[int, Bounds] = {}
        self._entries: dict[int, Entries] = {}
        self._locals = Locals()

    def cost(self, node: Node) -> Bounds:
        match node:
            case Literal():
                return NOTHING
            case Identifier():
                return self._identifier(node, node.name)
            case Select():
                return self._select(node)
            case Call():
                return self._call(node)
            case CreateList():
                return self._list(node)
            case CreateMap():
                return self._map(node)
            case CreateObject():
                return sum((self.cost(each.value) for each in node.entries), NOTHING) + _OBJECT
            case Comprehension():
                return self._bound(node) if _is_binding(node) else self._fold(node)
        return NOTHING

    def type_of(self, node: Node) -> Type:
        return self._types.get(node.id, DYN)

    # Names

    def _identifier(self, node: Node, name: str) -> Bounds:
        reference = self._references.get(node.id)
        if reference is not None and reference.name:
            name = reference.name
        known = self._locals.latest(name)
        self._paths[node.id] = known.path if known is not None else Path.of(name)
        return ONE

    def _select(self, node: Select) -> Bounds:
        reference = self._references.get(node.id)
        if reference is not None and reference.name:
            return self._identifier(node, reference.name)
        total = self.cost(node.operand)
        if node.test:
            return total
        if self.type_of(node.operand).kind in _FIELDS_COST:
            total += ONE
        self._paths[node.id] = self._path(node.operand).then(node.field)
        return total

    def _path(self, node: Node) -> Path:
        if isinstance(node, Identifier):
            known = self._locals.latest(node.name)
            if known is not None:
                return known.path
        return self._paths.get(node.id) or Path.none()

    # Calls

    def _call(self, node: Call) -> Bounds:
        if node.function == "dyn":
            (argument,) = node.arguments
            total = self.cost(argument) + ONE
            self._take_sizes(node, argument)
            return total
        costs: list[Bounds] = []
        arguments: list[Sized] = []
        for each in node.arguments:
            costs.append(self.cost(each))
            arguments.append(self._sized(each))
        reference = self._references.get(node.id)
        if reference is None or not reference.overloads:
            return NOTHING
        total, target = NOTHING, None
        if node.target is not None:
            total = self.cost(node.target)
            target = self._sized(node.target)
        return total + self._overloads(node, reference.overloads, target, arguments, costs)

    def _overloads(
        self, node: Call, overloads: Sequence[str], target: Sized | None, arguments: Sequence[Sized], costs: ArgumentCosts
    ) -> Bounds:
        """All that the call may be of."""
        total, size = _NONE_YET, None
        for overload in overloads:
            made = self._overload(node, overload, target, arguments, costs)
            total = total.union(made.cost)
            if made.result_size is not None:
                size = made.result_size if size is None else size.union(made.result_size)
            if overload in _ELEMENTS and arguments:
                entries = self._entries_of(arguments[0].node)
                size = entries.value if entries is not None else None
                self._paths[node.id] = self._path(arguments[0].node).then(_ELEMENTS[overload])
            if size is None:
                size = self.size(node)
        if size is not None:
            self._sizes[node.id] = size
        return total

    def _overload(self, node: Call, overload: str, target: Sized | None, arguments: Sequence[Sized], costs: ArgumentCosts) -> Estimate:
        hook = self._hooks.get(overload)
        made = hook(target, arguments) if hook is not None else None
        if made is None and node.function == "_==_":
            made = equality_cost(arguments)
        if made is None and overload in LAZY:
            if overload == "conditional":
                self._keep_entries(node, _either(self._entries_of(node.arguments[1]), self._entries_of(node.arguments[2])))
            return LAZY[overload](arguments, costs)
        if made is None and overload in STANDARD:
            if overload in _JOINING:
                self._keep_entries(node, _either(self._entries_of(node.arguments[0]), self._entries_of(node.arguments[1])))
            made = STANDARD[overload](target, arguments)
        if made is None:
            made = Estimate(ONE)
        return Estimate(sum(costs, made.cost), made.result_size)

    def _sized(self, node: Node) -> Sized:
        path = self._path(node)
        if path.starts_with(ACCUMULATOR, OLD_ACCUMULATOR):
            path = Path.none()

        def element_size() -> Bounds | None:
            return self._given.get((*path.names(), "@items")) if path.names() else None

        return Sized(node, self.type_of(node), path.names(), self.size(node), element_size)

    # Sizes

    def size(self, node: Node) -> Bounds | None:
        known = self._sizes.get(node.id) or _written_size(node)
        if known is not None:
            return known
        names = self._path(node).names()
        given = self._given.get(names) if names else None
        if given is not None:
            self._sizes[node.id] = given
            return given
        if _is_scalar(self.type_of(node)):
            return ONE
        local = self._locals.latest(node.name) if isinstance(node, Identifier) else None
        return local.size if local is not None else None

    def _entries_of(self, node: Node) -> Entries | None:
        known = self._entries.get(node.id)
        if known is not None or not isinstance(node, Identifier):
            return known
        local = self._locals.latest(node.name)
        return local.entries if local is not None else None

    def _keep_entries(self, node: Node, entries: Entries | None) -> None:
        if entries is not None:
            self._entries[node.id] = entries

    def _take_sizes(self, node: Node, source: Node) -> None:
        size = self.size(source)
        if size is not None:
            self._sizes[node.id] = size
        self._keep_entries(node, self._entries_of(source))

    # What is made

    def _list(self, node: CreateList) -> Bounds:
        total, sizes = _LIST, NOTHING if not node.elements else _NONE_YET
        for each in node.elements:
            total += self.cost(each)
            sizes = sizes.union(self.size(each) or UNKNOWN)
        self._entries[node.id] = Entries(True, ONE, sizes)
        return total

    def _map(self, node: CreateMap) -> Bounds:
        total = _MAP
        keys = values = NOTHING if not node.entries else _NONE_YET
        for each in node.entries:
            key = _key(each)
            total += self.cost(key)
            total += self.cost(each.value)
            keys = keys.union(self.size(key) or UNKNOWN)
            values = values.union(self.size(each.value) or UNKNOWN)
        self._entries[node.id] = Entries(False, keys, values)
        return total

    # Folds

    def _fold(self, node: Comprehension) -> Bounds:
        total = self.cost(node.range) + self.cost(node.initial)
        self._locals.push(node.accumulator, self._path(node.initial), self.size(node.initial), self._entries_of(node.initial))
        self._push_variables(node)
        condition = self.cost(node.condition)
        step = self.cost(node.step)
        self._locals.pop(node.variable)
        if node.second:
            self._locals.pop(node.second)
        total += self.cost(node.result)
        self._locals.pop(node.accumulator)
        count = self.size(node.range) or UNKNOWN
        if isinstance(node.initial, Literal):
            size = self.size(node.initial)
            if size is not None:
                self._sizes[node.id] = size
        elif isinstance(node.initial, (CreateList, CreateMap)):
            self._sizes[node.id] = count
            self._keep_entries(node, self._entries_of(node.step))
        return total + count * (step + condition)

    def _push_variables(self, node: Comprehension) -> None:
        entries = self._entries_of(node.range)
        path = self._path(node.range)
        is_list = entries.is_list if entries is not None else self.type_of(node.range).kind is TypeKind.LIST
        keys, values = (entries.key, entries.value) if entries is not None else (None, None)
        if node.second:
            self._locals.push(node.variable, path.then("@indices" if is_list else "@keys"), keys)
            self._locals.push(node.second, path.then("@items" if is_list else "@values"), values)
        elif is_list:
            self._locals.push(node.variable, path.then("@items"), values)
        else:
            self._locals.push(node.variable, path.then("@keys"), keys)

    def _bound(self, node: Comprehension) -> Bounds:
        """A variable's value and what is made with it, as with `cel.bind` and the macros of optionals."""
        total = self.cost(node.range) + self.cost(node.initial)
        self._locals.push(node.accumulator, self._path(node.initial), self.size(node.initial), self._entries_of(node.initial))
        total += self.cost(node.result)
        self._locals.pop(node.accumulator)
        self._take_sizes(node, node.result)
        return total


_ELEMENTS: Final = {"index_list": "@items", "index_map": "@values"}
_JOINING: Final = frozenset({"add_string", "add_bytes", "add_list"})


def _is_binding(node: Comprehension) -> bool:
    empty = isinstance(node.range, CreateList) and not node.range.elements
    never = isinstance(node.condition, Literal) and node.condition.value is False
    return empty and never and node.accumulator != OLD_ACCUMULATOR


def _key(entry: Entry) -> Node:
    assert isinstance(entry.key, Node)
    return entry.key


def _either(first: Entries | None, second: Entries | None) -> Entries | None:
    return first.union(second) if first is not None and second is not None else None


def _written_size(node: Node) -> Bounds | None:
    """Of what the expression itself has."""
    match node:
        case Literal():
            size = len(node.value) if isinstance(node.value, (str, bytes)) else 1
        case CreateList():
            size = len(node.elements)
        case CreateMap():
            size = len(node.entries)
        case _:
            return None
    return Bounds(size, size)


def _is_scalar(kind: Type) -> bool:
    if kind.kind is TypeKind.WRAPPER or (kind.kind is TypeKind.OPAQUE and kind.name == "optional_type"):
        return _is_scalar(kind.parameters[0])
    return kind.kind in _SCALARS
