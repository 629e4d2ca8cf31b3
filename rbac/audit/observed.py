"""What a subject was seen to do: the requests that an audit log shows, as authorization was asked about them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

from msgspec import Struct, field

from cluster.api.authorization import Attributes
from cluster.api.names import Object
from cluster.api.requestinfo import UnknownPath, parse
from cluster.api.subjects import parse_subject, shown_subject
from cluster.api.user import (
    AUTHENTICATED,
    SERVICE_ACCOUNTS,
    UNAUTHENTICATED,
    UserInfo,
    service_account_name,
    split_service_account,
)
from rbac.audit.model import ALLOW, DECISION

_NAMELESS: Final = frozenset({"create", "deletecollection"})
_SELECTED: Final = frozenset({"list", "watch"})
_STREAMS: Final = frozenset({"attach", "exec", "portforward"})
_AUTHENTICATION: Final = "authentication.k8s.io"


class Request(Struct, frozen=True, order=True):
    """One question that authorization answered with yes; `resource` is `pods` or `pods/log`, `path` stands alone."""

    namespace: str = ""
    group: str = ""
    resource: str = ""
    verb: str = ""
    name: str = ""
    path: str = ""

    def attributes(self) -> Attributes:
        """The question itself; whose it was is left open."""
        if self.path:
            return Attributes(UserInfo(""), self.verb, is_resource=False, path=self.path)
        resource, _, subresource = self.resource.partition("/")
        return Attributes(UserInfo(""), self.verb, self.namespace, self.group, "", resource, subresource, self.name)


class Subject(Struct, frozen=True):
    """Of whom the log is asked; `kind` is User, Group or ServiceAccount."""

    kind: str
    name: str
    namespace: str = ""

    @property
    def user_name(self) -> str:
        """The name by which requests are known, empty for a group."""
        if self.kind == "ServiceAccount":
            return service_account_name(self.namespace, self.name)
        return self.name if self.kind == "User" else ""

    def is_meant(self, user: Object) -> bool:
        return self.name in (user.get("groups") or ()) if self.kind == "Group" else user.get("username") == self.user_name

    def reference(self) -> Object:
        """As a binding names it."""
        if self.kind == "ServiceAccount":
            return {"kind": self.kind, "name": self.name, "namespace": self.namespace}
        return {"apiGroup": "rbac.authorization.k8s.io", "kind": self.kind, "name": self.name}

    def __str__(self) -> str:
        return shown_subject(self.reference())


def subject_of(text: str) -> Subject:
    """See `cluster.api.subjects`; a service account may also be named as the user that it is.  ValueError."""
    found = parse_subject(text)
    account = split_service_account(found["name"]) if found["kind"] == "User" else None
    if account is not None:
        return Subject("ServiceAccount", account[1], account[0])
    return Subject(found["kind"], found["name"], found.get("namespace", ""))


class Observed(Struct):
    """What was seen of a subject: its requests, the groups that it was in, and how many events told of it."""

    requests: set[Request] = field(default_factory=set)
    groups: set[str] = field(default_factory=set)
    events: int = 0
    constrained: int = 0
    """Events of constrained impersonation, whose rights no role here covers."""


def observe(events: Iterable[Object], subject: Subject, namespace: str = "") -> Observed:
    """What the events tell of a subject, in one namespace where that is given."""
    found = Observed()
    for event in events:
        user, acting = event.get("user") or {}, event.get("impersonatedUser") or {}
        requests: list[Request] = []
        if subject.is_meant(acting or user) and (event.get("annotations") or {}).get(DECISION) == ALLOW:
            requests += requests_of(event)
            found.groups.update((acting or user).get("groups") or ())
        if acting and subject.is_meant(user):
            if event.get("authenticationMetadata"):
                found.constrained += 1
            else:
                requests += _impersonation(acting)
                found.groups.update(user.get("groups") or ())
        requests = [each for each in requests if (not namespace or each.namespace == namespace) and not _is_wild(each)]
        found.events += bool(requests)
        found.requests.update(requests)
    return found


def requests_of(event: Object) -> Iterator[Request]:
    """What authorization was asked of the event's request.  Its URL tells, as it told the API server; the reference may tell more."""
    verb = str(event.get("verb", ""))
    url = urlsplit(str(event.get("requestURI", "")))
    path = unquote(url.path)
    query = parse_qs(url.query, keep_blank_values=True)
    try:
        info = parse("GET", path, lambda name: query.get(name, [None])[0])
    except UnknownPath:
        return
    if not info.is_resource or not event.get("objectRef"):
        yield Request(verb=verb, path=path)
        return
    resource = f"{info.resource}/{info.subresource}" if info.subresource else info.resource
    named = len(info.parts) > 1 or verb in _SELECTED
    name = info.name if named and not (verb in _NAMELESS and not info.subresource) else ""
    yield Request(info.namespace, info.group, resource, verb, name)
    if verb == "get" and info.subresource in _STREAMS:  # an upgrade needs the right to create, too
        yield Request(info.namespace, info.group, resource, "create", name)


def _is_wild(request: Request) -> bool:
    """Whether it asked for something called `*`: there is no such thing, and a rule that names it would grant everything."""
    return "*" in (request.verb, request.group, *request.resource.split("/")) or request.path.endswith("*")


def _impersonation(acting: Object) -> Iterator[Request]:
    """The rights to act as someone, each part for itself."""
    name = str(acting.get("username", ""))
    account = split_service_account(name)
    if account is not None:
        yield Request(account[0], "", "serviceaccounts", "impersonate", account[1])
    else:
        yield Request("", "", "users", "impersonate", name)
    given = {AUTHENTICATED, UNAUTHENTICATED}
    if account is not None:
        given |= {SERVICE_ACCOUNTS, f"{SERVICE_ACCOUNTS}:{account[0]}"}
    for group in acting.get("groups") or ():
        if group not in given:
            yield Request("", "", "groups", "impersonate", group)
    if acting.get("uid"):
        yield Request("", _AUTHENTICATION, "uids", "impersonate", acting["uid"])
    for key, values in (acting.get("extra") or {}).items():
        for value in values:
            yield Request("", _AUTHENTICATION, f"userextras/{key}", "impersonate", value)
