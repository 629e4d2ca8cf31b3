"""Expressions of an AuthenticationConfiguration: those about `claims`, and those about the `user` that they have become.

Upstream: apiserver `pkg/authentication/cel/compile.go`, `pkg/apis/apiserver/validation/validation.go` (hasSelectExp).
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Final

from cluster.cel import types
from cluster.cel.syntax.ast import Call, Identifier, Literal, Node, Select, children
from rbac.expressions import LISTS_OF_TEXTS, TEXTS, Compiler, Expression, struct

if TYPE_CHECKING:  # what compiles takes a while to load, and most files have no expressions
    from cluster.cel.environment import Environment

CLAIMS: Final = "claims"
USER: Final = "user"
_USER_TYPE: Final = struct("UserInfo", {"username": types.STRING, "uid": types.STRING, "groups": TEXTS, "extra": LISTS_OF_TEXTS})
_MISTYPED: Final = "must evaluate to bool"


@functools.cache
def _environment(variable: str) -> Environment:
    """Files may use what expressions that are stored already may."""
    from cluster.cel.environment import STORED, Environment

    return Environment(STORED, {variable: types.map_of(types.STRING, types.ANY) if variable == CLAIMS else _USER_TYPE})


class Compilers:
    """What compiles the expressions of one file, each of those with the variable that it has."""

    def __init__(self) -> None:
        self.claims = Compiler(lambda: _environment(CLAIMS), _MISTYPED)
        self.user = Compiler(lambda: _environment(USER), _MISTYPED)


def selects_claim(expression: Expression, name: str) -> bool:
    """Whether the expression selects the claim by its name with a dot: `claims.email`, `has(claims.email)`, `claims.?email`."""
    pending = [expression.program.tree.root]
    while pending:
        node = pending.pop()
        if isinstance(node, Select) and node.field == name and _is_claims(node.operand):
            return True
        if isinstance(node, Call) and node.function == "_?._":
            operand, selected = node.arguments
            if _is_claims(operand) and isinstance(selected, Literal) and selected.value == name:
                return True
        pending += children(node)
    return False


def _is_claims(node: Node) -> bool:
    return isinstance(node, Identifier) and node.name.removeprefix(".") == CLAIMS
