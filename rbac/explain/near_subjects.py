"""Subjects that look as if they were meant for a user, and are not the user's: another kind, namespace, spelling or prefix."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from cluster.api.user import UserInfo, split_service_account
from rbac.quoting import quoted

_SHORTEST: Final = 4
"""Shorter names differ by one letter without being misspelt."""


def near_subject(user: UserInfo) -> Callable[[str], str]:
    """From a subject's key in the index to what is wrong with it, empty for one that has nothing to do with the user."""
    account = split_service_account(user.name)
    groups = [group for group in user.groups if not group.startswith("system:")]
    names = [user.name] if user.name and not user.name.startswith("system:") else []
    bare = account[1] if account else user.name

    def near(key: str) -> str:
        kind, name = key[0], key[1:]
        found = split_service_account(name) if kind == "u" else None
        if found is not None:
            return _of_account(found, account, bare)
        if account is not None and kind == "u" and name in (bare, ":".join(account), "/".join(account)):
            return f"it names User {quoted(name)}: a service account is a subject of kind ServiceAccount, with its namespace"
        if kind == "g" and name in (user.name, bare) and name:
            return f"it names Group {quoted(name)}, which is the name of {'the service account' if account else 'the user'}, not of a group"
        if kind == "u" and name in groups:
            return f"it names User {quoted(name)}, which is a group of the user: the subject's kind should be Group"
        shown = "Group" if kind == "g" else "User"
        for own in groups if kind == "g" else names:
            likeness = _alike(name, own)
            if likeness:
                return f"it names {shown} {quoted(name)}, not {quoted(own)}: {likeness}"
        return ""

    return near


def _of_account(found: tuple[str, str], account: tuple[str, str] | None, bare: str) -> str:
    if found[1] != bare:
        return ""
    if account is None:
        return f"it names ServiceAccount {quoted(bare)} of namespace {quoted(found[0])}, not User {quoted(bare)}"
    return f"it names ServiceAccount {quoted(bare)} of namespace {quoted(found[0])}, not of {quoted(account[0])}"


def _alike(name: str, own: str) -> str:
    """How two names that differ resemble each other."""
    if name == own or min(len(name), len(own)) == 0:
        return ""
    if abs(len(name) - len(own)) <= 4 and name.strip().casefold() == own.strip().casefold():
        return "they differ in case" if name.strip() == name and own.strip() == own else "they differ in white space or case"
    if name.endswith(f":{own}") or own.endswith(f":{name}"):
        return "one has a prefix that the other lacks"
    if min(len(name), len(own)) >= _SHORTEST and _one_letter_apart(name, own):
        return "they differ in one letter"
    return ""


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
