"""Subjects that look as if they were meant for a user, and are not the user's: another kind, namespace, spelling or prefix."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from cluster.api.field import quoted
from cluster.api.user import UserInfo, split_service_account

_SHORTEST: Final = 4
"""Shorter names differ by one letter without being misspelt."""
_SPELT: Final = 16
"""How many of someone's groups are compared letter by letter."""


def near_subject(user: UserInfo) -> Callable[[str], str]:
    """From a subject's key in the index to what is wrong with it, empty for one that has nothing to do with the user."""
    account = split_service_account(user.name)
    groups = _Names(group for group in user.groups if not group.startswith("system:"))
    users = _Names([user.name] if user.name and not user.name.startswith("system:") else [])
    bare = account[1] if account else user.name
    people = (bare, ":".join(account), "/".join(account)) if account else ()

    def near(key: str) -> str:
        kind, name = key[0], key[1:]
        found = split_service_account(name) if kind == "u" else None
        if found is not None:
            return _of_account(found, account, bare)
        if kind == "u" and name in people:
            return f"it names User {quoted(name)}: a service account is a subject of kind ServiceAccount, with its namespace"
        if kind == "g" and name in (user.name, bare) and name:
            return f"it names Group {quoted(name)}, which is the name of {'the service account' if account else 'the user'}, not of a group"
        if kind == "u" and name in groups.names:
            return f"it names User {quoted(name)}, which is a group of the user: the subject's kind should be Group"
        own, likeness = (groups if kind == "g" else users).alike(name)
        return f"it names {'Group' if kind == 'g' else 'User'} {quoted(name)}, not {quoted(own)}: {likeness}" if likeness else ""

    return near


class _Names:
    """Names of one kind, and what resembles them."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = frozenset(names)
        self._folded = {name.strip().casefold(): name for name in self.names}
        self._ends = {end: name for name in self.names for end in _ends(name)}
        self._spelt = [name for name in sorted(self.names) if len(name) >= _SHORTEST][:_SPELT]

    def alike(self, name: str) -> tuple[str, str]:
        """(the name that another resembles, in what they differ), both empty where it resembles none."""
        own = self._folded.get(name.strip().casefold())
        if own is not None:
            plain = name.strip() == name and own.strip() == own
            return own, "they differ in case" if plain else "they differ in white space or case"
        own = self._ends.get(name) or next((end for end in _ends(name) if end in self.names), None)
        if own is not None:
            return own, "one has a prefix that the other lacks"
        own = next((own for own in self._spelt if len(name) >= _SHORTEST and _one_letter_apart(name, own)), None)
        return ("", "") if own is None else (own, "they differ in one letter")


def _ends(name: str) -> list[str]:
    """What is left of a name without one prefix or several."""
    parts = name.split(":")
    return [":".join(parts[place:]) for place in range(1, len(parts)) if parts[-1]]


def _of_account(found: tuple[str, str], account: tuple[str, str] | None, bare: str) -> str:
    if found[1] != bare:
        return ""
    if account is None:
        return f"it names ServiceAccount {quoted(bare)} of namespace {quoted(found[0])}, not User {quoted(bare)}"
    return f"it names ServiceAccount {quoted(bare)} of namespace {quoted(found[0])}, not of {quoted(account[0])}"


def _one_letter_apart(one: str, other: str) -> bool:
    """One letter was added, left out, or replaced by another, or two were swapped; numbers tell names apart on purpose."""
    if abs(len(one) - len(other)) > 1:
        return False
    shortest = min(len(one), len(other))
    start = next((place for place in range(shortest) if one[place] != other[place]), shortest)
    end = next((place for place in range(shortest - start) if one[-1 - place] != other[-1 - place]), shortest - start)
    left, right = one[start : len(one) - end], other[start : len(other) - end]
    if any(letter.isdigit() for letter in left + right):
        return False
    return (len(left) <= 1 and len(right) <= 1) or (len(left) == 2 and left == right[::-1])
