"""Query parameters and option bodies as the values that verbs take.

Upstream: apimachinery `pkg/apis/meta/v1/validation/validation.go`, `pkg/apis/meta/internalversion/validation`.
"""

from __future__ import annotations

import random
from typing import Any, Final

from cluster.api.errors import BadRequest, Invalid
from cluster.api.field import FieldError, forbidden, invalid, not_supported
from cluster.api.names import GroupKind, Object
from cluster.api.validation import validate_field_manager
from cluster.registry.delete import DeleteOptions
from cluster.registry.read import EXACT, ListOptions
from cluster.registry.registry import IGNORE, STRICT, WARN, Call
from cluster.registry.watch import WatchOptions
from cluster.server.context import Context

_META: Final = "meta.k8s.io"
_FALSE: Final = ("false", "0")
NOT_OLDER: Final = "NotOlderThan"
WATCH_SECONDS: Final = 1800.0


def boolean(context: Context, name: str) -> bool | None:
    """As upstream converts a query's boolean; None where it isn't there."""
    value = context.query.get(name)
    return None if value is None else value.lower() not in _FALSE


def integer(context: Context, name: str) -> int | None:
    value = context.query.get(name)
    if not value:
        return None
    try:
        number = int(value)
    except ValueError:
        number = 2**64
    if not -(2**63) <= number < 2**63 or not value.lstrip("+-").isascii() or "_" in value:
        raise BadRequest(f'strconv.ParseInt: parsing "{value}": invalid syntax')
    return number


def call_of(context: Context, options: Object, dry_run: bool, validation: str = STRICT) -> Call:
    """The Call of a request; what admission warns and tells the audit event goes where the request's does."""
    return Call(
        context.user,
        options,
        dry_run,
        validation,
        context.warnings,
        annotations=context.annotations,
        request_annotations=context.request_annotations,
        observer=context.observer,
        deadline=context.deadline,
    )


def write_call(context: Context, kind: str, *, default_validation: str = WARN) -> Call:
    """The Call of a create, update or patch (`kind` names the options); Invalid for options that are not good."""
    options: Object = {"kind": kind, "apiVersion": f"{_META}/v1"}
    query = context.query
    if not query:
        return call_of(context, options, False, default_validation)
    errors: list[FieldError] = []
    dry_run = query.getlist("dryRun") if "dryRun" in query else None
    if dry_run:
        errors += _dry_run_errors(dry_run)
    validation = query.get("fieldValidation") or default_validation
    if validation not in (IGNORE, WARN, STRICT):
        errors.append(not_supported("fieldValidation", validation, ["", IGNORE, WARN, STRICT]))
    manager = query.get("fieldManager") if "fieldManager" in query else None
    if manager:
        errors += validate_field_manager(manager, "fieldManager")
    if "force" in query and kind == "PatchOptions":
        errors.append(forbidden("force", "may not be specified for non-apply patch"))
    if errors:
        _raise(kind, errors)
    if dry_run:
        options["dryRun"] = dry_run
    if manager:
        options["fieldManager"] = manager
    if "fieldValidation" in query:
        options["fieldValidation"] = validation
    return call_of(context, options, bool(dry_run), validation)


def _dry_run_errors(values: Any) -> list[FieldError]:
    known = isinstance(values, list) and all(value == "All" for value in values)
    return [] if known else [not_supported("dryRun", values, ["All"])]


def _raise(kind: str, errors: list[FieldError]) -> None:
    if errors:
        raise Invalid.of(GroupKind(_META, kind), "", errors)


def revision_of(value: str | None) -> int | None:
    """A resourceVersion as a number, None for none; BadRequest for what is no number."""
    if not value:
        return None
    if not (value.isascii() and value.isdigit()) or int(value) >= 2**63:
        raise BadRequest(str(invalid("resourceVersion", value, f'strconv.ParseUint: parsing "{value}": invalid syntax')))
    return int(value)


