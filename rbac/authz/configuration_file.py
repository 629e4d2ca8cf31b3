"""The AuthorizationConfiguration file: which authorizers are asked, in which order.

Upstream: apiserver `pkg/apis/apiserver/{v1,load,validation}`, `pkg/kubeapiserver/authorizer/config.go`.
ABAC is refused by name, for nothing here judges by it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Sequence
from typing import Final

from cluster.api import field
from cluster.api.durations import format_duration, parse_duration
from cluster.api.field import FieldError
from cluster.api.names import Object
from cluster.api.validation import is_dns1123_subdomain
from cluster.schema.configuration import FLAG, TEXT, definitions, list_of, load_configuration, reference
from rbac.authz.configuration import (
    DENY,
    MAX_TIMEOUT,
    NO_ABAC,
    NO_OPINION,
    REVIEW_VERSIONS,
    TYPES,
    WEBHOOK,
    AuthorizerConfiguration,
    BadConfiguration,
    Configuration,
    WebhookConfiguration,
)
from rbac.authz.match_conditions import environment
from rbac.authz.union import aggregated
from rbac.expressions import Compiler

_MAX_CONDITIONS: Final = 64
_STRUCTS: Final = {
    "AuthorizationConfiguration": {"authorizers": list_of("AuthorizerConfiguration")},
    "AuthorizerConfiguration": {"type": TEXT, "name": TEXT, "webhook": reference("WebhookConfiguration")},
    "WebhookConfiguration": {
        "authorizedTTL": TEXT,
        "cacheAuthorizedRequests": FLAG,
        "unauthorizedTTL": TEXT,
        "cacheUnauthorizedRequests": FLAG,
        "timeout": TEXT,
        "subjectAccessReviewVersion": TEXT,
        "matchConditionSubjectAccessReviewVersion": TEXT,
        "failurePolicy": TEXT,
        "connectionInfo": reference("WebhookConnectionInfo"),
        "matchConditions": list_of("WebhookMatchCondition"),
    },
    "WebhookConnectionInfo": {"type": TEXT, "kubeConfigFile": TEXT},
    "WebhookMatchCondition": {"expression": TEXT},
}
_KIND: Final = "AuthorizationConfiguration"
_VERSIONS: Final = tuple(definitions("apiserver.config.k8s.io", version, (_KIND,), _STRUCTS) for version in ("v1", "v1beta1", "v1alpha1"))


def parse(data: bytes, required: Collection[str] = ()) -> Configuration:
    """The configuration in YAML or JSON, which must have the `required` types; BadConfiguration with all that is wrong."""
    try:
        document = load_configuration(data, _KIND, _VERSIONS)
        authorizers = [_with_defaults(each or {}) for each in document.get("authorizers") or ()]
    except ValueError as error:
        raise BadConfiguration(f"failed to load AuthorizationConfiguration from file: {error}") from None
    compiler = Compiler(environment)
    errors = _validate(authorizers, compiler)
    if errors:
        raise BadConfiguration(aggregated([str(each) for each in errors]))
    problems = [
        f"expected name {each['type'].lower()} for authorizer {each['type']} instead of {each['name']}"
        for each in authorizers
        if each["type"] != WEBHOOK and each["name"] != each["type"].lower()
    ]
    missing = sorted(set(required) - {each["type"] for each in authorizers})
    if missing:
        problems.append(f"missing required types: [{' '.join(missing)}]")
    if problems:
        raise BadConfiguration(aggregated(problems))
    return tuple(AuthorizerConfiguration(each["type"], each["name"], _webhook(each.get("webhook"), compiler)) for each in authorizers)


def _with_defaults(authorizer: Object) -> Object:
    """Absent strings are empty, durations are seconds, lifetimes and caching have their defaults; ValueError for a bad duration."""
    made: Object = {"type": authorizer.get("type") or "", "name": authorizer.get("name") or ""}
    given = authorizer.get("webhook")
    if given is not None:
        webhook: Object = {name: given.get(name) or "" for name in _TEXTS}
        for name, default in _DURATIONS.items():
            webhook[name] = (parse_duration(given[name]) if given.get(name) is not None else 0.0) or default
        for name in ("cacheAuthorizedRequests", "cacheUnauthorizedRequests"):
            webhook[name] = given.get(name) is not False
        webhook["connectionInfo"] = given.get("connectionInfo") or {}
        webhook["matchConditions"] = [(each or {}).get("expression") or "" for each in given.get("matchConditions") or ()]
        made["webhook"] = webhook
    return made


_TEXTS: Final = ("subjectAccessReviewVersion", "matchConditionSubjectAccessReviewVersion", "failurePolicy")
_DURATIONS: Final = {"authorizedTTL": 300.0, "unauthorizedTTL": 30.0, "timeout": 0.0}


def _webhook(given: Object | None, compiler: Compiler) -> WebhookConfiguration | None:
    if given is None:
        return None
    return WebhookConfiguration(
        kubeconfig=given["connectionInfo"]["kubeConfigFile"],
        version=given["subjectAccessReviewVersion"],
        authorized_ttl=given["authorizedTTL"] if given["cacheAuthorizedRequests"] else 0.0,
        unauthorized_ttl=given["unauthorizedTTL"] if given["cacheUnauthorizedRequests"] else 0.0,
        timeout=given["timeout"],
        failure_policy=given["failurePolicy"],
        match_conditions=tuple(compiler.compile(each, boolean=True) for each in given["matchConditions"]),
    )


def _validate(authorizers: Sequence[Object], compiler: Compiler) -> list[FieldError]:
    errors = [] if authorizers else [field.required("authorizers", "at least one authorization mode must be defined")]
    types: set[str] = set()
    names: set[str] = set()
    for place, each in enumerate(authorizers):
        path = field.index("authorizers", place)
        fault = _type_fault(each["type"], types, f"{path}.type")
        if fault is not None:
            errors.append(fault)
            continue
        types.add(each["type"])
        errors += _name_faults(each["name"], names, f"{path}.name")
        names.add(each["name"])
        webhook = each.get("webhook")
        if each["type"] != WEBHOOK:
            if webhook is not None:
                errors.append(field.invalid(f"{path}.webhook", "non-null", "may only be specified when type=Webhook"))
        elif webhook is None:
            errors.append(field.required(f"{path}.webhook", "required when type=Webhook"))
        else:
            errors += _webhook_faults(webhook, path, compiler)
    return errors


def _type_fault(kind: str, seen: Collection[str], path: str) -> FieldError | None:
    if not kind:
        return field.required(path)
    if kind == "ABAC":
        return field.forbidden(path, NO_ABAC)
    if kind not in TYPES:
        return field.not_supported(path, kind, TYPES)
    return field.duplicate(path, kind) if kind in seen and kind != WEBHOOK else None


def _name_faults(name: str, seen: Collection[str], path: str) -> list[FieldError]:
    if not name:
        return [field.required(path)]
    if name in seen:
        return [field.duplicate(path, name)]
    messages = is_dns1123_subdomain(name)
    return [field.invalid(path, name, f"authorizer name is invalid: {', '.join(messages)}")] if messages else []


def _webhook_faults(webhook: Object, path: str, compiler: Compiler) -> list[FieldError]:
    """Paths leave out `webhook`, as upstream's do."""
    errors: list[FieldError] = []
    timeout = webhook["timeout"]
    if not timeout:
        errors.append(field.required(f"{path}.timeout"))
    elif not 0 < timeout <= MAX_TIMEOUT:
        errors.append(field.invalid(f"{path}.timeout", format_duration(timeout), "must be > 0s and <= 30s"))
    negative = [name for name in ("authorizedTTL", "unauthorizedTTL") if webhook[name] < 0]
    errors += [field.invalid(f"{path}.{name}", format_duration(webhook[name]), "must be > 0s") for name in negative]
    errors += _one_of(webhook["subjectAccessReviewVersion"], REVIEW_VERSIONS, f"{path}.subjectAccessReviewVersion")
    version, conditions = webhook["matchConditionSubjectAccessReviewVersion"], webhook["matchConditions"]
    where = f"{path}.matchConditionSubjectAccessReviewVersion"
    if not version and conditions:
        errors.append(field.required(where, "required if match conditions are specified"))
    elif version:
        errors += _one_of(version, ("v1",), where)
    errors += _one_of(webhook["failurePolicy"], (NO_OPINION, DENY), f"{path}.failurePolicy")
    errors += _connection_faults(webhook["connectionInfo"], f"{path}.connectionInfo")
    return errors + _condition_faults(conditions, f"{path}.matchConditions", compiler)


