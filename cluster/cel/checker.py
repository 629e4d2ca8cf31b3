"""What types the parts of an expression have, and which functions its calls mean.  Upstream: cel-go `checker/checker.go`.

Errors are collected, not raised, and are cel-go's.  What the checker finds is kept beside the tree by node ids; only calls of functions
with a dot in their name (`optional.of`) are made calls without a target.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, cast

from msgspec import Struct, field

from cluster.cel import types
from cluster.cel.checker_types import DYNAMIC, Bindings, exact, most_general, optional_value, substitute
from cluster.cel.declarations import CROSS_TYPE_COMPARISONS_SINCE, NO_VALUE, Candidate, Declarations, Identity
from cluster.cel.syntax.ast import Call, Comprehension, CreateList, CreateMap, CreateObject, Entry, Identifier, Literal, Node, Select, Tree
from cluster.cel.syntax.errors import NOWHERE, Problem
from cluster.cel.types import Type, TypeKind
from cluster.cel.values import UInt

_LITERALS: Final[Mapping[type, Type]] = {
    type(None): types.NULL,
    bool: types.BOOL,
    int: types.INT,
    UInt: types.UINT,
    float: types.DOUBLE,
    str: types.STRING,
    bytes: types.BYTES,
}
_COMPARISONS: Final = frozenset({"_<_", "_<=_", "_>_", "_>=_"})
_NUMBERS: Final = frozenset({TypeKind.INT, TypeKind.UINT, TypeKind.DOUBLE})
_UNKNOWN_RANGE: Final = frozenset({TypeKind.DYN, TypeKind.ERROR, TypeKind.PARAMETER})


class Reference(Struct, frozen=True):
    """What a node means: a name with its value (NO_VALUE for a variable), or the overloads that a call may be of."""

    name: str = ""
    value: Any = NO_VALUE
    overloads: tuple[str, ...] = ()


class Checked(Struct, frozen=True):
    """An expression's types and references, by its nodes' ids; `problems` is empty for one that is sound."""

    types: Mapping[int, Type]
    references: Mapping[int, Reference]
    problems: Sequence[Problem]
    certain: Mapping[int, Type]
    """The types that values will have: what only its use has bound, as in `dyn(x).first().value() + 1`, is dyn."""


def check(tree: Tree, declarations: Declarations) -> Checked:
    """The types of all nodes; what nothing binds is dyn."""
    checker = _Checker(tree.offsets, declarations)
    checker.check(tree.root)
    found = {node: substitute(checker.bindings, kind, True) for node, kind in checker.types.items()}
    certain = {node: substitute(Bindings(), kind, True) for node, kind in checker.types.items()}
    return Checked(found, checker.references, checker.problems, certain)


def qualified_name(node: Node) -> str | None:
    """`a.b.c` of selections from an identifier."""
    fields = []
    while isinstance(node, Select) and not node.test:
        fields.append(node.field)
        node = node.operand
    if not isinstance(node, Identifier):
        return None
    return ".".join((node.name, *reversed(fields)))


def shown_signature(arguments: Sequence[Type], member: bool) -> str:
    """The types of a call's arguments, as messages show them."""
    shown = [str(each) for each in arguments]
    return f"{shown[0]}.({', '.join(shown[1:])})" if member else f"({', '.join(shown)})"


