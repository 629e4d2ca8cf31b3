"""Acting as someone else: the Impersonate-* headers, each part authorized.

Upstream: apiserver `pkg/endpoints/filters/impersonation`.  The constrained modes come first: there, one must be allowed both to be
the other (verb `impersonate:<mode>`) and to do this very thing as the other (`impersonate-on:<mode>:<verb>`).  The legacy mode,
verb `impersonate`, comes last.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple

from msgspec import Struct
from msgspec import field as member
from msgspec.structs import replace

from cluster.api import field
from cluster.api.authorization import Attributes, Authorizer, Verdict
from cluster.api.errors import BadRequest, Forbidden
from cluster.api.field import quoted
from cluster.api.user import (
    ANONYMOUS,
    AUTHENTICATED,
    MASTERS,
    NODE_PREFIX,
    NODES,
    UNAUTHENTICATED,
    UserInfo,
    service_account_groups,
    split_service_account,
)
from cluster.api.validation import is_dns1123_subdomain, regex_error
from rbac.authn.errors import aggregate
from rbac.authn.request_headers import extra_key
from rbac.authz.messages import forbidden
from rbac.lru_cache import LruCache

USER: Final = "impersonate-user"
GROUP: Final = "impersonate-group"
UID: Final = "impersonate-uid"
EXTRA: Final = "impersonate-extra-"
_AUTHENTICATION: Final = "authentication.k8s.io"
_PATH: Final = re.compile(r"[A-Za-z0-9/\-._~%!$&'()*+,;=:]+")
_NODE_NAME: Final = "authentication.kubernetes.io/node-name"
_MANY: Final = 4
"""From so many groups or extra values on, a constrained mode asks about all at once first."""


Checked = Callable[[str, bool], None]
"""Told of each question to the authorizers: its mode, empty for the legacy one, and whether that was allowed."""


def uncounted(mode: str, allowed: bool) -> None:
    """For questions that nobody counts."""


class Impersonation(Struct, frozen=True):
    """Whom a request asks to be; groups in the order given, extra keys in lower case."""

    user: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: Mapping[str, tuple[str, ...]] = member(default_factory=dict)

    @property
    def only_user(self) -> bool:
        return not (self.groups or self.uid or self.extra)


def parse(headers: Iterable[tuple[str, str]]) -> Impersonation | None:
    """What the headers ask for; None where they ask for nothing.  BadRequest for a group, uid or extra without a user.

    Of a user or uid that is named several times, the first counts.
    """
    user: str | None = None
    uid: str | None = None
    groups: list[str] = []
    extra: dict[str, tuple[str, ...]] = {}
    for name, value in headers:
        lowered = name.lower()
        if lowered == USER:
            user = value if user is None else user
        elif lowered == UID:
            uid = value if uid is None else uid
        elif lowered == GROUP:
            groups.append(value)
        elif lowered.startswith(EXTRA):
            key = extra_key(lowered[len(EXTRA) :])
            extra[key] = (*extra.get(key, ()), value)
    if user:
        return Impersonation(user, tuple(groups), uid or "", extra)
    if uid or groups or extra:
        raise BadRequest(f"requested {_shown(uid or '', groups, extra)} without impersonating a user name")
    return None


def _shown(uid: str, groups: list[str], extra: Mapping[str, tuple[str, ...]]) -> str:
    """The request as upstream's message prints its structure."""

    def strings(values: Iterable[str]) -> str:
        return "[]string{" + ", ".join(map(quoted, values)) + "}"

    shown_groups = strings(groups) if groups else "[]string(nil)"
    shown_extra = "map[string][]string(nil)"
    if extra:
        shown_extra = "map[string][]string{" + ", ".join(f"{quoted(key)}:{strings(extra[key])}" for key in sorted(extra)) + "}"
    return f'&user.DefaultInfo{{Name:"", UID:{quoted(uid)}, Groups:{shown_groups}, Extra:{shown_extra}}}'


class Impersonated(NamedTuple):
    """Who acts; `constraint` is the verb of the constrained mode that allowed it, empty for the legacy one."""

    user: UserInfo
    constraint: str


