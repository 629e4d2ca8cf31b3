"""Where expressions are compiled: the variables and libraries that they may use.  Upstream: apiserver `pkg/cel/environment`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from time import perf_counter
from types import MappingProxyType
from typing import Any, Final, Literal

from msgspec import Struct

from cluster.cel import checker, declarations
from cluster.cel.checker import Checked
from cluster.cel.checker_types import exact
from cluster.cel.compile import Compiled, compile_tree
from cluster.cel.compile_parts import DEADLINE, MAX_MEMORY, MAX_SECONDS
from cluster.cel.declarations import Declarations, Identity
from cluster.cel.estimate import UNSIZED, Sizes, estimate
from cluster.cel.functions import Bounds, Library, Macro
from cluster.cel.libraries.library_costs import COST_LIMIT
from cluster.cel.libraries.table import LIBRARIES
from cluster.cel.syntax.ast import Tree
from cluster.cel.syntax.errors import SyntaxErrors, render
from cluster.cel.syntax.parser import parse
from cluster.cel.text import declared
from cluster.cel.types import Type, TypeKind, type_of
from cluster.cel.validation import mistaken_literals
from cluster.cel.values import CelError, CostExceeded, Joined

PER_CALL_LIMIT: Final = COST_LIMIT
"""What one evaluation may cost, unless it is told otherwise.  Upstream: apiserver `pkg/apis/cel/config.go`."""
STORED: Final = 999
"""The minor of an environment for expressions that are stored already, of whatever version: it has all that is not removed."""
_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})
_NO_SIZES: Final[Mapping[tuple[str, ...], Bounds]] = MappingProxyType({})

Kind = Literal["syntax", "check", "result", "program"]


class CompileError(Exception):
    """An expression that is none; the message is cel-go's, every error with its line, column and a pointer into the text.

    `kind`: no expression at all (`syntax`), one that names or types wrongly (`check`), one whose result is of another type than is wanted
    (`result`; the message is apiserver's `must evaluate to ...`), or one that cannot be run, e.g. `int('x')` (`program`).
    """

    def __init__(self, kind: Kind, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message


class Outcome(Struct, frozen=True):
    """What an evaluation came to, and what it cost."""

    value: Any
    cost: int


class Program:
    """A compiled expression.  Safe to be used by several threads or greenlets at once."""

    __slots__ = ("__weakref__", "_declarations", "_only", "_pick", "_run", "_spare", "_watched", "checked", "tree", "type", "variables")

    def __init__(self, tree: Tree, checked: Checked, compiled: Compiled, declared_: Declarations) -> None:
        self.tree = tree
        self.checked = checked
        """Types and references of its nodes, by their ids."""
        self.type: Type = checked.types[tree.root.id]
        self.variables = frozenset(compiled.variables)
        """The names of the variables that it looks at."""
        names = compiled.variables
        self._run = compiled.run
        self._pick: Callable[[Mapping[str, Any]], Sequence[Any]] = itemgetter(*names) if len(names) > 1 else lambda _: ()
        self._only = names[0] if len(names) == 1 else None
        """The one variable that most look at."""
        self._spare = (None,) * compiled.slots
        self._watched = compiled.watched
        self._declarations = declared_

    def evaluate(self, values: Mapping[str, Any], limit: int = PER_CALL_LIMIT) -> Outcome:
        """With a value for each variable; CelError where the expression fails, CostExceeded where it costs more than the limit."""
        value, cost, failure = self.attempt(values, limit)
        if failure is not None:
            failure.cost = cost
            raise failure
        return Outcome(value, cost)

    def attempt(self, values: Mapping[str, Any], limit: int) -> tuple[Any, int, CelError | CostExceeded | None]:
        """(what it comes to, its cost, what it fails by) in place of `evaluate`, for those who evaluate a lot."""
        only = self._only
        try:
            if only is None:
                frame = [limit, MAX_MEMORY, None, *self._pick(values), *self._spare]
            else:
                frame = [limit, MAX_MEMORY, None, values[only], *self._spare]
        except KeyError as missing:
            return None, 0, CelError(f"no such attribute(s): {missing.args[0]}")
        if self._watched:
            frame[DEADLINE] = perf_counter() + MAX_SECONDS
        try:
            value = self._run(frame)
        except (CelError, CostExceeded) as failure:
            return _failed(failure, frame, limit)
        except RecursionError:
            return _failed(CelError("expression and values are nested too deeply"), frame, limit)
        left: int = frame[0]
        if left < 0:
            return _failed(CostExceeded(), frame, limit)
        return list(value) if type(value) is Joined else value, limit - left, None

    def estimate(self, sizes: Sizes = _NO_SIZES) -> Bounds:
        """The least and the most that an evaluation may cost; `sizes` bounds what is found by a path from a variable."""
        return estimate(self.tree, self.checked.types, self.checked.references, self._declarations.estimates, sizes)


def _failed(failure: CelError | CostExceeded, frame: list[Any], limit: int) -> tuple[None, int, CelError | CostExceeded]:
    """What an evaluation ends with, and what it has cost; an error counts only where the budget was enough for it."""
    cost: int = limit - frame[0]
    if cost > limit or isinstance(failure, CostExceeded):
        return None, max(cost, limit + 1), failure if isinstance(failure, CostExceeded) else CostExceeded()
    return None, cost, failure


class Environment:
    """What expressions of one sort may use, in a Kubernetes of one minor (36 for 1.36); STORED for expressions of any.

    `libraries` are those beside the table's; `types` are objects that expressions may make, by name.
    """

    def __init__(
        self,
        minor: int,
        variables: Mapping[str, Type] = _NOTHING,
        *,
        libraries: Sequence[Library] = (),
        types: Mapping[str, Type] = _NOTHING,
    ) -> None:
        self.minor = minor
        self.variables = dict(variables)
        self._libraries = tuple(libraries)
        self._types = types
        self._macros, base = _base(minor) if not libraries else _declared(minor, self._libraries)
        identities = {**base.identities, **{name: Identity(name, kind) for name, kind in variables.items()}}
        self.declarations = Declarations(minor, base.functions, base.candidates, base.estimates, identities, types)

    def extend(
        self, variables: Mapping[str, Type] = _NOTHING, *, libraries: Sequence[Library] = (), types: Mapping[str, Type] = _NOTHING
    ) -> Environment:
        """An environment with more; `types` are in place of those before where they are given."""
        merged = {**self.variables, **variables}
        return Environment(self.minor, merged, libraries=(*self._libraries, *libraries), types=types or self._types)

    def compile(self, text: str, expected: Sequence[Type] = ()) -> Program:
        """Raises CompileError; `expected`: the types of which the result's must be one, if any are given."""
        try:
            tree = parse(text, self._macros, self.minor >= declarations.OPTIONAL_SYNTAX_SINCE)
        except SyntaxErrors as failure:
            raise CompileError("syntax", render(text, failure.problems)) from None
        try:
            checked = self._checked(tree)
            _expect(checked.types[tree.root.id], expected)
            compiled = compile_tree(tree.root, checked, self.declarations)
        except CelError as failure:
            raise CompileError("program", str(failure)) from None
        except RecursionError:
            raise CompileError("program", "the expression is nested too deeply, take it apart") from None
        return Program(tree, checked, compiled, self.declarations)

    def estimate(self, program: Program, sizes: Sizes = UNSIZED) -> Bounds:
        """The least and the most that an evaluation of what was compiled here may cost; `sizes` bounds what variables have."""
        overloads = [each for function in self.declarations.functions.values() for each in function.overloads]
        hooks = {each.id: each.estimate for each in overloads if each.estimate is not None}
        return estimate(program.tree, program.checked.types, program.checked.references, hooks, sizes)

    def _checked(self, tree: Tree) -> Checked:
        checked = checker.check(tree, self.declarations)
        problems = checked.problems or mistaken_literals(tree, checked.types, self.minor >= declarations.LITERALS_CHECKED_SINCE)
        if problems:
            raise CompileError("check", render(tree.text, problems))
        return checked


def _expect(found: Type, expected: Sequence[Type]) -> None:
    """Upstream: apiserver `pkg/admission/plugin/cel/compile.go`."""
    if not expected or any(each.kind is TypeKind.DYN or exact(each, found) for each in expected):
        return
    wanted = declared(expected[0]) if len(expected) == 1 else f"one of [{' '.join(map(declared, expected))}]"
    raise CompileError("result", f"must evaluate to {wanted} but got {declared(found)}")


@functools.lru_cache(maxsize=8)
def _base(minor: int) -> tuple[tuple[Macro, ...], Declarations]:
    """What all environments of a minor have; made once, as it takes a while."""
    return _declared(minor, ())


def _declared(minor: int, more: Sequence[Library]) -> tuple[tuple[Macro, ...], Declarations]:
    libraries = [*(each for each in LIBRARIES if each.since <= minor < each.until), *more]
    functions = declarations.merged(libraries)
    identities: dict[str, Identity] = {}
    for library in libraries:
        identities |= {name: Identity(name, type_of(kind), kind) for name, kind in library.types.items()}
        identities |= {name: Identity(name, kind, value) for name, (kind, value) in library.constants.items()}
    macros = tuple(macro for library in libraries for macro in library.macros)
    return macros, Declarations(minor, functions, declarations.candidates(functions), declarations.estimates(functions), identities)