class _Checker(Struct):
    offsets: Mapping[int, int]
    declarations: Declarations
    types: dict[int, Type] = field(default_factory=dict)
    references: dict[int, Reference] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    bindings: Bindings = field(default_factory=Bindings)
    scopes: list[dict[str, Type]] = field(default_factory=list)
    unbound: int = 0
    scoped: bool = False
    """Whether a scope was entered: upstream loses what an older Kubernetes does not compare when it enters its first."""

    def check(self, node: Node) -> None:
        _CHECKS[type(node)](self, node)

    def fail(self, node: int, message: str) -> None:
        self.problems.append((self.offsets.get(node, NOWHERE), message))

    def mismatch(self, node: int, expected: Type, found: Type) -> None:
        self.fail(node, f"expected type '{expected}' but found '{found}'")

    def undeclared(self, node: int, name: str) -> None:
        self.fail(node, f"undeclared reference to '{name}' (in container '')")

    def assignable(self, left: Type, right: Type) -> bool:
        return self.bindings.assign(left, right)

    def new_parameter(self) -> Type:
        self.unbound += 1
        return types.parameter(f"_var{self.unbound - 1}")

    def resolved(self, node: Node) -> Type:
        return substitute(self.bindings, self.types[node.id])

    def identity(self, name: str) -> Identity | None:
        for scope in reversed(self.scopes):
            kind = scope.get(name.removeprefix("."))
            if kind is not None:
                return Identity(name.removeprefix("."), kind)
        return self.declarations.identity(name)

    # Names and fields

    def check_literal(self, node: Literal) -> None:
        self.types[node.id] = _LITERALS[type(node.value)]

    def check_identifier(self, node: Identifier) -> None:
        found = self.identity(node.name)
        if found is None:
            self.types[node.id] = types.ERROR
            self.undeclared(node.id, node.name)
            return
        self.types[node.id] = found.type
        self.references[node.id] = Reference(found.name, found.value)

    def check_select(self, node: Select) -> None:
        name = qualified_name(node)
        found = None if name is None else self.identity(name)
        if found is not None:
            self.types[node.id] = found.type
            self.references[node.id] = Reference(found.name, found.value)
            return
        kind = self.selected(node.id, node.operand, node.field, optional=False)
        self.types[node.id] = types.BOOL if node.test else substitute(self.bindings, kind)

    def selected(self, node: int, operand: Node, name: str, *, optional: bool) -> Type:
        """The type of a field of what is checked for it first."""
        self.check(operand)
        kind = self.resolved(operand)
        inner = optional_value(kind)
        target = kind if inner is None else inner
        made = self.field_type(node, target, name)
        return types.optional_of(made) if optional or inner is not None else made

    def field_type(self, node: int, target: Type, name: str) -> Type:
        if target.kind is TypeKind.MAP:
            return target.parameters[1]
        if target.kind is TypeKind.OBJECT:
            return self.object_field(node, target, name)
        if target.kind is TypeKind.PARAMETER:
            self.assignable(types.DYN, target)
        elif target.kind not in DYNAMIC and target.kind is not TypeKind.ERROR:
            self.fail(node, f"type '{target}' does not support field selection")
        return types.DYN

    def object_field(self, node: int, target: Type, name: str) -> Type:
        if target.fields is None:
            self.fail(node, f"unexpected failed resolution of '{target.name}'")
            return types.ERROR
        found = self.declarations.field_of(target, name)
        if found is None:
            self.fail(node, f"undefined field '{name}'")
            return types.ERROR
        return found.type

    # Calls

    def check_call(self, node: Call) -> None:
        if node.function == "_?._":
            self.check_optional_select(node)
            return
        for each in node.arguments:
            self.check(each)
        if node.target is not None:
            prefix = qualified_name(node.target)
            name = f"{prefix}.{node.function}".removeprefix(".")
            if prefix is not None and name in self.declarations.functions:
                node.function, node.target = name, None
        if node.target is not None:
            self.check(node.target)
        name = node.function.removeprefix(".")
        if name not in self.declarations.functions:
            self.types[node.id] = types.ERROR
            self.undeclared(node.id, node.function)
            return
        node.function = name
        self.types[node.id] = self.resolve(node)

    def check_optional_select(self, node: Call) -> None:
        operand, name = node.arguments
        assert isinstance(name, Literal)
        kind = self.selected(node.id, operand, name.value, optional=True)
        self.types[name.id] = types.STRING
        self.types[node.id] = substitute(self.bindings, kind)
        self.references[node.id] = Reference(overloads=("select_optional_field",))

    def resolve(self, node: Call) -> Type:
        """The result's type, with what overloads the call may be of noted."""
        nodes = node.arguments if node.target is None else [node.target, *node.arguments]
        arguments = [self.types[each.id] for each in nodes]
        if node.function in ("_&&_", "_||_"):
            return self.resolve_logic(node, arguments)
        result: Type | None = None
        matched = []
        for candidate in self.declarations.candidates[node.function]:
            overload = candidate.overload
            if overload.member is not (node.target is not None) or len(overload.parameters) != len(arguments):
                continue
            if not self.scoped and self.is_disabled(node.function, overload.parameters):
                continue
            parameters, made = self.fresh(candidate)
            if not self.bindings.assign_all(arguments, parameters):
                continue
            matched.append(overload.id)
            made = substitute(self.bindings, made)
            if result is None:
                result = made
            elif result.kind not in DYNAMIC and not exact(made, result):
                result = types.DYN
        if result is None:
            shown = [substitute(self.bindings, each, True) for each in arguments]
            signature = shown_signature(shown, node.target is not None)
            self.fail(node.id, f"found no matching overload for '{node.function}' applied to '{signature}'")
            return types.ERROR
        self.references[node.id] = Reference(overloads=tuple(matched))
        return result

    def resolve_logic(self, node: Call, arguments: Sequence[Type]) -> Type:
        failed = False
        for each, kind in zip(node.arguments, arguments, strict=True):
            if not self.assignable(kind, types.BOOL):
                self.mismatch(each.id, types.BOOL, kind)
                failed = True
        if failed:
            return types.ERROR
        self.references[node.id] = Reference(overloads=("logical_and" if node.function == "_&&_" else "logical_or",))
        return types.BOOL

    def is_disabled(self, function: str, parameters: Sequence[Type]) -> bool:
        """Numbers of different types are compared since 1.28."""
        if function not in _COMPARISONS or self.declarations.minor >= CROSS_TYPE_COMPARISONS_SINCE:
            return False
        left, right = (each.kind for each in parameters)
        return left is not right and left in _NUMBERS and right in _NUMBERS

    def fresh(self, candidate: Candidate) -> tuple[Sequence[Type], Type]:
        """A signature with type parameters of its own."""
        overload = candidate.overload
        if not candidate.parameters:
            return overload.parameters, overload.result
        own = Bindings({name: self.new_parameter() for name in sorted(candidate.parameters)})
        return [substitute(own, each) for each in overload.parameters], substitute(own, overload.result)

    # Lists, maps, objects

    def joined(self, previous: Type | None, current: Type) -> Type:
        """The type of both elements of a literal; that there is none is for `validation` to tell."""
        if previous is None:
            return current
        return most_general(previous, current) if self.assignable(previous, current) else types.DYN

    def unwrapped(self, node: Node, optional: bool) -> Type:
        """The type of an element, of an optional one what it is of."""
        kind = self.types[node.id]
        if not optional:
            return kind
        inner = optional_value(kind)
        if inner is not None:
            return inner
        if kind.kind not in DYNAMIC:
            self.mismatch(node.id, types.optional_of(kind), kind)
        return kind

    def check_list(self, node: CreateList) -> None:
        element: Type | None = None
        for position, each in enumerate(node.elements):
            self.check(each)
            element = self.joined(element, self.unwrapped(each, position in node.optional))
        self.types[node.id] = types.list_of(self.new_parameter() if element is None else element)

    def check_map(self, node: CreateMap) -> None:
        keys: Type | None = None
        values: Type | None = None
        for entry in node.entries:
            key = cast(Node, entry.key)
            self.check(key)
            keys = self.joined(keys, self.types[key.id])
            self.check(entry.value)
            values = self.joined(values, self.unwrapped(entry.value, entry.optional))
        if keys is None or values is None:
            keys, values = self.new_parameter(), self.new_parameter()
        self.types[node.id] = types.map_of(keys, values)

    def check_object(self, node: CreateObject) -> None:
        found = self.identity(node.type_name)
        if found is None:
            self.undeclared(node.id, node.type_name)
            self.types[node.id] = types.ERROR
            return
        node.type_name = found.name
        self.references[node.id] = Reference(found.name)
        made = self.made_object(node, found.type)
        self.types[node.id] = made
        for entry in node.entries:
            self.check_entry(entry, made if made.kind is TypeKind.OBJECT else Type(TypeKind.OBJECT, node.type_name))

    def made_object(self, node: CreateObject, kind: Type) -> Type:
        if kind.kind is not TypeKind.TYPE:
            if kind.kind is not TypeKind.ERROR:
                self.fail(node.id, f"'{kind}' is not a type")
            return types.ERROR
        made = kind.parameters[0]
        if made.kind is TypeKind.OBJECT:
            return made
        self.fail(node.id, f"'{made}' is not a message type")
        return types.ERROR

    def check_entry(self, entry: Entry, made: Type) -> None:
        self.check(entry.value)
        name = str(entry.key)
        kind = self.object_field(entry.id, made, name)
        value = self.unwrapped(entry.value, entry.optional)
        if not self.assignable(kind, value):
            self.fail(entry.id, f"expected type of field '{name}' is '{kind}' but provided type is '{value}'")

    # Comprehensions

    def check_comprehension(self, node: Comprehension) -> None:
        self.check(node.range)
        self.check(node.initial)
        accumulated = self.types[node.initial.id]
        first, second = self.iterated(node, self.resolved(node.range))
        self.scoped = True
        self.scopes.append({node.accumulator: accumulated})
        self.scopes.append({node.variable: first, node.second: second} if node.second else {node.variable: first})
        self.check(node.condition)
        self.expect(node.condition, types.BOOL)
        self.check(node.step)
        self.expect(node.step, accumulated)
        self.scopes.pop()
        self.check(node.result)
        self.scopes.pop()
        self.types[node.id] = self.resolved(node.result)

    def iterated(self, node: Comprehension, kind: Type) -> tuple[Type, Type]:
        """The types of both variables; the second one counts only where there is one."""
        if kind.kind is TypeKind.LIST:
            return (types.INT, kind.element) if node.second else (kind.element, types.DYN)
        if kind.kind is TypeKind.MAP:
            return kind.parameters[0], kind.parameters[1]
        if kind.kind in _UNKNOWN_RANGE:
            self.assignable(types.DYN, kind)
            return types.DYN, types.DYN
        self.fail(node.range.id, f"expression of type '{kind}' cannot be range of a comprehension (must be list, map, or dynamic)")
        return types.ERROR, types.ERROR

    def expect(self, node: Node, expected: Type) -> None:
        if not self.assignable(expected, self.types[node.id]):
            self.mismatch(node.id, expected, self.types[node.id])


_CHECKS: Final[Mapping[type[Node], Callable[[_Checker, Any], None]]] = {
    Literal: _Checker.check_literal,
    Identifier: _Checker.check_identifier,
    Select: _Checker.check_select,
    Call: _Checker.check_call,
    CreateList: _Checker.check_list,
    CreateMap: _Checker.check_map,
    CreateObject: _Checker.check_object,
    Comprehension: _Checker.check_comprehension,
}
