"""From a checked tree to a closure over a frame.  Upstream: cel-go `interpreter/planner.go`, with what `OptOptimize` folds.

`compile_parts` says what a frame and an evaluator are; the other `compile_*` files make evaluators of the sorts of nodes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, cast

from msgspec import Struct
from msgspec.structs import replace

from cluster.cel import patterns
from cluster.cel.checker import Checked
from cluster.cel.compile_aggregates import list_literal, map_literal, object_literal
from cluster.cel.compile_calls import calling, meant
from cluster.cel.compile_chains import Chain, Key, computed, computed_key, constant_key, variable
from cluster.cel.compile_folds import Fold, accumulator_root, exactly_one, filtered, mapped, quantifier
from cluster.cel.compile_logic import alternative, conditional, junction
from cluster.cel.compile_operators import (
    constant_within,
    equality,
    matching_constant,
    membership,
    not_strictly_false,
    prefix_or_suffix,
    searching,
)
from cluster.cel.compile_parts import VARIABLES, Builder, Computed, Constant, Evaluator, Part, boolean, watched
from cluster.cel.conversion import conversion
from cluster.cel.declarations import NO_VALUE, Declarations
from cluster.cel.functions import Function, Overload
from cluster.cel.libraries.standard_conversions import CONVERSIONS
from cluster.cel.syntax.ast import Call, Comprehension, CreateList, CreateMap, CreateObject, Identifier, Literal, Node, Select, children
from cluster.cel.types import Field, Type, TypeKind
from cluster.cel.values import new_key

_ACCUMULATOR: Final = "@result"
_FEW_PARTS: Final = 200
_COLLECTIONS: Final = frozenset({TypeKind.DYN, TypeKind.ANY, TypeKind.LIST, TypeKind.MAP, TypeKind.OBJECT, TypeKind.OPAQUE})
_COMPARED: Final = frozenset({"_==_", "_!=_"})
"""Calls that take long with two collections only."""
_QUICK: Final = frozenset(
    {"_&&_", "_||_", "!_", "_?_:_", "_[_]", "_[?_]", "_?._", "startsWith", "endsWith", "size", "hasValue", "orValue", "value", "type"}
)


class Compiled(Struct, frozen=True):
    """What runs over a frame: what `compile_parts` says, the variables in their order, and so many slots more."""

    run: Evaluator
    variables: tuple[str, ...]
    slots: int
    watched: bool
    """Whether it looks at the deadline."""


def compile_tree(root: Node, checked: Checked, declarations: Declarations) -> Compiled:
    """Raises CelError where a constant part fails already, e.g. `int('x')`."""
    variables = _variables(root, checked, frozenset())
    compiler = _Compiler(checked, declarations, {name: at + VARIABLES for at, name in enumerate(variables)})
    compiler.next = VARIABLES + len(variables)
    run = compiler.part(root).build()
    return Compiled(run, variables, compiler.next - VARIABLES - len(variables), compiler.watched)


def _variables(root: Node, checked: Checked, local: frozenset[str]) -> tuple[str, ...]:
    """The variables that an expression looks at, without those of its comprehensions."""
    found: dict[str, None] = {}
    pending: list[tuple[Node, frozenset[str]]] = [(root, local)]
    while pending:
        node, names = pending.pop()
        reference = checked.references.get(node.id)
        if reference is not None and reference.name and reference.value is NO_VALUE and isinstance(node, Identifier | Select):
            if reference.name not in names:
                found[reference.name] = None
            continue
        if isinstance(node, Comprehension):
            inner = names | {node.accumulator}
            pending += [(node.range, names), (node.initial, names), (node.result, inner)]
            inner |= {node.variable, node.second}
            pending += [(node.condition, inner), (node.step, inner)]
        else:
            pending += [(each, names) for each in children(node)]
    return tuple(found)


class _Compiler:
    """One compilation.  `scopes` has what the variables of comprehensions are, the innermost last."""

    def __init__(self, checked: Checked, declarations: Declarations, variables: Mapping[str, int]) -> None:
        self.types = checked.certain
        self.references = checked.references
        self.declarations = declarations
        self.variables = variables
        self.scopes: list[dict[str, Chain]] = []
        self.next = VARIABLES
        self.watched = False

    def part(self, node: Node) -> Part:
        return _PARTS[type(node)](self, node)

    def slot(self) -> int:
        self.next += 1
        return self.next - 1

    # Names and fields

    def literal(self, node: Literal) -> Part:
        return Constant(node.value)

    def identifier(self, node: Identifier) -> Part:
        return self.named(node)

    def named(self, node: Node) -> Part:
        reference = self.references[node.id]
        if reference.value is not NO_VALUE:
            return Constant(reference.value)
        for scope in reversed(self.scopes):
            if reference.name in scope:
                return scope[reference.name]
        return variable(self.variables[reference.name])

    def chain(self, node: Node) -> Chain:
        """What is selected from; of what is no chain already the value is the root of a new one."""
        part = self.part(node)
        return part if isinstance(part, Chain) else computed(part.build)

    def select(self, node: Select) -> Part:
        if node.id in self.references:
            return self.named(node)
        return self.chain(node.operand).extended(self.key(node.operand, node.field, False), node.test)

    def key(self, operand: Node, name: str, optional: bool) -> Key:
        found = self.field(self.types[operand.id], name)
        return Key(name, optional) if found is None else Key(found.key, optional, found)

    def field(self, kind: Type, name: str) -> Field | None:
        if kind.kind is TypeKind.OPAQUE and kind.name == "optional_type":
            kind = kind.parameters[0]
        return self.declarations.field_of(kind, name) if kind.kind is TypeKind.OBJECT and kind.fields is not None else None

    def index(self, node: Call, optional: bool) -> Part:
        operand, index = node.arguments
        chain, key = self.chain(operand), self.part(index)
        return chain.extended(constant_key(key.value, optional) if isinstance(key, Constant) else computed_key(key, optional))

    def optional_select(self, node: Call) -> Part:
        operand, name = node.arguments
        return self.chain(operand).extended(self.key(operand, cast(Literal, name).value, True))

    # Calls

    def call(self, node: Call) -> Part:
        special = _CALLS.get(node.function)
        if special is not None:
            return special(self, node)
        return self.ordinary(node, [self.part(each) for each in self.arguments(node)])

    def arguments(self, node: Call) -> list[Node]:
        return list(node.arguments) if node.target is None else [node.target, *node.arguments]

    def overloads(self, node: Call) -> tuple[Function, list[Overload]]:
        function = self.declarations.functions[node.function]
        wanted = frozenset(self.references[node.id].overloads)
        return function, [each for each in function.overloads if each.id in wanted]

    def ordinary(self, node: Call, parts: Sequence[Part]) -> Part:
        function, overloads = self.overloads(node)
        meaning = meant(function, overloads, [self.types[each.id] for each in self.arguments(node)])
        if node.function in CONVERSIONS and len(parts) == 1 and isinstance(parts[0], Constant):
            return Constant(meaning.call(parts[0].value))
        if node.function == "dyn":
            parts = [self.converted(node.arguments[0], parts[0])]
        return Computed(calling(meaning, parts, self.types[node.id]))

    def logic(self, node: Call) -> Part:
        decisive = node.function == "_||_"
        terms = self.terms(node, node.function)
        parts = [(self.part(each), self.types[each.id]) for each in terms]

        def build(charge: int) -> Evaluator:
            return junction([boolean(part.build(charge if not at else 0), kind) for at, (part, kind) in enumerate(parts)], decisive)

        return Computed(build)

    def terms(self, node: Node, function: str) -> list[Node]:
        """Of nested calls of one operator, in their order."""
        if not isinstance(node, Call) or node.function != function:
            return [node]
        return [term for each in node.arguments for term in self.terms(each, function)]

    def ternary(self, node: Call) -> Part:
        condition, positive, negative = (self.part(each) for each in node.arguments)
        builder = conditional(condition, self.types[node.arguments[0].id], positive, negative)
        native = any(isinstance(each, Chain) and each.native for each in (positive, negative))
        return Chain(None, builder, 0, native)

    def equality(self, node: Call) -> Part:
        parts = [self.converted(each, self.part(each)) for each in node.arguments]
        return Computed(equality(parts, [self.types[each.id] for each in node.arguments], node.function == "_!=_"))

    def converted(self, node: Node, part: Part) -> Part:
        """What is looked at as a whole, by its schema."""
        convert = conversion(self.types[node.id])
        if convert is None:
            return part

        def build(charge: int) -> Evaluator:
            run = part.build(charge)
            return lambda frame: convert(run(frame))

        return Computed(build)

    def within(self, node: Call) -> Part:
        value, members = (self.part(each) for each in node.arguments)
        overloads = self.references[node.id].overloads
        if isinstance(value, Constant) and type(value.value) is str and overloads != ("in_list",):
            return Computed(constant_within(value.value, members))
        if isinstance(members, Constant) and overloads == ("in_list",):
            if not members.value:
                return Constant(False)
            builder = membership(value, members.value)
            if builder is not None:
                return Computed(builder)
        return self.ordinary(node, (value, members))

    def matches(self, node: Call) -> Part:
        text, pattern = (self.part(each) for each in self.arguments(node))
        if isinstance(pattern, Constant) and type(pattern.value) is str:
            by_text = self.references[node.id].overloads == ("matches_string",)
            return Computed(matching_constant(text, pattern.value, by_text))
        return self.ordinary(node, (text, pattern))

    def pattern_search(self, node: Call) -> Part:
        """What is constant and no pattern is told of now."""
        parts = [self.part(each) for each in self.arguments(node)]
        if not (isinstance(parts[1], Constant) and type(parts[1].value) is str):
            return self.ordinary(node, parts)
        patterns.compiled(parts[1].value)
        function, (overload,) = self.overloads(node)
        meaning = meant(function, (overload,), [self.types[each.id] for each in self.arguments(node)])
        return Computed(calling(replace(meaning, call=searching(overload.call), in_turn=True), parts, self.types[node.id]))

    def text_part(self, node: Call) -> Part:
        text, part = (self.part(each) for each in self.arguments(node))
        if isinstance(part, Constant) and type(part.value) is str:
            return Computed(prefix_or_suffix(node.function, text, part.value))
        return self.ordinary(node, (text, part))

    def not_strictly_false(self, node: Call) -> Part:
        return Computed(not_strictly_false(self.part(node.arguments[0])))

    def alternative(self, node: Call) -> Part:
        first, second = (self.part(each) for each in self.arguments(node))
        return Computed(alternative(first, second, node.function == "orValue"))

    # Lists, maps, objects

    def created_list(self, node: CreateList) -> Part:
        parts = [self.part(each) for each in node.elements]
        if not node.optional and all(isinstance(each, Constant) for each in parts):
            return Constant([cast(Constant, each).value for each in parts])
        return Computed(list_literal(parts, node.optional))

    def created_map(self, node: CreateMap) -> Part:
        entries = [(self.part(cast(Node, each.key)), self.part(each.value), each.optional) for each in node.entries]
        builder = map_literal(entries)
        if all(isinstance(key, Constant) and isinstance(value, Constant) and not optional for key, value, optional in entries):
            return Constant({new_key(cast(Constant, key).value): cast(Constant, value).value for key, value, _ in entries})
        return Computed(builder)

    def created_object(self, node: CreateObject) -> Part:
        kind = self.types[node.id]
        entries = []
        for each in node.entries:
            found = self.field(kind, str(each.key))
            entries.append((str(each.key) if found is None else found.key, self.part(each.value), each.optional))
        return Computed(object_literal(kind, entries))

    # Comprehensions

    def comprehension(self, node: Comprehension) -> Part:
        builder = None if node.second or node.accumulator != _ACCUMULATOR else self.loop(node)
        return Computed(self.fold(node) if builder is None else builder)

    def loop(self, node: Comprehension) -> Builder | None:
        """Of a standard macro over one variable; None for another."""
        made = _LOOPS.get(node.macro)
        if made is None:
            return None
        range_ = self.part(node.range)
        slot = self.slot()
        self.scopes.append({node.variable: variable(slot)})
        builder = made(self, node, range_, slot)
        self.scopes.pop()
        return builder

    def predicate(self, node: Node) -> Evaluator:
        return boolean(self.body(node).build(), self.types[node.id])

    def body(self, node: Node) -> Part:
        """What a loop does again and again; where that can take long though it costs little, the loop looks at the deadline."""
        part = self.part(node)
        if isinstance(part, Constant) or not self.takes_long(node):
            return part
        return self.timed(part)

    def timed(self, part: Part) -> Part:
        """What is not begun any more after the deadline."""
        self.watched = True
        return Computed(lambda charge: watched(part.build(charge)))

    def takes_long(self, node: Node) -> bool:
        """Whether there are many parts, or calls with collections or what may be one."""
        pending, count = [node], 0
        while pending:
            each = pending.pop()
            count += 1
            if count > _FEW_PARTS:
                return True
            if isinstance(each, Call) and each.function not in _QUICK:
                kinds = [self.types[argument.id].kind for argument in self.arguments(each) if not isinstance(argument, Literal)]
                if sum(kind in _COLLECTIONS for kind in kinds) > (each.function in _COMPARED):
                    return True
            pending += children(each)
        return False

    def quantified(self, node: Comprehension, range_: Part, slot: int) -> Builder:
        return quantifier(range_, slot, self.predicate(cast(Call, node.step).arguments[1]), node.macro == "exists")

    def exactly_one(self, node: Comprehension, range_: Part, slot: int) -> Builder:
        return exactly_one(range_, slot, self.predicate(cast(Call, node.step).arguments[0]))

    def mapped(self, node: Comprehension, range_: Part, slot: int) -> Builder:
        """`map`, with or without a choice, and `filter`: the step is a sum, or a conditional of one."""
        step = cast(Call, node.step)
        addition = step if step.function == "_+_" else cast(Call, step.arguments[1])
        transform = self.body(cast(CreateList, addition.arguments[1]).elements[0])
        if addition is step:
            return mapped(range_, slot, transform)
        return filtered(range_, slot, self.predicate(step.arguments[0]), transform)

    def fold(self, node: Comprehension) -> Builder:
        range_, initial = self.part(node.range), self.part(node.initial)
        slot, accumulator = self.slot(), self.slot()
        second = self.slot() if node.second else None
        self.scopes.append({node.accumulator: computed(accumulator_root(accumulator, initial))})
        result = self.part(node.result).build()
        variables = {node.variable: variable(slot)}
        if second is not None:
            variables[node.second] = variable(second)
        self.scopes.append(variables)
        condition, step = self.part(node.condition).build(), self.body(node.step).build()
        del self.scopes[-2:]
        return Fold(range_, slot, second, accumulator, condition, step, result).build


_PARTS: Final[Mapping[type[Node], Callable[[_Compiler, Any], Part]]] = {
    Literal: _Compiler.literal,
    Identifier: _Compiler.identifier,
    Select: _Compiler.select,
    Call: _Compiler.call,
    CreateList: _Compiler.created_list,
    CreateMap: _Compiler.created_map,
    CreateObject: _Compiler.created_object,
    Comprehension: _Compiler.comprehension,
}
_CALLS: Final[Mapping[str, Callable[[_Compiler, Call], Part]]] = {
    "_&&_": _Compiler.logic,
    "_||_": _Compiler.logic,
    "_?_:_": _Compiler.ternary,
    "_==_": _Compiler.equality,
    "_!=_": _Compiler.equality,
    "_[_]": lambda compiler, node: compiler.index(node, False),
    "_[?_]": lambda compiler, node: compiler.index(node, True),
    "_?._": _Compiler.optional_select,
    "@in": _Compiler.within,
    "matches": lambda compiler, node: compiler.timed(compiler.matches(node)),
    "find": lambda compiler, node: compiler.timed(compiler.pattern_search(node)),
    "findAll": lambda compiler, node: compiler.timed(compiler.pattern_search(node)),
    "startsWith": _Compiler.text_part,
    "endsWith": _Compiler.text_part,
    "@not_strictly_false": _Compiler.not_strictly_false,
    "or": _Compiler.alternative,
    "orValue": _Compiler.alternative,
}
_LOOPS: Final[Mapping[str, Callable[[_Compiler, Comprehension, Part, int], Builder]]] = {
    "all": _Compiler.quantified,
    "exists": _Compiler.quantified,
    "exists_one": _Compiler.exactly_one,
    "existsOne": _Compiler.exactly_one,
    "map": _Compiler.mapped,
    "filter": _Compiler.mapped,
}
