"""What is gathered about one request while it is served, and the events that are made of it.

Upstream: apiserver `pkg/audit/context.go`, `pkg/audit/request.go`; the order of fields is that of `pkg/apis/audit/v1/types.go`.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson
from msgspec import Struct

from cluster.api.authorization import Attributes
from cluster.api.names import Object
from cluster.api.user import UserInfo, user_fields
from rbac.audit.model import API_VERSION, LEVEL_NAMES, REQUEST_RECEIVED, AuditConfig, AuditEvent, Level, Sink

MAX_USER_AGENT: Final = 1024
_TRUNCATED: Final = "...TRUNCATED"
_STATUS: Final = b'{"kind":"Status",'
_STATUS_FIELDS: Final = ("metadata", "status", "message", "reason", "details", "code")
_ISSUED: Final = (("status", "kubeconfig"),)
_ASKED_ABOUT: Final = (("spec", "token"), ("spec", "certificate"))
_CREDENTIALS: Final = {
    "kubeconfigs": _ISSUED,
    "clusterkubeconfigs": _ISSUED,
    "accessexplanations": _ASKED_ABOUT,
    "localaccessexplanations": _ASKED_ABOUT,
}
"""Where objects of Berth's own carry credentials, by resource; no level lets them into an event."""
_OWN_GROUP: Final = "berth.io"
_MANAGED: Final = b'"managedFields"'


class Record(Struct):
    """One request as far as it is known; `event` is what a stage tells of it."""

    config: AuditConfig
    sink: Sink
    audit_id: str
    uri: str
    asked: Attributes
    source_ips: Sequence[str]
    user_agent: str
    received: int
    """Nanoseconds since the epoch."""
    annotations: Mapping[str, str]
    """Shared with whoever annotates the request."""
    impersonated: UserInfo | None = None
    constraint: str = ""
    """The verb of the constrained impersonation that allowed it."""
    status: Object | None = None
    _ref: Object | None = None
    _request: Any = None
    _response: Any = None
    _received_text: str = ""

    def __post_init__(self) -> None:
        self._received_text = micro_time(self.received)
        asked = self.asked
        if asked.is_resource:
            self._ref = {
                "resource": asked.resource,
                "namespace": asked.namespace,
                "name": asked.name,
                "uid": "",
                "apiGroup": asked.api_group,
                "apiVersion": asked.api_version,
                "resourceVersion": "",
                "subresource": asked.subresource,
            }

    @property
    def wants_request(self) -> bool:
        """Whether the request's object belongs into the events."""
        return self.config.level >= Level.REQUEST

    # what the request turns out to be

    def request_object(self, obj: Object) -> None:
        """The decoded object that was sent; its metadata completes the reference, at every level."""
        metadata = obj.get("metadata")
        ref = self._ref
        if ref is not None and isinstance(metadata, dict):
            for key in ("namespace", "name", "uid", "resourceVersion"):
                value = metadata.get(key)
                if not ref[key] and isinstance(value, str):
                    ref[key] = value
        if self.wants_request:
            self._request = orjson.Fragment(self._shown(orjson.dumps(obj)))

    def request_patch(self, patch: bytes) -> None:
        """A patch as it was sent: JSON, or what is none, which is then recorded as a string."""
        if self.wants_request:
            try:
                self._request = orjson.Fragment(orjson.dumps(orjson.loads(patch)))
            except orjson.JSONDecodeError:
                self._request = patch.decode("utf-8", "replace")

    def response_body(self, body: bytes) -> None:
        """The answer in JSON, in one line.  A Status is recorded at every level, as what became of the request."""
        if body.startswith(_STATUS):
            self.status = _bounded(orjson.loads(body))
        if self.config.level >= Level.REQUEST_RESPONSE:
            self._response = orjson.Fragment(self._shown(body))

    def failed(self, status: Object) -> None:
        """The request ended with this Status of failure."""
        self.response_body(orjson.dumps(status))

    def panicked(self, error: BaseException) -> None:
        """The request failed in a way that nobody foresaw; what the error says stays in the server's log."""
        self.status = {
            "metadata": {},
            "status": "Failure",
            "message": f"APIServer panic'd: {type(error).__name__}",
            "reason": "InternalError",
            "code": 500,
        }

    def answered(self, code: int) -> None:
        if self.status is None:
            self.status = {"metadata": {}, "code": code}
        else:
            self.status["code"] = code

    def _shown(self, body: bytes) -> bytes:
        """The body without what must not be recorded; it is read anew only where it may hold such a thing."""
        managed = self.config.omit_managed_fields and _MANAGED in body
        secret = _CREDENTIALS.get(self.asked.resource, ()) if self.asked.api_group == _OWN_GROUP else ()
        if not managed and not secret:
            return body[:-1] if body.endswith(b"\n") else body
        obj = orjson.loads(body)
        for each in _objects(obj):
            if managed and isinstance(each.get("metadata"), dict):
                each["metadata"].pop("managedFields", None)
            for part, member in secret:
                if isinstance(each.get(part), dict):
                    each[part].pop(member, None)
        return orjson.dumps(obj)

    # what is told of it

    def process(self, stage: str) -> bool:
        """Gives the stage's event to the sink, unless the policy omits the stage; False where the sink could not keep it."""
        if stage in self.config.omit_stages:
            return True
        return self.sink.process((self.event(stage),))

    def event(self, stage: str) -> AuditEvent:
        at = self._received_text if stage == REQUEST_RECEIVED else micro_time(time.time_ns())
        fields: Object = {
            "kind": "Event",
            "apiVersion": API_VERSION,
            "level": LEVEL_NAMES[self.config.level],
            "auditID": self.audit_id,
            "stage": stage,
            "requestURI": self.uri,
            "verb": self.asked.verb,
            "user": user_fields(self.asked.user),
        }
        if self.impersonated is not None:
            fields["impersonatedUser"] = user_fields(self.impersonated)
            if self.constraint:
                fields["authenticationMetadata"] = {"impersonationConstraint": self.constraint}
        if self.source_ips:
            fields["sourceIPs"] = self.source_ips
        if self.user_agent:
            fields["userAgent"] = bounded_agent(self.user_agent)
        if self._ref is not None:
            fields["objectRef"] = {key: value for key, value in self._ref.items() if value}
        for key, value in (("responseStatus", self.status), ("requestObject", self._request), ("responseObject", self._response)):
            if value is not None:
                fields[key] = value
        fields["requestReceivedTimestamp"] = self._received_text
        fields["stageTimestamp"] = at
        if self.annotations:
            fields["annotations"] = dict(sorted(self.annotations.items()))
        return AuditEvent(self.config.level, fields, orjson.dumps(fields))