class Impersonator:
    """Says who a requester becomes.  It remembers the mode that last worked for a requester, and tries that one first."""

    def __init__(self, authorizer: Authorizer, checked: Checked = uncounted) -> None:
        asked = _Asked(authorizer, checked)
        self._modes = (_AssociatedNode(asked), _ArbitraryNode(asked), _ServiceAccount(asked), _Person(asked))
        self._legacy = _Mode(asked, "", "impersonate")
        self._last: LruCache[str, _Mode] = LruCache(10_000)

    def impersonate(self, asked: Impersonation, question: Attributes) -> Impersonated:
        """Whom to act as; `question` is the request as its real user would have it authorized.

        Forbidden, as the first mode that applies puts it, where no mode allows it.
        """
        requester = question.user
        last = self._last.get(requester.name)
        refusal: Forbidden | None = None
        for mode in ([last] if last else []) + [each for each in (*self._modes, self._legacy) if each is not last]:
            if not mode.applies(requester, asked):
                continue
            try:
                became = mode.become(requester, asked, question)
            except Forbidden as error:
                refusal = refusal or error
                continue
            self._last.put(requester.name, mode)
            return Impersonated(became, mode.constraint)
        assert refusal is not None  # the legacy mode always applies
        raise refusal


class _Asked:
    """The authorizer, and who is told what it was asked."""

    def __init__(self, authorizer: Authorizer, checked: Checked) -> None:
        self._authorizer = authorizer
        self._checked = checked

    def authorize(self, attributes: Attributes) -> Verdict:
        verdict = self._authorizer.authorize(attributes)
        self._checked(attributes.verb.partition(":")[2].partition(":")[0], verdict.allowed)
        return verdict


class _Mode:
    """One way to be allowed; without a name it is the legacy one."""

    def __init__(self, authorizer: _Asked, name: str, verb: str) -> None:
        self._authorizer = authorizer
        self._name = name
        self._verb = verb
        self._group = _AUTHENTICATION if name else ""
        self.constraint = verb if name else ""

    def applies(self, requester: UserInfo, asked: Impersonation) -> bool:  # noqa: ARG002 - modes differ in what they look at
        return True

    def as_asked(self, requester: UserInfo) -> UserInfo:
        """The requester as authorizers see them."""
        return requester

    def become(self, requester: UserInfo, asked: Impersonation, question: Attributes) -> UserInfo:
        requester = self.as_asked(requester)
        if self._name:
            self._check(replace(question, user=requester, verb=f"impersonate-on:{self._name}:{question.verb}"))
        groups = self._check_user(requester, asked)
        if asked.uid:
            self._check(self._part(requester, "uids", asked.uid, group=_AUTHENTICATION))
        self._check_groups(requester, asked.groups)
        self._check_extra(requester, asked.extra)
        if asked.user == ANONYMOUS:
            groups = groups if UNAUTHENTICATED in groups else (*groups, UNAUTHENTICATED)
        elif AUTHENTICATED not in groups and UNAUTHENTICATED not in groups:
            groups = (*groups, AUTHENTICATED)
        return UserInfo(asked.user, asked.uid, groups, asked.extra)

    def _check_user(self, requester: UserInfo, asked: Impersonation) -> tuple[str, ...]:
        """The groups that the user gets."""
        account, node = split_service_account(asked.user), node_of(asked.user)
        if account is not None:
            self._check(self._part(requester, "serviceaccounts", account[1], group=self._group, namespace=account[0]))
            return asked.groups or service_account_groups(account[0])
        if self._name and node is not None:
            self._check(self._part(requester, "nodes", self.node_name(node), group=self._group))
            return (NODES,)
        self._check(self._part(requester, "users", asked.user, group=self._group))
        return asked.groups

    def node_name(self, node: str) -> str:
        """The name by which authorizers are asked about a node."""
        return node

    def _check_groups(self, requester: UserInfo, groups: tuple[str, ...]) -> None:
        question = self._part(requester, "groups", "", group=self._group)
        if self._name and "" in groups:
            raise forbidden(question, "impersonating the empty string group is not allowed")
        if self._name and MASTERS in groups:
            raise forbidden(replace(question, name=MASTERS), "impersonating the system:masters group is not allowed")
        if self._name and len(groups) >= _MANY and self._authorizer.authorize(replace(question, name="*")).allowed:
            return
        for group in groups:
            self._check(replace(question, name=group))

    def _check_extra(self, requester: UserInfo, extra: Mapping[str, tuple[str, ...]]) -> None:
        question = self._part(requester, "userextras", "", group=_AUTHENTICATION)
        fault = next(filter(None, (_extra_fault(key, values) for key, values in extra.items())), "") if self._name else ""
        if fault:
            raise forbidden(question, fault)
        if self._name and sum(map(len, extra.values())) >= _MANY:
            everything = replace(question, subresource="*", name="*")
            if self._authorizer.authorize(everything).allowed:
                return
        for key, values in extra.items():
            for value in values:
                self._check(replace(question, subresource=key, name=value))

    def _part(self, requester: UserInfo, resource: str, name: str, *, group: str, namespace: str = "") -> Attributes:
        return Attributes(requester, self._verb, namespace, group, "v1", resource, "", name)

    def _check(self, question: Attributes) -> None:
        verdict = self._authorizer.authorize(question)
        if not verdict.allowed:
            raise forbidden(question, ": ".join(filter(None, (verdict.error, verdict.reason))))


