"""What expressions look at: the claims of a token, and the user that they have become.

A name that is no identifier can be selected escaped, `claims.example__dot__org` for `example.org`, in a claim and in whatever object is
below one; only what is meant counts, even if a token has a claim of the escaped name as well.  All numbers are doubles.
Upstream: apiserver `plugin/pkg/authenticator/token/oidc/oidc.go` (newClaimsValue, newUserInfoValue, unescapeMapper),
`pkg/cel/lazy/lazy.go`, `pkg/cel/escaping.go`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from cluster.api.user import UserInfo
from cluster.cel.values import CelError
from cluster.schema.cel_types import RESERVED

_MAX_DEPTH: Final = 128
_SEQUENCE: Final = re.compile("__([^_]+)__")
_MEANT: Final = {"underscores": "__", "dot": ".", "dash": "-", "slash": "/"}
_UNSEEN: Final = object()


def unescaped(name: str) -> str | None:
    """The name that an identifier stands for; None for one that is not escaped as names are."""
    found = _SEQUENCE.findall(name)
    if not found:
        return name
    if found[0] in RESERVED and name == f"__{found[0]}__":
        return str(found[0])
    if any(each not in _MEANT for each in found):
        return None
    return _SEQUENCE.sub(lambda match: _MEANT[match[1]], name)


class Claims(dict[str, Any]):
    """The claims of a token, each made a value when it is first looked at.

    It is no map beyond that: who loops over it is given the values, as upstream has it, and not the names with them.
    """

    __slots__ = ("_claims",)

    def __init__(self, claims: Mapping[str, Any]) -> None:
        super().__init__()
        self._claims = claims

    def __getitem__(self, key: Any) -> Any:
        name = self._name(key)
        if name is None:
            raise CelError(f"no such key: {key}")
        found = self.get(name, _UNSEEN)
        if found is _UNSEEN:
            found = self[name] = _value(self._claims[name], _MAX_DEPTH)
        return found

    def _name(self, key: Any) -> str | None:
        """The claim that is meant; None for none that is there."""
        if type(key) is not str:
            raise CelError("no such overload")
        name = unescaped(key)
        return name if name in self._claims else None

    def __contains__(self, key: Any) -> bool:
        return self._name(key) is not None

    def __iter__(self) -> Iterator[Any]:
        return (_value(each, _MAX_DEPTH) for each in self._claims.values())

    def __len__(self) -> int:
        return len(self._claims)

    def items(self) -> Any:
        raise CelError("no such overload")


class Member(dict[str, Any]):
    """An object below a claim."""

    __slots__ = ()

    def __getitem__(self, key: Any) -> Any:
        return super().__getitem__(_meant(key))

    def __contains__(self, key: Any) -> bool:
        return super().__contains__(_meant(key))


def _meant(key: Any) -> Any:
    """What is not escaped as names are is meant as it is."""
    name = unescaped(key) if type(key) is str else None
    return key if name is None else name


def _value(found: Any, depth: int) -> Any:
    """A value of JSON as one of expressions."""
    if type(found) is int:
        return float(found)
    if isinstance(found, (list, dict)):
        if not depth:
            raise CelError("the claim is nested too deeply")
        if isinstance(found, list):
            return [_value(each, depth - 1) for each in found]
        return Member({key: _value(each, depth - 1) for key, each in found.items()})
    return found


def user_value(user: UserInfo) -> dict[str, Any]:
    """A user as rules about users see it."""
    extra = Member({key: list(values) for key, values in user.extra.items()})
    return {"username": user.name, "uid": user.uid, "groups": list(user.groups), "extra": extra}
