"""Webhook configurations of both kinds.

Upstream: `pkg/apis/admissionregistration/validation/validation.go`, apiserver `pkg/util/webhook/validation.go`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct

from cluster.api import field, validation
from cluster.api.field import FieldError
from cluster.api.names import Object
from cluster.kinds.admissionregistration.expressions import Known, expressions_of, validate_conditions
from cluster.kinds.admissionregistration.matching import (
    FAILURE_POLICIES,
    MATCH_POLICIES,
    default_matching,
    static_warnings,
    validate_rule,
)
from cluster.kinds.cells import count, name_and
from cluster.kinds.model import Strategy

_SIDE_EFFECTS: Final = ("None", "NoneOnDryRun")
_ALL_SIDE_EFFECTS: Final = ("None", "NoneOnDryRun", "Some", "Unknown")
_REVIEW_VERSIONS: Final = ("v1", "v1beta1")
_REINVOCATION: Final = ("IfNeeded", "Never")
_SELECTORS: Final = ("namespaceSelector", "objectSelector")


class _Rules(Struct, frozen=True):
    """How strict validation is: what a configuration that is replaced has already, the new one may have, too."""

    version: str
    same_conditions: bool = False
    no_side_effects: bool = True
    known_review_version: bool = True
    unique_names: bool = True
    any_values: bool = False
    """Whether selectors may have values that no label has."""
    stored: Known = frozenset()


def _default(configuration: Object, mutating: bool) -> None:
    for hook in configuration.get("webhooks") or ():
        if hook.get("failurePolicy") is None:
            hook["failurePolicy"] = "Fail"
        default_matching(hook, "rules")
        if hook.get("timeoutSeconds") is None:
            hook["timeoutSeconds"] = 10
        if mutating and hook.get("reinvocationPolicy") is None:
            hook["reinvocationPolicy"] = "Never"
        service = (hook.get("clientConfig") or {}).get("service")
        if service is not None and service.get("port") is None:
            service["port"] = 443


def fully_qualified_name(path: str, name: str) -> list[FieldError]:
    """A DNS name of three parts or more."""
    if not name:
        return [field.required(path)]
    messages = validation.is_dns1123_subdomain(name)
    if messages:
        return [field.invalid(path, name, ",".join(messages))]
    if name.count(".") < 2:
        return [field.invalid(path, name, "should be a domain with at least three segments separated by dots")]
    return []


def _validate(configuration: Object, rules: _Rules) -> list[FieldError]:
    errors: list[FieldError] = []
    names: set[str] = set()
    for position, hook in enumerate(configuration.get("webhooks") or ()):
        path = field.index("webhooks", position)
        errors += _validate_hook(hook, path, rules) + _validate_versions(hook.get("admissionReviewVersions") or [], path, rules)
        name = hook.get("name") or ""
        if rules.unique_names and name and name in names:
            errors.append(field.duplicate(f"{path}.name", name))
        names.add(name)
    return errors


def _validate_hook(hook: Object, path: str, rules: _Rules) -> list[FieldError]:
    errors = fully_qualified_name(f"{path}.name", hook.get("name") or "")
    for position, rule in enumerate(hook.get("rules") or ()):
        errors += validate_rule(rule, field.index(f"{path}.rules", position))
    for name, known in (("failurePolicy", FAILURE_POLICIES), ("matchPolicy", MATCH_POLICIES)):
        value = hook.get(name)
        if value is not None and value not in known:
            errors.append(field.not_supported(f"{path}.{name}", value, known))
    effects, seconds, again = hook.get("sideEffects"), hook.get("timeoutSeconds"), hook.get("reinvocationPolicy")
    allowed = _SIDE_EFFECTS if rules.no_side_effects else _ALL_SIDE_EFFECTS
    if effects is None:
        errors.append(field.required(f"{path}.sideEffects", f"must specify one of {', '.join(allowed)}"))
    elif effects not in allowed:
        errors.append(field.not_supported(f"{path}.sideEffects", effects, allowed))
    if seconds is not None and not 1 <= seconds <= 30:
        errors.append(field.invalid(f"{path}.timeoutSeconds", seconds, "the timeout value must be between 1 and 30 seconds"))
    for name in _SELECTORS:
        errors += validation.validate_label_selector(hook.get(name), f"{path}.{name}", any_values=rules.any_values)
    if again is not None and again not in _REINVOCATION:
        errors.append(field.not_supported(f"{path}.reinvocationPolicy", again, _REINVOCATION))
    errors += _validate_client(hook.get("clientConfig") or {}, f"{path}.clientConfig")
    if not rules.same_conditions:
        errors += validate_conditions(hook.get("matchConditions") or [], f"{path}.matchConditions", rules.version, rules.stored)
    return errors


def _validate_client(config: Object, path: str) -> list[FieldError]:
    url, service = config.get("url"), config.get("service")
    if (url is None) == (service is None):
        return [field.required(path, "exactly one of url or service is required")]
    if url is not None:
        return _validate_url(url, f"{path}.url")
    return _validate_service(service or {}, f"{path}.service")


def _validate_url(url: str, path: str) -> list[FieldError]:
    form = "; desired format: https://host[/path]"
    try:
        parts = urlsplit(url)
    except ValueError as error:
        return [field.required(path, f"url must be a valid URL: {error}{form}")]
    errors: list[FieldError] = []
    if parts.scheme != "https":
        errors.append(field.invalid(path, parts.scheme, f"'https' is the only allowed URL scheme{form}"))
    user, at, host = parts.netloc.rpartition("@")
    if not host:
        errors.append(field.invalid(path, host, f"host must be specified{form}"))
    if at:
        errors.append(field.invalid(path, user, "user information is not permitted in the URL"))
    if parts.fragment:
        errors.append(field.invalid(path, parts.fragment, "fragments are not permitted in the URL"))
    if parts.query:
        errors.append(field.invalid(path, parts.query, "query parameters are not permitted in the URL"))
    return errors


def _validate_service(service: Object, path: str) -> list[FieldError]:
    """Upstream says that one of name and namespace is missing where it is the other."""
    errors = [field.required(f"{path}.{shown}") for shown, name in (("name", "namespace"), ("namespace", "name")) if not service.get(name)]
    port = service.get("port") or 0
    messages = validation.is_valid_port_num(port)
    if messages:
        errors.append(field.invalid(f"{path}.port", port, f"port is not valid: {', '.join(messages)}"))
    return errors + _validate_path(service.get("path") or "", f"{path}.path")


def _validate_path(url_path: str, path: str) -> list[FieldError]:
    if url_path in ("", "/"):
        return []
    if url_path == "//":
        return [field.invalid(path, url_path, "segment[0] may not be empty")]
    errors: list[FieldError] = []
    if not url_path.startswith("/"):
        errors.append(field.invalid(path, url_path, "must start with a '/'"))
    for position, segment in enumerate(url_path[1:].removesuffix("/").split("/")):
        if not segment:
            errors.append(field.invalid(path, url_path, f"segment[{position}] may not be empty"))
            continue
        messages = validation.is_dns1123_subdomain(segment)
        errors += [field.invalid(path, url_path, f"segment[{position}]: {message}") for message in messages]
    return errors


def _validate_versions(versions: list[str], path: str, rules: _Rules) -> list[FieldError]:
    place = f"{path}.admissionReviewVersions"
    if not versions:
        return [field.required(place, f"must specify one of {', '.join(_REVIEW_VERSIONS)}")]
    errors: list[FieldError] = []
    for position, version in enumerate(versions):
        where = field.index(place, position)
        if version in versions[:position]:
            errors.append(field.invalid(where, version, "duplicate version"))
            continue
        errors += [field.invalid(where, version, message) for message in validation.is_dns1035_label(version)]
    if rules.known_review_version and not set(versions) & set(_REVIEW_VERSIONS):
        errors.append(field.invalid(place, versions, f"must include at least one of {', '.join(_REVIEW_VERSIONS)}"))
    return errors


def _validate_update(configuration: Object, old: Object, version: str) -> list[FieldError]:
    hooks, before = configuration.get("webhooks") or [], old.get("webhooks") or []
    names = [each.get("name") or "" for each in before]
    selectors = [each.get(name) for each in before for name in _SELECTORS]
    rules = _Rules(
        version,
        same_conditions=[each.get("matchConditions") or [] for each in hooks] == [each.get("matchConditions") or [] for each in before],
        no_side_effects=all(each.get("sideEffects") in _SIDE_EFFECTS for each in before),
        known_review_version=all(_knows_reviews(each.get("admissionReviewVersions") or []) for each in before),
        unique_names=len(set(names)) == len(names),
        any_values=any(validation.validate_label_selector(each, "") for each in selectors),
        stored=frozenset(text for each in before for text in expressions_of(each.get("matchConditions"))),
    )
    return _validate(configuration, rules)


def _knows_reviews(versions: list[str]) -> bool:
    return not versions or bool(set(versions) & set(_REVIEW_VERSIONS))


def webhook_strategy(mutating: bool, version: str) -> Strategy:
    """Mutating webhooks have a reinvocation policy, and that is all the difference."""
    return Strategy(
        default=lambda configuration: _default(configuration, mutating),
        validate=lambda configuration: _validate(configuration, _Rules(version)),
        validate_update=partial(_validate_update, version=version),
        warnings=static_warnings(version),
        cells=name_and(count("webhooks")),
        allow_unconditional_update=False,
    )


MUTATING: Final[Callable[[str], Strategy]] = partial(webhook_strategy, True)
VALIDATING: Final[Callable[[str], Strategy]] = partial(webhook_strategy, False)
