"""Why credentials were refused."""

from __future__ import annotations

from collections.abc import Iterable

from cluster.api.errors import Unauthorized


class BadCredentials(Unauthorized):
    """401.  The caller reads no more than `Unauthorized`; `why` is for TokenReview and the logs."""

    def __init__(self, *why: str) -> None:
        super().__init__()
        self.why = why

    def __str__(self) -> str:
        return aggregate(self.why)


def reasons(error: Unauthorized) -> tuple[str, ...]:
    """What an authenticator has to say, one by one."""
    return error.why if isinstance(error, BadCredentials) else (str(error),)


def aggregate(messages: Iterable[str]) -> str:
    """Several errors as upstream puts them: each once, in brackets where there is more than one."""
    different = list(dict.fromkeys(messages))
    return different[0] if len(different) == 1 else f"[{', '.join(different)}]"