def list_options(context: Context) -> ListOptions:
    query = context.query
    if not query:
        return ListOptions()
    match, version, token = query.get("resourceVersionMatch") or "", query.get("resourceVersion") or "", query.get("continue") or ""
    errors: list[FieldError] = []
    where = "resourceVersionMatch"
    if match:
        if not version:
            errors.append(forbidden(where, "resourceVersionMatch is forbidden unless resourceVersion is provided"))
        if token:
            errors.append(forbidden(where, "resourceVersionMatch is forbidden when continue is provided"))
        if match not in (EXACT, NOT_OLDER):
            errors.append(not_supported(where, match, [EXACT, NOT_OLDER, ""]))
        if match == EXACT and version == "0":
            errors.append(forbidden(where, 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'))
    if boolean(context, "sendInitialEvents") is not None:
        errors.append(forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list"))
    _raise("ListOptions", errors)
    if token and version not in ("", "0"):
        raise BadRequest("specifying resource version is not allowed when using continue")
    return ListOptions(revision_of(version), match, max(0, integer(context, "limit") or 0), token)


def watch_options(context: Context) -> WatchOptions:
    query = context.query
    match, version = query.get("resourceVersionMatch") or "", query.get("resourceVersion") or ""
    initial = boolean(context, "sendInitialEvents")
    errors: list[FieldError] = []
    where = "resourceVersionMatch"
    if initial is not None and match != NOT_OLDER:
        errors.append(forbidden(where, f"sendInitialEvents requires setting resourceVersionMatch to {NOT_OLDER}"))
    if match:
        if initial is None:
            errors.append(forbidden(where, "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"))
        if match != NOT_OLDER:
            errors.append(not_supported(where, match, [NOT_OLDER]))
        if query.get("continue"):
            errors.append(forbidden(where, "resourceVersionMatch is forbidden when continue is provided"))
    _raise("ListOptions", errors)
    timeout = float(integer(context, "timeoutSeconds") or 0)
    return WatchOptions(
        revision_of(version),
        timeout if timeout > 0 else WATCH_SECONDS * (1 + random.random()),  # noqa: S311 - spreads reconnects
        bool(boolean(context, "allowWatchBookmarks")),
        initial,
    )


def delete_options(context: Context, body: Object | None) -> tuple[DeleteOptions, Object, bool]:
    """(options, as admission sees them, dry run) from the body, or from the query where there is none."""
    given = body if body is not None else _options_of_query(context)
    errors: list[FieldError] = []
    propagation, orphan = given.get("propagationPolicy"), given.get("orphanDependents")
    if propagation is not None and orphan is not None:
        errors.append(invalid("propagationPolicy", propagation, "orphanDependents and deletionPropagation cannot be both set"))
    if propagation is not None and propagation not in ("Orphan", "Background", "Foreground"):
        errors.append(not_supported("propagationPolicy", propagation, ["Foreground", "Background", "Orphan"]))
    dry_run = given.get("dryRun") or []
    errors += _dry_run_errors(dry_run)
    _raise("DeleteOptions", errors)
    grace, preconditions = given.get("gracePeriodSeconds"), given.get("preconditions") or {}
    for value, kinds in ((grace, int), (preconditions, dict), (orphan, bool)):
        if value is not None and (not isinstance(value, kinds) or (kinds is int and isinstance(value, bool))):
            raise BadRequest("the delete options are not of the type DeleteOptions")
    options = DeleteOptions(grace, preconditions.get("uid"), preconditions.get("resourceVersion"), propagation, orphan)
    shown = {"kind": "DeleteOptions", "apiVersion": f"{_META}/v1"} | {
        key: value for key, value in given.items() if key not in ("kind", "apiVersion")
    }
    return options, shown, bool(dry_run)


def _options_of_query(context: Context) -> Object:
    given: Object = {}
    grace, orphan = integer(context, "gracePeriodSeconds"), boolean(context, "orphanDependents")
    if grace is not None:
        given["gracePeriodSeconds"] = grace
    if orphan is not None:
        given["orphanDependents"] = orphan
    if context.query.get("propagationPolicy"):
        given["propagationPolicy"] = context.query.first("propagationPolicy")
    if context.query.getlist("dryRun"):
        given["dryRun"] = context.query.getlist("dryRun")
    return given
