"""What a library is made of: functions with overloads, each with its types, what it does, and what it costs.

Upstream: cel-go `common/decls`, `common/stdlib`; costs: cel-go `interpreter/runtimecost.go`, `checker/cost.go`, apiserver
`pkg/cel/library/cost.go`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

from msgspec import Struct, field

from cluster.cel.syntax.ast import Node
from cluster.cel.types import Type

STRING_TRAVERSAL: Final = 0.1
"""What looking at one character of a string costs."""
REGEX_LENGTH: Final = 0.25

RuntimeCost = Callable[[Sequence[Any], Any], int]
"""(arguments, the receiver first; result) to what the call cost.  What failed is `runtime_types.FAILED` among
them; sizes are `runtime_types.size_of`."""


class Bounds(Struct, frozen=True):
    """The least and the most of a size or a cost; both saturate at 2**64 - 1."""

    least: int
    most: int

    def __add__(self, other: Bounds) -> Bounds:
        return Bounds(_saturated(self.least + other.least), _saturated(self.most + other.most))

    def __mul__(self, other: Bounds) -> Bounds:
        return Bounds(_saturated(self.least * other.least), _saturated(self.most * other.most))

    def scaled(self, factor: float) -> Bounds:
        """Times a factor, each end rounded up, in floating point as upstream has it."""
        return Bounds(_scaled(self.least, factor), _scaled(self.most, factor))

    def union(self, other: Bounds) -> Bounds:
        return Bounds(min(self.least, other.least), max(self.most, other.most))


MOST: Final = (1 << 64) - 1
UNKNOWN: Final = Bounds(0, MOST)
NOTHING: Final = Bounds(0, 0)
ONE: Final = Bounds(1, 1)


def _saturated(number: int) -> int:
    return min(number, MOST)


def _scaled(number: int, factor: float) -> int:
    product = math.ceil(float(number) * factor)
    return min(product, MOST)


class Sized(Struct, frozen=True):
    """An argument as the estimate sees it: its node, its type, its path from a variable where it has one, and how large it can be."""

    node: Node
    type: Type
    path: tuple[str, ...]
    size: Bounds | None
    """None where nothing is known of it."""
    element_size: Callable[[], Bounds | None] = lambda: None


class Estimate(Struct, frozen=True):
    """What a call may cost, and how large its result may be (None: nothing is known)."""

    cost: Bounds
    result_size: Bounds | None = None


StaticCost = Callable[[Sized | None, Sequence[Sized]], Estimate | None]
"""(receiver, other arguments) to the estimate of a call; None: as for any function, 1."""


class Overload(Struct, frozen=True):
    """One signature.  `parameters` begin with the receiver where `member` is set; `call` takes values in the same order.

    `call` raises CelError; it is not called where an argument failed.  Without `cost`, here or of its function, a call costs 1.
    """

    id: str
    parameters: tuple[Type, ...]
    result: Type
    call: Callable[..., Any]
    member: bool = False
    cost: RuntimeCost | None = None
    estimate: StaticCost | None = None
    guarded: bool = True
    """Whether the types of arguments are looked at before the call, where they are not known sooner."""
    in_turn: bool = False
    """Whether arguments after one that failed are left alone; those of three and more are (cel-go's `FunctionBinding`)."""


class Function(Struct, frozen=True):
    """A function or operator by its name, e.g. `_+_`, `startsWith`, `quantity`."""

    name: str
    overloads: tuple[Overload, ...]
    cost: RuntimeCost | None = None
    """What a call costs of whose overload nothing else is said, or several may be meant (apiserver's costs are by name)."""
    dynamic: Callable[..., Any] | None = None
    """What is called where types are not known sooner; None: the first overload whose types fit."""


class Macro(Protocol):
    """What is expanded as it is parsed."""

    @property
    def name(self) -> str: ...

    @property
    def member(self) -> bool: ...

    @property
    def arguments(self) -> int:
        """How many; -1 for any number."""
        ...

    def expand(self, make: Any, target: Node | None, arguments: Sequence[Node]) -> Node | None:
        """The node that stands for the call; None where the macro does not apply.  `make` is a `syntax.macros.Maker`."""
        ...


class Library(Struct, frozen=True):
    """Functions, macros, types and constants that belong together.

    `since` is the first Kubernetes minor that has them (29 for 1.29), `until` the first one after it without.
    """

    name: str
    functions: tuple[Function, ...] = ()
    macros: tuple[Macro, ...] = ()
    types: Mapping[str, Type] = field(default_factory=dict)
    """Names that expressions use as types, e.g. `optional_type`."""
    constants: Mapping[str, tuple[Type, Any]] = field(default_factory=dict)
    since: int = 0
    until: int = 1000
