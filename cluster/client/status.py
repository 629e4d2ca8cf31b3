"""Failures as the client meets them: a Status body back to the class of its reason.

Upstream: client-go `rest/request.go` (transformResponse) and apimachinery `pkg/api/errors` (NewGenericServerResponse).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from cluster.api import errors
from cluster.api.errors import StatusError

_BY_REASON: Final[Mapping[str, type[StatusError]]] = {
    each.reason: each
    for each in (
        errors.NotFound,
        errors.AlreadyExists,
        errors.Conflict,
        errors.Forbidden,
        errors.Invalid,
        errors.BadRequest,
        errors.Unauthorized,
        errors.MethodNotAllowed,
        errors.NotAcceptable,
        errors.UnsupportedMediaType,
        errors.RequestEntityTooLarge,
        errors.Expired,
        errors.Gone,
        errors.Timeout,
        errors.TooManyRequests,
        errors.ServiceUnavailable,
        errors.InternalError,
    )
}
_BY_CODE: Final[Mapping[int, type[StatusError]]] = {each.code: each for each in reversed(tuple(_BY_REASON.values()))} | {
    409: errors.Conflict,
}


class Unreachable(errors.ServiceUnavailable):
    """No answer came from the API server: it is down, restarting or too slow; whether a write took effect is unknown."""


def from_status(code: int, body: object, *, headers: Mapping[str, str] | None = None, text: str = "") -> StatusError:
    """The error of a failed response: `body` is the decoded Status, or anything else where none was sent (`text` is then shown)."""
    status: dict[str, Any] = body if isinstance(body, dict) and body.get("kind") == "Status" else {}
    reason = status.get("reason") or ""
    code = int(status.get("code") or code)
    error = _BY_REASON.get(reason) or _BY_CODE.get(code) or StatusError
    message = status.get("message") or text or f"the server answered with code {code}"
    made = error.__new__(error)
    StatusError.__init__(
        made, message, details=status.get("details"), code=code, reason=reason or error.reason or "Unknown", headers=headers
    )
    return made


def has_cause(error: StatusError, reason: str) -> bool:
    """Whether the Status details name a cause of this reason, e.g. NamespaceTerminating."""
    causes = (error.details or {}).get("causes") or ()
    return any(cause.get("reason") == reason for cause in causes)
