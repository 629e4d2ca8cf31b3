"""Values that are equal by less than all of their fields."""

from __future__ import annotations

from msgspec import Struct


class OwnEquality(Struct, frozen=True, eq=False):
    """For Structs that define `__eq__` and `__hash__`: a Struct's own `__ne__` would not ask them."""

    def __ne__(self, other: object) -> bool:
        return not self == other
