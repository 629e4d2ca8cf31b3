"""Status errors: one class per reason, and the one place that renders them.

Upstream: apimachinery `pkg/api/errors/errors.go`.  Every error that a request can meet is raised as a StatusError; the
server turns it into the response with `StatusError.status()`, and nothing else builds a Status of failure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cluster.api.field import FieldError, quoted
from cluster.api.names import GroupKind, GroupResource, Object


class StatusError(Exception):
    """A failure with its HTTP code; `reason`, `message` and `details` appear in the Status body."""

    code = 500
    reason = ""

    def __init__(
        self,
        message: str,
        *,
        details: Object | None = None,
        code: int | None = None,
        reason: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.details = details
        self.headers: Mapping[str, str] = headers or {}
        if code is not None:
            self.code = code
        if reason is not None:
            self.reason = reason

    def status(self) -> Object:
        """The `v1` Status object, keys in upstream's order."""
        body: Object = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": self.message}
        if self.reason:
            body["reason"] = self.reason
        if self.details is not None:
            body["details"] = self.details
        body["code"] = self.code
        return body


def _details(resource: GroupResource, name: str, **more: Any) -> Object:
    details: Object = {}
    if name:
        details["name"] = name
    if resource.group:
        details["group"] = resource.group
    if resource.resource:
        details["kind"] = resource.resource
    return details | more


class NotFound(StatusError):
    code, reason = 404, "NotFound"

    @classmethod
    def of(cls, resource: GroupResource, name: str) -> NotFound:
        return cls(f"{resource} {quoted(name)} not found", details=_details(resource, name))

    @classmethod
    def path(cls) -> NotFound:
        """The answer to a URL that names nothing served."""
        return cls("the server could not find the requested resource", details={})


class AlreadyExists(StatusError):
    code, reason = 409, "AlreadyExists"

    @classmethod
    def of(cls, resource: GroupResource, name: str) -> AlreadyExists:
        return cls(f"{resource} {quoted(name)} already exists", details=_details(resource, name))


class Conflict(StatusError):
    code, reason = 409, "Conflict"

    @classmethod
    def of(cls, resource: GroupResource, name: str, why: str) -> Conflict:
        message = f"Operation cannot be fulfilled on {resource} {quoted(name)}: {why}"
        return cls(message, details=_details(resource, name))


class Forbidden(StatusError):
    code, reason = 403, "Forbidden"

    @classmethod
    def of(cls, resource: GroupResource, name: str, why: str) -> Forbidden:
        """As admission and registries word it; authorization's own wording is in `rbac`."""
        if not resource.resource:
            message = f"forbidden: {why}"
        elif not name:
            message = f"{resource} is forbidden: {why}"
        else:
            message = f"{resource} {quoted(name)} is forbidden: {why}"
        return cls(message, details=_details(resource, name))


class Invalid(StatusError):
    code, reason = 422, "Invalid"

    @classmethod
    def of(cls, kind: GroupKind, name: str, errors: Sequence[FieldError]) -> Invalid:
        shown = list(dict.fromkeys(str(error) for error in errors))
        text = shown[0] if len(shown) == 1 else f"[{', '.join(shown)}]"
        causes = [{"reason": error.reason, "message": error.message} | ({"field": error.path} if error.path else {}) for error in errors]
        details = _details(GroupResource(kind.group, kind.kind), name)
        if causes:
            details["causes"] = causes
        subject = f"{kind} {quoted(name)} is invalid"
        return cls(f"{subject}: {text}" if shown else subject, details=details)


class BadRequest(StatusError):
    code, reason = 400, "BadRequest"


class Unauthorized(StatusError):
    code, reason = 401, "Unauthorized"

    def __init__(self, message: str = "Unauthorized") -> None:
        super().__init__(message)


class MethodNotAllowed(StatusError):
    code, reason = 405, "MethodNotAllowed"

    @classmethod
    def of(cls, resource: GroupResource, action: str) -> MethodNotAllowed:
        """`action` is the verb, e.g. `create`."""
        return cls(f"{action} is not supported on resources of kind {quoted(str(resource))}", details=_details(resource, ""))

    @classmethod
    def plain(cls) -> MethodNotAllowed:
        return cls("the server does not allow this method on the requested resource", details={})


class NotAcceptable(StatusError):
    code, reason = 406, "NotAcceptable"

    @classmethod
    def of(cls, accepted: Sequence[str]) -> NotAcceptable:
        return cls(f"only the following media types are accepted: {', '.join(accepted)}")


class UnsupportedMediaType(StatusError):
    code, reason = 415, "UnsupportedMediaType"

    @classmethod
    def of(cls, accepted: Sequence[str]) -> UnsupportedMediaType:
        return cls(f"the body of the request was in an unknown format - accepted media types include: {', '.join(accepted)}")


class RequestEntityTooLarge(StatusError):
    code, reason = 413, "RequestEntityTooLarge"

    @classmethod
    def of(cls, why: str) -> RequestEntityTooLarge:
        return cls(f"Request entity too large: {why}")


class Expired(StatusError):
    """410: the revision asked for has been compacted."""

    code, reason = 410, "Expired"


class Gone(StatusError):
    code, reason = 410, "Gone"


class Timeout(StatusError):
    code, reason = 504, "Timeout"

    @classmethod
    def of(cls, message: str, retry_after: int = 0) -> Timeout:
        details: Object = {"retryAfterSeconds": retry_after} if retry_after else {}
        return cls(f"Timeout: {message}", details=details)

    @classmethod
    def too_large_resource_version(cls, asked: int, current: int) -> Timeout:
        cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
        return cls(
            f"Timeout: Too large resource version: {asked}, current: {current}",
            details={"causes": [cause], "retryAfterSeconds": 1},
        )


class TooManyRequests(StatusError):
    code, reason = 429, "TooManyRequests"


class ServiceUnavailable(StatusError):
    code, reason = 503, "ServiceUnavailable"


class InternalError(StatusError):
    code, reason = 500, "InternalError"

    @classmethod
    def of(cls, why: object) -> InternalError:
        return cls(f"Internal error occurred: {why}", details={"causes": [{"message": str(why)}]})
