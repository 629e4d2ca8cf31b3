"""Webhook configurations of both kinds.  Upstream: `pkg/apis/admissionregistration/validation/validation.go`."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from cluster.api import field, validation
from cluster.api.field import FieldError
from cluster.api.names import Object
from cluster.kinds.admissionregistration.matching import (
    default_matching,
    validate_conditions,
    validate_policies,
    validate_rule,
    validate_selectors,
)
from cluster.kinds.cells import count, name_and
from cluster.kinds.checks import port_number
from cluster.kinds.model import Strategy

_SIDE_EFFECTS: Final = ("None", "NoneOnDryRun")
_REVIEW_VERSIONS: Final = ("v1", "v1beta1")
_REINVOCATION: Final = ("IfNeeded", "Never")


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
    few = name.count(".") < 2
    return [field.invalid(path, name, "should be a domain with at least three segments separated by dots")] if few else []


def _validate(configuration: Object) -> list[FieldError]:
    errors: list[FieldError] = []
    names: set[str] = set()
    for position, hook in enumerate(configuration.get("webhooks") or ()):
        path = field.index("webhooks", position)
        errors += _validate_hook(hook, path) + _validate_versions(hook.get("admissionReviewVersions") or [], path)
        name = hook.get("name") or ""
        if name and name in names:
            errors.append(field.duplicate(f"{path}.name", name))
        names.add(name)
    return errors


def _validate_hook(hook: Object, path: str) -> list[FieldError]:
    errors = fully_qualified_name(f"{path}.name", hook.get("name") or "")
    for position, rule in enumerate(hook.get("rules") or ()):
        errors += validate_rule(rule, field.index(f"{path}.rules", position))
    errors += validate_policies(hook, path)
    effects, seconds, again = hook.get("sideEffects"), hook.get("timeoutSeconds"), hook.get("reinvocationPolicy")
    if effects is None:
        errors.append(field.required(f"{path}.sideEffects", f"must specify one of {', '.join(_SIDE_EFFECTS)}"))
    elif effects not in _SIDE_EFFECTS:
        errors.append(field.not_supported(f"{path}.sideEffects", effects, _SIDE_EFFECTS))
    if seconds is not None and not 1 <= seconds <= 30:
        errors.append(field.invalid(f"{path}.timeoutSeconds", seconds, "the timeout value must be between 1 and 30 seconds"))
    errors += validate_selectors(hook, path)
    if again is not None and again not in _REINVOCATION:
        errors.append(field.not_supported(f"{path}.reinvocationPolicy", again, _REINVOCATION))
    errors += _validate_client(hook.get("clientConfig") or {}, f"{path}.clientConfig")
    return errors + validate_conditions(hook.get("matchConditions") or [], f"{path}.matchConditions")


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
    # Upstream takes the namespace for the name here, and the name for the namespace, and says so of them.
    errors = [field.required(f"{path}.{told}") for name, told in (("namespace", "name"), ("name", "namespace")) if not service.get(name)]
    port = service.get("port")
    if port is not None and port_number(path, port):
        message = "port is not valid: " + ", ".join(validation.is_valid_port_num(port))
        errors.append(field.invalid(f"{path}.port", port, message))
    return errors + _validate_path(service.get("path") or "/", f"{path}.path")


def _validate_path(url_path: str, path: str) -> list[FieldError]:
    """Upstream: apiserver `pkg/util/webhook/validation.go` (ValidateWebhookService)."""
    if url_path == "/":
        return []
    if url_path == "//":
        return [field.invalid(path, url_path, "segment[0] may not be empty")]
    errors = [] if url_path.startswith("/") else [field.invalid(path, url_path, "must start with a '/'")]
    for position, step in enumerate(url_path[1:].removesuffix("/").split("/")):
        if not step:
            errors.append(field.invalid(path, url_path, f"segment[{position}] may not be empty"))
            continue
        messages = validation.is_dns1123_subdomain(step)
        errors += [field.invalid(path, url_path, f"segment[{position}]: {message}") for message in messages]
    return errors


def _validate_versions(versions: list[str], path: str) -> list[FieldError]:
    place = f"{path}.admissionReviewVersions"
    if not versions:
        return [field.required(place, f"must specify one of {', '.join(_REVIEW_VERSIONS)}")]
    errors: list[FieldError] = []
    for position, each in enumerate(versions):
        messages = ["duplicate version"] if each in versions[:position] else validation.is_dns1035_label(each)
        errors += [field.invalid(field.index(place, position), each, message) for message in messages]
    if not set(versions) & set(_REVIEW_VERSIONS):
        errors.append(field.invalid(place, versions, f"must include at least one of {', '.join(_REVIEW_VERSIONS)}"))
    return errors


def webhook_strategy(*, mutating: bool) -> Strategy:
    """Mutating webhooks have a reinvocation policy, and that is all the difference."""
    return Strategy(
        default=lambda configuration: _default(configuration, mutating),
        validate=_validate,
        validate_update=lambda configuration, old: _validate(configuration),
        cells=name_and(count("webhooks")),
        allow_unconditional_update=False,
    )