def _objects(obj: Object) -> list[Object]:
    """An object, the members of a list, and the objects of a Table's rows."""
    found = [obj]
    found += [each for each in obj.get("items") or () if isinstance(each, dict)]
    found += [row["object"] for row in obj.get("rows") or () if isinstance(row, dict) and isinstance(row.get("object"), dict)]
    return found


def _bounded(status: Object) -> Object:
    """The fields of a Status that an event carries."""
    return {"metadata": {}} | {key: status[key] for key in _STATUS_FIELDS if key != "metadata" and status.get(key) is not None}


def bounded_agent(agent: str) -> str:
    return agent if len(agent) <= MAX_USER_AGENT else agent[:MAX_USER_AGENT] + _TRUNCATED


def source_ips(forwarded_for: str, real_ip: str, remote: str) -> list[str]:
    """Where a request came from, by its headers and its connection.  Only the last of them cannot be made up by the client.

    Upstream: apimachinery `pkg/util/net/http.go` (SourceIPs).
    """
    if not forwarded_for and not real_ip:
        return [remote] if remote else []
    found = [ip for part in forwarded_for.split(",") if (ip := _ip(part.strip()))]
    single = _ip(real_ip)
    if single and single not in found:
        found.append(single)
    last = _ip(remote)
    if last and (not found or found[-1] != last):
        found.append(last)
    return found


def _ip(text: str) -> str:
    """An address in its usual form, with leading zeros taken as decimal, as upstream's sloppy parser does; empty for none."""
    if "." in text and ":" not in text:
        text = ".".join(part.lstrip("0") or "0" if part.isdigit() else part for part in text.split("."))
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return ""
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)


_second = (0, "")


def micro_time(nanoseconds: int) -> str:
    """A time as Kubernetes writes it to the microsecond; the second's text is kept, as many events share it."""
    global _second
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    known, text = _second
    if known != seconds:
        text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
        _second = (seconds, text)
    return f"{text}.{rest // 1000:06d}Z"
