"""The shape of a kind: identity, which is data, and Strategy, which is a value of small functions.

Upstream: apiserver `pkg/registry/rest` (create.go, update.go, delete.go) runs a strategy in the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

from msgspec import Struct, field

from cluster.api.field import FieldError
from cluster.api.names import GroupResource, GroupVersionKind, GroupVersionResource, Object
from cluster.api.user import UserInfo

Default = Callable[[Object], None]
Validate = Callable[[Object], list[FieldError]]
ValidateUpdate = Callable[[Object, Object], list[FieldError]]
Cells = Callable[[Object], list[Any]]


def nothing(obj: Object) -> None:
    """Changes nothing."""


def nothing_from(obj: Object, old: Object) -> None:
    """Changes nothing."""


def no_errors(obj: Object) -> list[FieldError]:
    return []


def no_update_errors(obj: Object, old: Object) -> list[FieldError]:
    return []


def no_warnings(obj: Object, old: Object | None) -> list[str]:
    return []


class Asker(Struct, frozen=True):
    """Who updates, with which verb (`update` or `patch`), and what they may do to the same kind otherwise."""

    user: UserInfo
    verb: str
    namespace: str
    refusal: Callable[[str, str, str, str], str]
    """(verb, subresource, namespace, name) to the text of a 403; empty where it is allowed."""


def no_authorization(obj: Object, old: Object, asker: Asker) -> list[FieldError]:
    return []


class SubresourceStrategy(Struct, frozen=True):
    """How an update through a subresource (`status`, `resize`, ...) differs from one of the main resource.

    `prepare_for_update(obj, old)` resets in `obj` what this endpoint may not change; `validate_update(obj, old)` judges the rest;
    `authorize_update` asks for more than the right to the subresource, where what changes calls for it.
    """

    prepare_for_update: Callable[[Object, Object], None]
    validate_update: ValidateUpdate = no_update_errors
    authorize_update: Callable[[Object, Object, Asker], list[FieldError]] = no_authorization


class Strategy(Struct, frozen=True):
    """What a kind adds to the generic verbs.  All functions are pure but for the object that they are given first.

    Order on create: default, prepare_for_create, mutating admission, default, validate (with the generic metadata rules).
    On update: default, prepare_for_update (generic: status kept when the kind has a status subresource, generation raised when
    anything but metadata and status changed), validate_update.  `validate` is not run on update unless `validate_update` does it.
    """

    default: Default = nothing
    prepare_for_create: Default = nothing
    prepare_with_user: Callable[[Object, UserInfo], None] | None = None
    """For kinds that record who created them (certificate signing requests): runs on create, after prepare_for_create."""
    prepare_for_update: Callable[[Object, Object], None] = nothing_from
    validate: Validate = no_errors
    validate_update: ValidateUpdate = no_update_errors
    warnings: Callable[[Object, Object | None], list[str]] = no_warnings
    validate_name: Callable[[str, bool], list[str]] | None = None
    """(name, is generateName prefix) to messages; None: DNS-1123 subdomain, upstream's usual rule."""
    subresources: Mapping[str, SubresourceStrategy] = field(default_factory=dict)
    selectable_fields: Mapping[str, Callable[[Object], str]] = field(default_factory=dict)
    """Field selectors beyond metadata.name and metadata.namespace, e.g. `spec.nodeName`."""
    cells: Cells | None = None
    """The cells of a Table row, by the kind's columns; None: name and age, the rest from nowhere."""
    row_conditions: Callable[[Object], list[Object]] | None = None
    """The conditions of a Table row, for kinds whose rows can be done."""
    allow_create_on_update: bool = False
    allow_unconditional_update: bool = True
    has_generation: bool = True
    grace_period: Callable[[Object, int | None], int] | None = None
    """For kinds that are deleted gracefully: (object, seconds asked for) to seconds; 0 deletes at once."""
    prepare_for_delete: Callable[[Object, int], None] = lambda obj, seconds: None
    default_finalizers: Sequence[str] = ()


class Column(Struct, frozen=True):
    """A column of the kind's Table."""

    name: str
    type: str
    format: str
    priority: int
    description: str = ""


class Subresource(Struct, frozen=True):
    """A subresource as discovery names it; group and version are those of its own kind, e.g. autoscaling/v1 Scale."""

    name: str
    kind: GroupVersionKind
    verbs: tuple[str, ...]


class Kind(Struct, frozen=True, eq=False, dict=True):
    """A served resource of one API version.  `storage` names where its objects live; versions of one kind share it."""

    gvk: GroupVersionKind
    resource: GroupVersionResource
    singular: str
    namespaced: bool
    verbs: tuple[str, ...]
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: Mapping[str, Subresource] = field(default_factory=dict)
    columns: tuple[Column, ...] = ()
    load: Callable[[], Strategy] = Strategy
    """Of the strategy, when it is first asked for: start-up imports no kind's file."""
    storage: GroupResource = GroupResource("", "")

    @cached_property
    def strategy(self) -> Strategy:
        return self.load()

    @property
    def list_kind(self) -> str:
        return self.gvk.kind + "List"
