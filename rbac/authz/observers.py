"""Who is told what authorizers do, so that it can be counted.  Authorizers are named as the configuration names them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from cluster.api.authorization import Decision

SUCCESS: Final = "success"
TIMEOUT: Final = "timeout"
ERROR: Final = "error"


def unobserved(decision: Decision) -> None:
    """For authorizers whose opinions nobody counts."""


class AuthorizerObserver(Protocol):
    """Is told of opinions, and of calls to webhooks; the results of those are SUCCESS, TIMEOUT and ERROR."""

    def decisions(self, kind: str, name: str) -> Callable[[Decision], None]:
        """What is told of each opinion of an authorizer, whether it allows or denies."""
        ...

    def called(self, name: str, result: str, seconds: float) -> None:
        """A webhook was called once, which took so long."""

    def failed_open(self, name: str, result: str) -> None:
        """A webhook whose failure is no opinion failed."""

    def conditions_judged(self, name: str, seconds: float, failed: bool) -> None:
        """The match conditions of a webhook were evaluated, which took so long; `failed`: one at least could not be."""

    def conditions_excluded(self, name: str) -> None:
        """A webhook was not asked, as one of its match conditions does not hold."""


class _Nobody:
    def decisions(self, kind: str, name: str) -> Callable[[Decision], None]:  # noqa: ARG002 - an AuthorizerObserver
        return unobserved

    def called(self, name: str, result: str, seconds: float) -> None:
        pass

    def failed_open(self, name: str, result: str) -> None:
        pass

    def conditions_judged(self, name: str, seconds: float, failed: bool) -> None:
        pass

    def conditions_excluded(self, name: str) -> None:
        pass


UNOBSERVED: Final = _Nobody()
"""Counts nothing."""
