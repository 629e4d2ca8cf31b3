"""Who is told of the file of issuers and of their keys, so that it can be counted."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final, Protocol

from cluster.api.followed_file import FileObserver, Unobserved

TellKeys = Callable[[bytes | None], None]
"""Told of each fetch of an issuer's key set: the set as it came, or None where none did."""


def untold(key_set: bytes | None) -> None:
    """For issuers whose key sets nobody counts."""


class IssuersObserver(FileObserver, Protocol):
    """Is told of the file, too; issuers are named by their URLs."""

    def configured(self, issuers: Collection[str]) -> None:
        """These issuers there are from now on, and no others."""

    def fetched(self, issuer: str, key_set: bytes | None) -> None:
        """See TellKeys."""


class _Nobody(Unobserved):
    def configured(self, issuers: Collection[str]) -> None:
        pass

    def fetched(self, issuer: str, key_set: bytes | None) -> None:
        pass


UNOBSERVED: Final = _Nobody()
"""Counts nothing."""
