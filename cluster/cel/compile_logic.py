"""`&&`, `||`, `? :`, and what chooses between optional values.  Upstream: cel-go `interpreter/interpretable.go` (evalAnd, evalOr),
`interpreter/attributes.go` (conditionalAttribute), `cel/library.go` (evalOptionalOr).

`&&` and `||` absorb errors: what decides them counts, wherever it stands.
"""

from __future__ import annotations

from collections.abc import Sequence

from cluster.cel.compile_parts import Builder, Evaluator, Frame, Part, boolean
from cluster.cel.types import Type
from cluster.cel.values import CelError, Optional_


def junction(terms: Sequence[Evaluator], decisive: bool) -> Evaluator:
    """`&&` of all terms where False is decisive, `||` where True is."""
    if len(terms) == 2:
        return _either(terms[0], terms[1], decisive)

    def evaluate(frame: Frame) -> object:
        pending = iter(terms)
        try:
            for term in pending:
                if term(frame) is decisive:
                    return decisive
        except CelError:
            for term in pending:
                if _decides(term, frame, decisive):
                    return decisive
            raise
        return not decisive

    return evaluate


def _either(first: Evaluator, second: Evaluator, decisive: bool) -> Evaluator:
    """A junction of two terms, as most are."""
    other = not decisive

    def evaluate(frame: Frame) -> object:
        try:
            if first(frame) is decisive:
                return decisive
        except CelError:
            if _decides(second, frame, decisive):
                return decisive
            raise
        return decisive if second(frame) is decisive else other

    return evaluate


def _decides(term: Evaluator, frame: Frame, decisive: bool) -> bool:
    try:
        return term(frame) is decisive
    except CelError:
        return False


def conditional(condition: Part, kind: Type, positive: Part, negative: Part) -> Builder:
    def build(charge: int) -> Evaluator:
        decide = boolean(condition.build(charge), kind)
        yes, no = positive.resolved(), negative.resolved()
        return lambda frame: yes(frame) if decide(frame) else no(frame)

    return build


def alternative(first: Part, second: Part, unwrapped: bool) -> Builder:
    """`a.or(b)`, or `a.orValue(b)` where the value is wanted."""

    def build(charge: int) -> Evaluator:
        left, right = first.build(charge), second.build()

        def evaluate(frame: Frame) -> object:
            value = left(frame)
            if type(value) is not Optional_:
                return value
            if value.present:
                return value.value if unwrapped else value
            return right(frame)

        return evaluate

    return build
