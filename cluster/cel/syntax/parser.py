"""From text to a tree, in one pass.  Upstream: cel-go `parser/parser.go` and its grammar, `parser/gen/CEL.g4`.

Nodes get their ids in upstream's order, by which it numbers what macros make of them; chains of `&&` and `||` become balanced trees.
A text that does not follow the grammar is read again by `recovery`, which finds all that is wrong with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeVar

from cluster.cel.functions import Macro
from cluster.cel.syntax import literals
from cluster.cel.syntax.ast import Call, CreateList, CreateMap, CreateObject, Entry, Identifier, Literal, Node, Select, Tree
from cluster.cel.syntax.errors import NOWHERE, MacroError, Problem, SyntaxErrors
from cluster.cel.syntax.lexer import EOF, ESCAPED, FLOAT, IDENTIFIER, INT, Token, tokenize
from cluster.cel.syntax.macros import STANDARD_MACROS, Maker
from cluster.cel.syntax.recovery import syntax_problems

MAX_CODE_POINTS: Final = 100_000
MAX_DEPTH: Final = 250

RESERVED: Final = frozenset({
    "as", "break", "const", "continue", "else", "false", "for", "function", "if", "import", "in", "let", "loop",
    "package", "namespace", "null", "return", "true", "var", "void", "while",
})  # fmt: skip
"""Names that no variable has; fields may."""

_RELATIONS: Final = {"<": "_<_", "<=": "_<=_", ">=": "_>=_", ">": "_>_", "==": "_==_", "!=": "_!=_", "in": "@in"}
_SUMS: Final = {"+": "_+_", "-": "_-_"}
_PRODUCTS: Final = {"*": "_*_", "/": "_/_", "%": "_%_"}
_CONSTANTS: Final = {"true": True, "false": False, "null": None}

_Value = TypeVar("_Value")


def parse(text: str, macros: Sequence[Macro] = STANDARD_MACROS, optional_syntax: bool = True) -> Tree:
    """Raises SyntaxErrors with all that is wrong.  Of macros of one name and number of arguments the last one counts."""
    if len(text) > MAX_CODE_POINTS:
        message = f"expression code point size exceeds limit: size: {len(text)}, limit {MAX_CODE_POINTS}"
        raise SyntaxErrors([(NOWHERE, message)])
    lexed = tokenize(text)
    reader = _Parser(lexed.tokens, macros, optional_syntax)
    try:
        root = reader.whole()
    except _Mistake:
        raise SyntaxErrors([*syntax_problems(text, lexed), *reader.problems]) from None
    except (_TooDeep, RecursionError) as failure:
        message = str(failure) if isinstance(failure, _TooDeep) else f"expression recursion limit exceeded: {MAX_DEPTH}"
        raise SyntaxErrors([*lexed.problems, *reader.problems, (NOWHERE, message)]) from None
    if lexed.problems or reader.problems:
        raise SyntaxErrors([*lexed.problems, *reader.problems])
    return Tree(text, root, reader.offsets, reader.calls)


class _Mistake(Exception):
    """The text does not follow the grammar."""


class _TooDeep(Exception):
    """The text is nested deeper than an expression may be."""


class _Parser:
    """One reading of one text.  A rule reads what the grammar calls so, from `token` on, and leaves in `height` how deep it is."""

    def __init__(self, tokens: list[Token], macros: Iterable[Macro], optional_syntax: bool) -> None:
        self.tokens = tokens
        self.position = 0
        self.token = tokens[0]
        self.macros = {(each.name, each.member, each.arguments): each for each in macros}
        self.optional_syntax = optional_syntax
        self.offsets: dict[int, int] = {}
        self.calls: dict[int, Call] = {}
        self.problems: list[Problem] = []
        self.next = 1
        self.height = 0
        self.nesting = {"expr": 0, "relation": 0, "calc": 0}

    # Tokens, ids, errors

    def advance(self) -> Token:
        token = self.token
        self.position += 1
        self.token = self.tokens[self.position]
        return token

    def expect(self, kind: str) -> Token:
        if self.token.kind != kind:
            raise _Mistake
        return self.advance()

    def id(self, offset: int) -> int:
        made = self.next
        self.next += 1
        self.offsets[made] = offset
        return made

    def forget(self, node: int) -> None:
        """A macro's own call is no node."""
        self.offsets.pop(node, None)
        if node == self.next - 1:
            self.next -= 1

    def fail(self, offset: int, message: str) -> Node:
        self.problems.append((offset, message))
        return Node(self.id(offset))

    def deeper(self, rule: str) -> None:
        self.nesting[rule] += 1
        if self.nesting[rule] > MAX_DEPTH:
            raise _TooDeep(f"expression recursion limit exceeded: {MAX_DEPTH}")

    def higher(self, below: int) -> None:
        self.height = below + 1

    # Rules

    def whole(self) -> Node:
        root = self.expression()
        if self.token.kind != EOF:
            raise _Mistake
        if self.height > MAX_DEPTH:
            raise _TooDeep("max recursion depth exceeded")
        return root

    def expression(self) -> Node:
        self.deeper("expr")
        condition = self.alternatives()
        if self.token.kind == "?":
            height = self.height
            node = self.id(self.advance().offset)
            positive = self.alternatives()
            height = max(height, self.height)
            self.expect(":")
            negative = self.expression()
            self.higher(max(height, self.height))
            condition = self.call(node, "_?_:_", [condition, positive, negative])
        self.nesting["expr"] -= 1
        return condition

    def alternatives(self) -> Node:
        first = self.conjunction()
        if self.token.kind != "||":
            return first
        return self.chain("||", "_||_", first, self.conjunction)

    def conjunction(self) -> Node:
        first = self.relation(1)
        if self.token.kind != "&&":
            return first
        return self.chain("&&", "_&&_", first, lambda: self.relation(1))

    def chain(self, sign: str, function: str, first: Node, term: Callable[[], Node]) -> Node:
        terms, nodes, height = [first], [], self.height
        while self.token.kind == sign:
            offset = self.advance().offset
            terms.append(term())
            nodes.append(self.id(offset))
            height = max(height, self.height)
        self.height = height
        return _balanced(function, terms, nodes, 0, len(nodes) - 1)

    def relation(self, least: int) -> Node:
        """`least` is the binding power that an operator must have to be this relation's: 1 of all, 2 of none."""
        self.deeper("relation")
        left = self.calculation(1)
        while least <= 1 and self.token.kind in _RELATIONS:
            left = self.binary(_RELATIONS[self.token.kind], left, self.relation, 2)
        self.nesting["relation"] -= 1
        return left

    def calculation(self, least: int) -> Node:
        """`least`: 1 of sums and products, 2 of products, 3 of neither."""
        self.deeper("calc")
        left = self.unary()
        while True:
            kind = self.token.kind
            if kind in _PRODUCTS and least <= 2:
                left = self.binary(_PRODUCTS[kind], left, self.calculation, 3)
            elif kind in _SUMS and least <= 1:
                left = self.binary(_SUMS[kind], left, self.calculation, 2)
            else:
                break
        self.nesting["calc"] -= 1
        return left

    def binary(self, function: str, left: Node, rule: Callable[[int], Node], least: int) -> Node:
        height = self.height
        node = self.id(self.advance().offset)
        right = rule(least)
        self.higher(max(height, self.height))
        return self.call(node, function, [left, right])

    def unary(self) -> Node:
        sign = self.token.kind
        if sign != "!" and (sign != "-" or self.tokens[self.position + 1].kind in (INT, FLOAT)):
            return self.member()
        start = self.token.offset
        count = 0
        while self.token.kind == sign:
            self.advance()
            count += 1
        if count % 2 == 0:
            return self.member()
        node = self.id(start)
        return self.call(node, "!_" if sign == "!" else "-_", [self.member()])

    def member(self) -> Node:
        found = self.primary()
        while True:
            kind = self.token.kind
            if kind == ".":
                found = self.selection(found, self.advance())
            elif kind == "[":
                found = self.index(found, self.advance())
            else:
                return found

    def selection(self, operand: Node, dot: Token) -> Node:
        height = self.height
        optional = self.token.kind == "?" and self.advance()
        name = self.token
        if name.kind not in (IDENTIFIER, ESCAPED):
            raise _Mistake
        self.advance()
        if self.token.kind == "(" and name.kind == IDENTIFIER and not optional:
            node = self.id(self.advance().offset)
            arguments = self.arguments()
            self.higher(max(height, self.height))
            return self.call(node, name.text, arguments, operand)
        self.higher(height)
        field = name.text if name.kind == IDENTIFIER else name.text[1:-1]
        if not optional:
            return Select(self.id(dot.offset), operand, field)
        if not self.optional_syntax:
            return self.fail(dot.offset, "unsupported syntax '.?'")
        literal = Literal(self.id(name.offset), field)
        return Call(self.id(dot.offset), "_?._", None, [operand, literal])

    def index(self, operand: Node, bracket: Token) -> Node:
        height = self.height
        optional = self.token.kind == "?" and self.advance()
        node = self.id(bracket.offset)
        key = self.expression()
        self.expect("]")
        self.higher(max(height, self.height))
        if optional and not self.optional_syntax:
            return self.fail(bracket.offset, "unsupported syntax '[?'")
        return self.call(node, "_[?_]" if optional else "_[_]", [operand, key])

    def arguments(self) -> list[Node]:
        made: list[Node] = []
        height = 0
        while self.token.kind != ")":
            if made:
                self.expect(",")
            made.append(self.expression())
            height = max(height, self.height)
        self.advance()
        self.height = height
        return made

    def primary(self) -> Node:
        token = self.token
        self.height = 0
        match token.kind:
            case "." | "IDENTIFIER":
                return self.name()
            case "(":
                self.advance()
                nested = self.expression()
                self.expect(")")
                return nested
            case "[":
                return self.created_list(self.advance())
            case "{":
                node = self.id(self.advance().offset)
                return CreateMap(node, self.entries(self.key))
        return self.literal()

    def name(self) -> Node:
        """A variable, a function's call, or an object; a name with dots is the operand of selections unless a brace follows."""
        start = self.token
        leading = "." if start.kind == "." and self.advance() else ""
        if self.token.kind != IDENTIFIER:
            raise _Mistake
        ahead = self.position + 1
        while self.tokens[ahead].kind == "." and self.tokens[ahead + 1].kind == IDENTIFIER:
            ahead += 2
        if self.tokens[ahead].kind == "{":
            text = "".join(each.text for each in self.tokens[self.position : ahead])
            self.position = ahead
            self.token = self.tokens[ahead]
            return CreateObject(self.id(self.advance().offset), leading + text, self.entries(self.field))
        name = self.advance()
        if self.token.kind == "(":
            return self.function(start, leading, name)
        if name.text in RESERVED:
            return self.fail(start.offset, f"reserved identifier: {name.text}")
        return Identifier(self.id(name.offset), leading + name.text)

    def function(self, start: Token, leading: str, name: Token) -> Node:
        if name.text in RESERVED:
            failed = self.fail(start.offset, f"reserved identifier: {name.text}")
            self.advance()
            self.arguments()
            return failed
        node = self.id(self.advance().offset)
        return self.call(node, leading + name.text, self.arguments())

    def created_list(self, bracket: Token) -> Node:
        node = self.id(bracket.offset)
        elements: list[Node] = []
        optional: set[int] = set()
        height = 0
        while self.token.kind != "]":
            if elements:
                self.expect(",")
                if self.token.kind == "]":
                    break
            elif self.token.kind == ",":
                self.advance()
                break
            if self.option() is not None:
                optional.add(len(elements))
            elements.append(self.expression())
            height = max(height, self.height)
        self.expect("]")
        self.height = height
        return CreateList(node, elements, frozenset(optional))

    def option(self) -> Token | None:
        """A question mark, which makes an element optional."""
        if self.token.kind != "?":
            return None
        mark = self.advance()
        if not self.optional_syntax:
            self.fail(mark.offset, "unsupported syntax '?'")
        return mark

    def key(self) -> Node:
        return self.expression()

    def field(self) -> str:
        if self.token.kind not in (IDENTIFIER, ESCAPED):
            raise _Mistake
        name = self.advance()
        return name.text if name.kind == IDENTIFIER else name.text[1:-1]

    def entries(self, key: Callable[[], Node | str]) -> list[Entry]:
        made: list[Entry] = []
        height = 0
        while self.token.kind != "}":
            if made:
                self.expect(",")
                if self.token.kind == "}":
                    break
            elif self.token.kind == ",":
                self.advance()
                break
            made.append(self.entry(key))
            height = max(height, self.height)
        self.expect("}")
        self.height = height
        return made

    def entry(self, key: Callable[[], Node | str]) -> Entry:
        """Its id is the colon's and comes before its key's."""
        optional = self.option()
        node = self.id(NOWHERE)
        name = key()
        height = self.height if isinstance(name, Node) else 0
        self.offsets[node] = self.expect(":").offset
        value = self.expression()
        self.height = max(height, self.height)
        return Entry(node, name, value, optional is not None)

    def literal(self) -> Node:
        start = self.token
        sign = self.advance().text if start.kind == "-" else ""
        token = self.token
        match token.kind:
            case "NUM_INT":
                return self.valued(start, literals.integer, sign + token.text)
            case "NUM_FLOAT":
                return self.valued(start, literals.double, sign + token.text)
            case "NUM_UINT":
                return self.valued(start, literals.unsigned, token.text)
            case "STRING":
                return self.valued(start, literals.string, token.text)
            case "BYTES":
                return self.valued(start, literals.bytes_of, token.text)
            case "true" | "false" | "null":
                self.advance()
                return Literal(self.id(start.offset), _CONSTANTS[token.kind])
        raise _Mistake

    def valued(self, start: Token, read: Callable[[str], _Value], text: str) -> Node:
        self.advance()
        try:
            return Literal(self.id(start.offset), read(text))
        except literals.BadLiteral as failure:
            return self.fail(start.offset, str(failure))

    # Calls and macros

    def call(self, node: int, function: str, arguments: list[Node], target: Node | None = None) -> Node:
        member = target is not None
        macro = self.macros.get((function, member, len(arguments))) or self.macros.get((function, member, -1))
        call = Call(node, function, target, arguments)
        if macro is None:
            return call
        try:
            made = macro.expand(Maker(self, node, macro.name), target, arguments)
        except MacroError as failure:
            offset = self.offsets.get(failure.node, NOWHERE)
            self.forget(node)
            return self.fail(offset, failure.message)
        if made is None:
            return call
        self.calls[made.id] = call
        self.forget(node)
        return made


def _balanced(function: str, terms: Sequence[Node], nodes: Sequence[int], low: int, high: int) -> Node:
    middle = (low + high + 1) // 2
    left = terms[middle] if middle == low else _balanced(function, terms, nodes, low, middle - 1)
    right = terms[middle + 1] if middle == high else _balanced(function, terms, nodes, middle + 1, high)
    return Call(nodes[middle], function, None, [left, right])
