"""From text to a tree, in one pass.  Upstream: cel-go `parser/parser.go` and its grammar, `parser/gen/CEL.g4`.

Nodes get their ids in upstream's order, since what macros make is numbered, too; chains of `&&` and `||` become balanced trees.
The grammar is one recursion, and so one class.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from cluster.cel.functions import Macro
from cluster.cel.syntax import literals
from cluster.cel.syntax.ast import Call, CreateList, CreateMap, CreateObject, Entry, Identifier, Literal, Node, Select, Tree
from cluster.cel.syntax.building import Builder
from cluster.cel.syntax.errors import BEFORE, NOWHERE, Problem, SyntaxErrors
from cluster.cel.syntax.grammar import END, EXPRESSION, FIELD, LITERAL, MEMBER, OPTION, PRODUCTS, RELATIONS, RESERVED, SUMS, Kinds, kinds
from cluster.cel.syntax.lexer import EOF, ESCAPED, FLOAT, IDENTIFIER, INT, Token, tokenize
from cluster.cel.syntax.macros import STANDARD_MACROS
from cluster.cel.syntax.recovery import GivenUp, Mistake, TokenStream

MAX_CODE_POINTS: Final = 100_000
MAX_DEPTH: Final = 250

_TOO_DEEP: Final = f"expression recursion limit exceeded: {MAX_DEPTH}"
_CONSTANTS: Final = {"true": True, "false": False, "null": None}

# What a rule goes on with behind the rule that it reads.
_RULE_ENDS: Final = kinds(END)
_TEXT_ENDS: Final = kinds(EOF)
_CONDITION: Final = kinds("?", END)
_POSITIVE: Final = kinds(":")
_ALTERNATIVE: Final = kinds("||", END)
_CONJUNCT: Final = kinds("&&", END)
_RELATED: Final = RELATIONS | {END}
_CALCULATED: Final = PRODUCTS | SUMS | {END}
_MEMBER: Final = kinds(".", "[", END)
_NESTED: Final = kinds(")")
_INDEX: Final = kinds("]")
_LISTED: Final = kinds(",", END)
_ELEMENTS: Final = kinds(",", "]")
_ENTRIES: Final = kinds(",", "}")

_Value = TypeVar("_Value")


def parse(text: str, macros: Sequence[Macro] = STANDARD_MACROS, optional_syntax: bool = True, escaped_names: bool = False) -> Tree:
    """Raises SyntaxErrors with all that is wrong.  Of macros of one name and number of arguments the last one counts.

    `escaped_names` allows for names of fields in backticks, which Kubernetes does not.
    """
    if len(text) > MAX_CODE_POINTS:
        message = f"expression code point size exceeds limit: size: {len(text)}, limit {MAX_CODE_POINTS}"
        raise SyntaxErrors([(NOWHERE, message)])
    lexed = tokenize(text)
    problems: list[Problem] = list(lexed.problems)
    build = Builder(macros)
    parser = _Parser(TokenStream(lexed, problems), build, optional_syntax, escaped_names)
    try:
        root = parser.whole()
    except GivenUp as failure:
        raise SyntaxErrors(problems + [(NOWHERE, str(failure))] * bool(failure.args)) from None
    except RecursionError:
        raise SyntaxErrors([*problems, (NOWHERE, _TOO_DEEP)]) from None
    if problems or build.problems:
        raise SyntaxErrors(problems + build.problems)
    return Tree(text, root, build.offsets, build.calls)


class _Parser:
    """One reading of one text.  A rule reads what the grammar calls so, and leaves in `height` how deep it is.

    A rule that is given up returns what it has; a bare Node stands for what is missing of it, which no text without problems has.
    """

    def __init__(self, stream: TokenStream, build: Builder, optional_syntax: bool, escaped_names: bool) -> None:
        self.stream = stream
        self.build = build
        self.problems = build.problems
        self.optional_syntax = optional_syntax
        self.escaped_names = escaped_names
        self.height = 0
        self.nesting = {"expr": 0, "relation": 0, "calc": 0}

    def missing(self) -> Node:
        return Node(self.build.id(self.stream.token.offset))

    def deeper(self, rule: str) -> None:
        self.nesting[rule] += 1
        if self.nesting[rule] > MAX_DEPTH:
            raise GivenUp(_TOO_DEEP)

    # Operators

    def whole(self) -> Node:
        root = self.expression(_TEXT_ENDS)
        try:
            self.stream.match(EOF, _RULE_ENDS, "start")
        except Mistake as mistake:
            self.stream.recover(mistake)
        if self.height > MAX_DEPTH:
            self.problems.append((NOWHERE, "max recursion depth exceeded"))
        return root

    def expression(self, follow: Kinds) -> Node:
        stream = self.stream
        stream.enter(follow)
        self.deeper("expr")
        found = self.alternatives(_CONDITION)
        if stream.kind == "?":
            height = self.height
            node = self.build.id(stream.advance().offset)
            positive = self.alternatives(_POSITIVE)
            height = max(height, self.height)
            try:
                stream.match(":", EXPRESSION, "conditional")
                negative = self.expression(_RULE_ENDS)
            except Mistake as mistake:
                stream.recover(mistake)
                negative = self.missing()
            self.height = max(height, self.height) + 1
            found = self.build.call(node, "_?_:_", [found, positive, negative])
        self.nesting["expr"] -= 1
        stream.leave()
        return found

    def alternatives(self, follow: Kinds) -> Node:
        self.stream.enter(follow)
        found = self.conjunction()
        if self.stream.kind == "||":
            found = self.chain("||", found, self.conjunction)
        self.stream.leave()
        return found

    def conjunction(self) -> Node:
        self.stream.enter(_ALTERNATIVE)
        found = self.relation(1, _CONJUNCT)
        if self.stream.kind == "&&":
            found = self.chain("&&", found, lambda: self.relation(1, _CONJUNCT))
        self.stream.leave()
        return found

    def chain(self, sign: str, first: Node, term: Callable[[], Node]) -> Node:
        terms, nodes, height = [first], [], self.height
        while self.stream.kind == sign:
            offset = self.stream.advance().offset
            terms.append(term())
            nodes.append(self.build.id(offset))
            height = max(height, self.height)
        self.height = height
        return self.build.chain(f"_{sign}_", terms, nodes)

    def relation(self, least: int, follow: Kinds) -> Node:
        """`least` is the binding power that an operator must have to be this relation's: 1 of all, 2 of none."""
        self.stream.enter(follow)
        self.deeper("relation")
        found = self.calculation(1, _RELATED)
        while least <= 1 and self.stream.kind in RELATIONS:
            sign = self.stream.kind
            found = self.binary("@in" if sign == "in" else f"_{sign}_", found, self.relation, 2, _RELATED)
        self.nesting["relation"] -= 1
        self.stream.leave()
        return found

    def calculation(self, least: int, follow: Kinds) -> Node:
        """`least`: 1 of sums and products, 2 of products, 3 of neither."""
        self.stream.enter(follow)
        self.deeper("calc")
        found = self.unary()
        while True:
            kind = self.stream.kind
            if kind in PRODUCTS and least <= 2:
                found = self.binary(f"_{kind}_", found, self.calculation, 3, _CALCULATED)
            elif kind in SUMS and least <= 1:
                found = self.binary(f"_{kind}_", found, self.calculation, 2, _CALCULATED)
            else:
                break
        self.nesting["calc"] -= 1
        self.stream.leave()
        return found

    def binary(self, function: str, left: Node, rule: Callable[[int, Kinds], Node], least: int, follow: Kinds) -> Node:
        height = self.height
        node = self.build.id(self.stream.advance().offset)
        right = rule(least, follow)
        self.height = max(height, self.height) + 1
        return self.build.call(node, function, [left, right])

    def unary(self) -> Node:
        self.stream.enter(_CALCULATED)
        start = self.stream.token.offset
        self.height = 0
        try:
            self.stream.sync(EXPRESSION, "unary")
            sign = self.sign()
            found = self.signed(sign) if sign else self.member()
        except Mistake as mistake:
            self.stream.recover(mistake)
            found = Literal(self.build.id(start), "<<error>>")
        self.stream.leave()
        return found

    def sign(self) -> str:
        """The operator that is next; empty where it is none, as with the sign of a number."""
        stream = self.stream
        if stream.kind == "!":
            return "!"
        if stream.kind == "-" and stream.ahead(1) not in (INT, FLOAT):
            if stream.ahead(1) in MEMBER:
                return "-"
            raise stream.no_alternative(1, "unary")
        if stream.kind in MEMBER:
            return ""
        raise stream.no_alternative(0, "unary")

    def signed(self, sign: str) -> Node:
        stream = self.stream
        start = stream.token.offset
        count = 0
        try:
            while stream.kind == sign:
                if sign == "-" and stream.ahead(1) not in MEMBER:
                    raise stream.no_alternative(1, "negations")
                stream.advance()
                count += 1
                stream.sync_repeated(MEMBER | {sign})
            if sign == "-" and stream.kind not in MEMBER:
                raise stream.no_alternative(0, "negations")
        except Mistake as mistake:
            stream.recover(mistake)
            return self.missing()
        if count % 2 == 0:
            return self.member()
        node = self.build.id(start)
        return self.build.call(node, f"{sign}_", [self.member()])

    # Members

    def member(self) -> Node:
        self.stream.enter(_RULE_ENDS)
        found = self.primary()
        goes_on = True
        while goes_on:
            kind = self.stream.kind
            if kind == "[":
                found, goes_on = self.index(found)
            elif kind == ".":
                found, goes_on = self.selection(found)
            else:
                break
        self.stream.leave()
        return found

    def selection(self, operand: Node) -> tuple[Node, bool]:
        """The operand's field or method, and whether the member goes on."""
        stream = self.stream
        name = stream.ahead(1)
        if name == IDENTIFIER and stream.ahead(2) == "(":
            return self.method(operand)
        if name != "?" and name not in FIELD:
            stream.recover(stream.no_alternative(1, "member"))
            return operand, False
        height = self.height
        dot = stream.advance()
        optional = stream.kind == "?"
        if optional:
            stream.advance()
        start = stream.token.offset
        field = self.field_name(_MEMBER)
        self.height = height + 1
        if field is None:
            self.problems.append((start, "unsupported ident kind"))
            field = Token(IDENTIFIER, "", start)
        return self.selected(operand, dot.offset, field, optional), True

    def selected(self, operand: Node, dot: int, field: Token, optional: bool) -> Node:
        if field.kind == ESCAPED and not self.escaped_names:
            self.problems.append((field.offset, "unsupported syntax: '`'"))
        name = field.text if field.kind == IDENTIFIER else field.text[1:-1]
        if not optional:
            return Select(self.build.id(dot), operand, name)
        if not self.optional_syntax:
            return self.build.fail(dot, "unsupported syntax '.?'")
        literal = Literal(self.build.id(field.offset), name)
        return Call(self.build.id(dot), "_?._", None, [operand, literal])

    def method(self, operand: Node) -> tuple[Node, bool]:
        height = self.height
        self.stream.advance()
        name = self.stream.advance().text
        node = self.build.id(self.stream.advance().offset)
        arguments, goes_on = self.arguments(_MEMBER)
        self.height = max(height, self.height) + 1
        return self.build.call(node, name, arguments, operand), goes_on

    def index(self, operand: Node) -> tuple[Node, bool]:
        stream = self.stream
        height = self.height
        bracket = stream.advance().offset
        node = self.build.id(bracket)
        optional = False
        key: Node | None = None
        try:
            stream.sync(OPTION | EXPRESSION, "index")
            optional = stream.kind == "?"
            if optional:
                stream.advance()
            key = self.expression(_INDEX)
            stream.match("]", _MEMBER, "index end")
            goes_on = True
        except Mistake as mistake:
            stream.recover(mistake)
            goes_on = False
        self.height = max(height, self.height) + 1
        if optional and not self.optional_syntax:
            return self.build.fail(bracket, "unsupported syntax '[?'"), goes_on
        return self.build.call(node, "_[?_]" if optional else "_[_]", [operand, key or self.missing()]), goes_on

    def arguments(self, follow: Kinds) -> tuple[list[Node], bool]:
        """Up to and with the bracket that closes them, and whether it is there; if not, the rule around them was given up."""
        stream = self.stream
        made: list[Node] = []
        height = 0
        goes_on = True
        try:
            stream.sync(EXPRESSION | _NESTED, "arguments")
            if stream.kind in EXPRESSION:
                stream.enter(_NESTED)
                made.append(self.expression(_LISTED))
                height = self.height
                while stream.kind == ",":
                    stream.advance()
                    made.append(self.expression(_LISTED))
                    height = max(height, self.height)
                stream.leave()
            stream.match(")", follow, "arguments end")
        except Mistake as mistake:
            stream.recover(mistake)
            goes_on = False
        self.height = height
        return made, goes_on

    def field_name(self, follow: Kinds) -> Token | None:
        self.stream.enter(follow)
        name: Token | None = None
        try:
            self.stream.sync(FIELD, "field name")
            if self.stream.kind not in FIELD:
                raise self.stream.no_alternative(0, "field name")
            name = self.stream.advance()
        except Mistake as mistake:
            self.stream.recover(mistake)
        self.stream.leave()
        return name

    # Primaries

    def primary(self) -> Node:
        stream = self.stream
        stream.enter(_MEMBER)
        self.height = 0
        found: Node | None = None
        try:
            stream.sync(MEMBER, "primary")
            match stream.kind:
                case "." | "IDENTIFIER":
                    found = self.name()
                case "(":
                    stream.advance()
                    found = self.expression(_NESTED)
                    stream.match(")", _RULE_ENDS, "nested end")
                case "[":
                    found = self.created_list()
                case "{":
                    node = self.build.id(stream.advance().offset)
                    found = CreateMap(node, self.entries(self.map_entries, EXPRESSION))
                case _:
                    found = self.literal()
        except Mistake as mistake:
            stream.recover(mistake)
        stream.leave()
        return found or Node(self.build.id(BEFORE))

    def name(self) -> Node:
        """A variable, a function's call, or an object; a name with dots is the operand of selections unless a brace follows."""
        stream = self.stream
        leading = stream.kind == "."
        if leading and stream.ahead(1) != IDENTIFIER:
            raise stream.no_alternative(1, "primary")
        words = 2 if leading else 1
        while stream.ahead(words) == "." and stream.ahead(words + 1) == IDENTIFIER:
            words += 2
        if stream.ahead(words) == "{":
            text = "".join([stream.advance().text for _ in range(words)])
            return CreateObject(self.build.id(stream.advance().offset), text, self.entries(self.field_entries, FIELD))
        start = stream.token.offset
        if leading:
            stream.advance()
        name = stream.advance()
        text = f".{name.text}" if leading else name.text
        if stream.kind == "(":
            return self.function(start, name.text, text)
        if name.text in RESERVED:
            return self.build.fail(start, f"reserved identifier: {name.text}")
        return Identifier(self.build.id(name.offset), text)

    def function(self, start: int, name: str, text: str) -> Node:
        bracket = self.stream.advance().offset
        if name in RESERVED:
            failed = self.build.fail(start, f"reserved identifier: {name}")
            known = len(self.problems)
            self.arguments(_RULE_ENDS)
            del self.problems[known:]
            return failed
        node = self.build.id(bracket)
        return self.build.call(node, text, self.arguments(_RULE_ENDS)[0])

    def created_list(self) -> Node:
        stream = self.stream
        node = self.build.id(stream.advance().offset)
        elements: list[Node] = []
        optional: set[int] = set()
        height = 0
        try:
            stream.sync(EXPRESSION | OPTION | _ELEMENTS, "list")
            if stream.kind in EXPRESSION or stream.kind == "?":
                height = self.elements(elements, optional)
            self.closed("]", _ELEMENTS, "list end")
        except Mistake as mistake:
            stream.recover(mistake)
        self.height = height
        return CreateList(node, elements, frozenset(optional))

    def elements(self, made: list[Node], optional: set[int]) -> int:
        """How deep the deepest one is."""
        stream = self.stream
        stream.enter(_ELEMENTS)
        height = 0
        while True:
            element, mark = self.option(_LISTED)
            if mark is not None:
                self.refuse_option(mark)
                optional.add(len(made))
            made.append(element)
            height = max(height, self.height)
            if stream.kind != "," or (stream.ahead(1) not in EXPRESSION and stream.ahead(1) != "?"):
                break
            stream.advance()
        stream.leave()
        return height

    def closed(self, bracket: str, either: Kinds, state: str) -> None:
        self.stream.sync(either, state)
        if self.stream.kind == ",":
            self.stream.advance()
        self.stream.match(bracket, _RULE_ENDS, state)

    def option(self, follow: Kinds) -> tuple[Node, int | None]:
        """An expression, and where the question mark before it is."""
        stream = self.stream
        stream.enter(follow)
        found: Node | None = None
        mark: int | None = None
        try:
            stream.sync(OPTION | EXPRESSION, "option")
            if stream.kind == "?":
                mark = stream.advance().offset
            found = self.expression(_RULE_ENDS)
        except Mistake as mistake:
            stream.recover(mistake)
        stream.leave()
        return found or self.missing(), mark

    def refuse_option(self, mark: int) -> bool:
        if not self.optional_syntax:
            self.build.fail(mark, "unsupported syntax '?'")
        return not self.optional_syntax

    def entries(self, read: Callable[[list[Entry]], None], first: Kinds) -> list[Entry]:
        made: list[Entry] = []
        stream = self.stream
        self.height = 0
        try:
            stream.sync(first | OPTION | _ENTRIES, "entries")
            if stream.kind in first or stream.kind == "?":
                stream.enter(_ENTRIES)
                try:
                    read(made)
                except Mistake as mistake:
                    stream.recover(mistake)
                stream.leave()
            self.closed("}", _ENTRIES, "entries end")
        except Mistake as mistake:
            stream.recover(mistake)
        return made

    def map_entries(self, made: list[Entry]) -> None:
        stream = self.stream
        height = 0
        while True:
            known = len(self.problems)
            node = self.build.id(NOWHERE)
            key, mark = self.option(_POSITIVE)
            height = max(height, self.height)
            try:
                self.build.offsets[node] = stream.match(":", EXPRESSION, "key").offset
            except Mistake:
                del self.problems[known:]
                raise
            value = self.expression(_LISTED)
            height = max(height, self.height)
            if mark is not None and self.refuse_option(mark):
                self.problems[known:] = self.problems[-1:]
            made.append(Entry(node, key, value, mark is not None))
            self.height = height
            if stream.kind != "," or (stream.ahead(1) not in EXPRESSION and stream.ahead(1) != "?"):
                return
            stream.advance()

    def field_entries(self, made: list[Entry]) -> None:
        stream = self.stream
        height = 0
        start = stream.token.offset
        while True:
            mark, field = self.field()
            node = self.build.id(stream.match(":", EXPRESSION, "field").offset)
            known = len(self.problems)
            value = self.expression(_LISTED)
            height = max(height, self.height)
            self.height = height
            if mark is not None and self.refuse_option(mark):
                self.problems[known:] = self.problems[-1:]
            elif field is None:
                self.problems[known:] = [(start, "unsupported ident kind")]
            elif field.kind == ESCAPED and not self.escaped_names:
                self.problems[known:] = [(start, "unsupported syntax: '`'")]
            else:
                made.append(Entry(node, field.text.strip("`"), value, mark is not None))
            if stream.kind != "," or (stream.ahead(1) not in FIELD and stream.ahead(1) != "?"):
                return
            stream.advance()

    def field(self) -> tuple[int | None, Token | None]:
        stream = self.stream
        stream.enter(_POSITIVE)
        mark: int | None = None
        field: Token | None = None
        try:
            stream.sync(OPTION | FIELD, "field option")
            if stream.kind == "?":
                mark = stream.advance().offset
            field = self.field_name(_RULE_ENDS)
        except Mistake as mistake:
            stream.recover(mistake)
        stream.leave()
        return mark, field

    def literal(self) -> Node:
        stream = self.stream
        if stream.kind not in LITERAL:
            raise stream.no_alternative(0, "primary")
        start = stream.token.offset
        sign = ""
        if stream.kind == "-":
            if stream.ahead(1) not in (INT, FLOAT):
                stream.enter(_RULE_ENDS)
                stream.recover(stream.no_alternative(1, "literal"))
                stream.leave()
                return self.missing()
            sign = stream.advance().text
        token = stream.advance()
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
        return Literal(self.build.id(start), _CONSTANTS[token.kind])

    def valued(self, start: int, read: Callable[[str], _Value], text: str) -> Node:
        try:
            return Literal(self.build.id(start), read(text))
        except literals.BadLiteral as failure:
            return self.build.fail(start, str(failure))
