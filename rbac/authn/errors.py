"""Why credentials were refused."""

from __future__ import annotations

from cluster.api.errors import Unauthorized


class BadCredentials(Unauthorized):
    """401.  The caller reads no more than `Unauthorized`; `why` is for TokenReview and the logs."""

    def __init__(self, why: str) -> None:
        super().__init__()
        self.why = why

    def __str__(self) -> str:
        return self.why