class _Constrained(_Mode):
    mode = ""

    def __init__(self, authorizer: _Asked) -> None:
        super().__init__(authorizer, self.mode, f"impersonate:{self.mode}")


class _AssociatedNode(_Constrained):
    """A service account becomes the node that its pod runs on, whichever that is."""

    mode = "associated-node"

    def applies(self, requester: UserInfo, asked: Impersonation) -> bool:
        node = node_of(asked.user)
        own = requester.extra.get(_NODE_NAME)
        return asked.only_user and node is not None and split_service_account(requester.name) is not None and own == (node,)

    def as_asked(self, requester: UserInfo) -> UserInfo:
        return replace(requester, extra={"authentication.kubernetes.io/associated-node-keys": tuple(sorted(requester.extra))})

    def node_name(self, node: str) -> str:  # noqa: ARG002 - right for one node is right for all
        return "*"


class _ArbitraryNode(_Constrained):
    mode = "arbitrary-node"

    def applies(self, requester: UserInfo, asked: Impersonation) -> bool:  # noqa: ARG002
        return asked.only_user and node_of(asked.user) is not None


class _ServiceAccount(_Constrained):
    mode = "serviceaccount"

    def applies(self, requester: UserInfo, asked: Impersonation) -> bool:  # noqa: ARG002
        return asked.only_user and split_service_account(asked.user) is not None


class _Person(_Constrained):
    mode = "user-info"

    def applies(self, requester: UserInfo, asked: Impersonation) -> bool:  # noqa: ARG002
        return node_of(asked.user) is None and split_service_account(asked.user) is None


def node_of(user_name: str) -> str | None:
    """The node of a user name `system:node:<name>`; None for any other."""
    name = user_name.removeprefix(NODE_PREFIX)
    return name if name != user_name and not is_dns1123_subdomain(name) else None


def _extra_fault(key: str, values: tuple[str, ...]) -> str:
    if not key:
        return "impersonating the empty string key in extra is not allowed"
    errors = [field.invalid("extra.key", value, why) for value, why in _path_faults(key)]
    if errors:
        return f"impersonating an invalid key in extra is not allowed: {aggregate(map(str, errors))}"
    if key != key.lower():
        return f"impersonating a non-lowercase key in extra is not allowed: {quoted(key)}"
    return "impersonating the empty string value in extra is not allowed" if "" in values else ""


def _path_faults(key: str) -> Iterable[tuple[str, str]]:
    """What is wrong with a domain-prefixed path, part by part."""
    domain, _, path = key.partition("/")
    if not domain or not path:
        yield key, 'must be a domain-prefixed path (such as "acme.io/foo")'
        return
    for why in is_dns1123_subdomain(domain):
        yield domain, why
    if not _PATH.fullmatch(path):
        yield path, regex_error("Invalid path", _PATH.pattern)
