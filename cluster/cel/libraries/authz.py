"""Questions to the authorizers: `authorizer.group('apps').resource('deployments').namespace('a').check('create').allowed()`.

Upstream: apiserver `pkg/cel/library/authz.go` (Authz, AuthzSelectors).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Final, NoReturn

from msgspec.structs import replace

from cluster.api.authorization import Attributes, Authorizer, Verdict
from cluster.api.selectors import (
    FieldRequirements,
    LabelRequirements,
    asked_fields,
    asked_labels,
    parse_field_selector,
    parse_label_selector,
)
from cluster.api.user import UserInfo, service_account_groups, service_account_name
from cluster.api.validation import name_is_dns_label, name_is_dns_subdomain
from cluster.cel import types
from cluster.cel.costs import LIST_COST, OBJECT_COST
from cluster.cel.estimate_calls import known_size
from cluster.cel.functions import STRING_TRAVERSAL, Bounds, Estimate, Function, Library, Overload, Sized
from cluster.cel.libraries.declaring import member, own_type
from cluster.cel.libraries.library_costs import fixed
from cluster.cel.libraries.strings import trim
from cluster.cel.runtime_types import size_of
from cluster.cel.types import Type
from cluster.cel.values import CelError, Opaque

AUTHORIZER_TYPE: Final = own_type("kubernetes.authorization.Authorizer")
PATH_CHECK_TYPE: Final = own_type("kubernetes.authorization.PathCheck")
GROUP_CHECK_TYPE: Final = own_type("kubernetes.authorization.GroupCheck")
RESOURCE_CHECK_TYPE: Final = own_type("kubernetes.authorization.ResourceCheck")
DECISION_TYPE: Final = own_type("kubernetes.authorization.Decision")

CHECK_COST: Final = 350_000
"""Of a question; an expression has room for two."""
_REQUIREMENT_COST: Final = float(LIST_COST + OBJECT_COST)
_REQUIREMENTS: Final = 0.5
"""How many a selector has at most for each of its characters."""


class _Incomparable(Opaque, frozen=True, eq=False):
    """What has functions only; no two of them can be compared."""

    def __eq__(self, other: object) -> NoReturn:
        raise CelError("no such overload")

    __hash__ = object.__hash__

    def go_type(self) -> str:
        name = self.type_name.rpartition(".")[2]
        return f"library.{name[0].lower()}{name[1:]}Val"


class AuthorizerValue(_Incomparable, frozen=True, eq=False):
    """Who is asked, and about whom: the variable `authorizer`."""

    type_name: ClassVar[str] = AUTHORIZER_TYPE.name
    user: UserInfo
    authorizer: Authorizer


class PathCheck(_Incomparable, frozen=True, eq=False):
    """A question about a path, without its verb."""

    type_name: ClassVar[str] = PATH_CHECK_TYPE.name
    of: AuthorizerValue
    path: str


class GroupCheck(_Incomparable, frozen=True, eq=False):
    type_name: ClassVar[str] = GROUP_CHECK_TYPE.name
    of: AuthorizerValue
    group: str


class ResourceCheck(_Incomparable, frozen=True, eq=False):
    """A question about a resource, without its verb: the variable `authorizer.requestResource`."""

    type_name: ClassVar[str] = RESOURCE_CHECK_TYPE.name
    of: AuthorizerValue
    group: str
    resource: str
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    field_selector: str = ""
    label_selector: str = ""


class DecisionValue(_Incomparable, frozen=True, eq=False):
    type_name: ClassVar[str] = DECISION_TYPE.name
    verdict: Verdict


def path(of: AuthorizerValue, name: str) -> PathCheck:
    if not trim(name):
        raise CelError("path must not be empty")
    return PathCheck(of, name)


def service_account(of: AuthorizerValue, namespace: str, name: str) -> AuthorizerValue:
    if name_is_dns_subdomain(name, False):
        raise CelError("Invalid service account name")
    if name_is_dns_label(namespace, False):
        raise CelError("Invalid service account namespace")
    user = UserInfo(service_account_name(namespace, name), groups=service_account_groups(namespace))
    return AuthorizerValue(user, of.authorizer)


def resource(of: GroupCheck, name: str) -> ResourceCheck:
    if not trim(name):
        raise CelError("resource must not be empty")
    return ResourceCheck(of.of, of.group, name)


def check_path(of: PathCheck, verb: str) -> DecisionValue:
    attributes = Attributes(of.of.user, verb, is_resource=False, path=of.path)
    return DecisionValue(of.of.authorizer.authorize(attributes))


def check_resource(of: ResourceCheck, verb: str) -> DecisionValue:
    attributes = Attributes(
        of.of.user,
        verb,
        namespace=of.namespace,
        api_group=of.group,
        api_version="*",
        resource=of.resource,
        subresource=of.subresource,
        name=of.name,
        field_selector=_fields(of.field_selector),
        label_selector=_labels(of.label_selector),
    )
    return DecisionValue(of.of.authorizer.authorize(attributes))


def _fields(selector: str) -> FieldRequirements:
    """None where it cannot be read, which asks for more."""
    try:
        return asked_fields(parse_field_selector(selector))
    except ValueError:
        return ()


def _labels(selector: str) -> LabelRequirements:
    try:
        return asked_labels(parse_label_selector(selector))
    except ValueError:
        return ()


def _narrowed(name: str, id_: str, to: str) -> Function:
    """A question that says one thing more."""

    def narrowed(of: ResourceCheck, value: str) -> ResourceCheck:
        changes: dict[str, Any] = {to: value}
        return replace(of, **changes)

    return member(name, id_, (RESOURCE_CHECK_TYPE, types.STRING), RESOURCE_CHECK_TYPE, narrowed)


def _read(name: str, result: Type, read: Callable[[Verdict], object]) -> Function:
    return member(name, f"decision_{name}", (DECISION_TYPE,), result, lambda decision: read(decision.verdict))


def _check_cost(_arguments: Sequence[Any], _: Any) -> int:
    return CHECK_COST


def _check(id_: str, of: Type, call: Callable[[Any, str], DecisionValue]) -> Overload:
    return Overload(id_, (of, types.STRING), DECISION_TYPE, call, member=True, estimate=fixed(CHECK_COST))


AUTHZ: Final = Library(
    "kubernetes.authz",
    functions=(
        member("path", "authorizer_path", (AUTHORIZER_TYPE, types.STRING), PATH_CHECK_TYPE, path),
        member("group", "authorizer_group", (AUTHORIZER_TYPE, types.STRING), GROUP_CHECK_TYPE, GroupCheck),
        member(
            "serviceAccount",
            "authorizer_serviceaccount",
            (AUTHORIZER_TYPE, types.STRING, types.STRING),
            AUTHORIZER_TYPE,
            service_account,
        ),
        member("resource", "groupcheck_resource", (GROUP_CHECK_TYPE, types.STRING), RESOURCE_CHECK_TYPE, resource),
        _narrowed("subresource", "resourcecheck_subresource", "subresource"),
        _narrowed("namespace", "resourcecheck_namespace", "namespace"),
        _narrowed("name", "resourcecheck_name", "name"),
        Function(
            "check",
            (_check("pathcheck_check", PATH_CHECK_TYPE, check_path), _check("resourcecheck_check", RESOURCE_CHECK_TYPE, check_resource)),
            _check_cost,
        ),
        _read("errored", types.BOOL, lambda verdict: bool(verdict.error)),
        _read("error", types.STRING, lambda verdict: verdict.error),
        _read("allowed", types.BOOL, lambda verdict: verdict.allowed),
        _read("reason", types.STRING, lambda verdict: verdict.reason),
    ),
    since=27,
)


def _selector_cost(length: Bounds) -> Bounds:
    """Reading a selector, and making a list of as many requirements as it may have."""
    requirements = length.scaled(_REQUIREMENTS).scaled(_REQUIREMENT_COST)
    return Bounds(LIST_COST, LIST_COST) + length.scaled(STRING_TRAVERSAL) + requirements


def _selecting_cost(arguments: Sequence[Any], _: Any) -> int:
    length = size_of(arguments[1])
    return _selector_cost(Bounds(length, length)).most


def _selecting_estimate(_: Sized | None, arguments: Sequence[Sized]) -> Estimate:
    return Estimate(_selector_cost(known_size(arguments[0])))


def _selecting(name: str, id_: str, to: str) -> Function:
    narrowed = _narrowed(name, id_, to)
    return Function(name, (replace(narrowed.overloads[0], estimate=_selecting_estimate),), _selecting_cost)


AUTHZ_SELECTORS: Final = Library(
    "kubernetes.authzSelectors",
    functions=(
        _selecting("fieldSelector", "authorizer_fieldselector", "field_selector"),
        _selecting("labelSelector", "authorizer_labelselector", "label_selector"),
    ),
    since=31,
)
"""Which an environment has that has the other one, and whose cluster narrows questions by selectors."""