def _one_of(value: str, supported: Sequence[str], path: str) -> list[FieldError]:
    if not value:
        return [field.required(path)]
    return [] if value in supported else [field.not_supported(path, value, supported)]


def _connection_faults(connection: Object, path: str) -> list[FieldError]:
    kind, file = connection.get("type") or "", connection.get("kubeConfigFile") or ""
    where = f"{path}.kubeConfigFile"
    if not kind:
        return [field.required(f"{path}.type")]
    if kind == "InClusterConfig":
        return [field.forbidden(f"{path}.type", "an API server has no cluster to run in: use KubeConfigFile")]
    if kind != "KubeConfigFile":
        return [field.not_supported(f"{path}.type", kind, ("InClusterConfig", "KubeConfigFile"))]
    if not file:
        return [field.required(where)]
    if not os.path.isabs(file):
        return [field.invalid(where, file, "must be an absolute path")]
    try:
        mode = os.stat(file).st_mode
    except OSError as error:
        return [field.invalid(where, file, f"error loading file: stat {file}: {(error.strerror or '').lower()}")]
    return [] if stat.S_ISREG(mode) else [field.invalid(where, file, "must be a regular file")]


def _condition_faults(conditions: Sequence[str], path: str, compiler: Compiler) -> list[FieldError]:
    if len(conditions) > _MAX_CONDITIONS:
        return [field.too_many(path, len(conditions), _MAX_CONDITIONS)]
    errors: list[FieldError] = []
    seen: set[str] = set()
    for place, expression in enumerate(conditions):
        at = f"{field.index(path, place)}.expression"
        if not expression.strip():
            errors.append(field.required(at))
        elif expression in seen:
            errors.append(field.duplicate(at, expression))
        else:
            seen.add(expression)
            errors += compiler.faults(expression, at, boolean=True)
    return errors
