"""The audit.k8s.io/v1 Policy file: read strictly, validated in upstream's words, made into a Policy.

Upstream: apiserver `pkg/audit/policy/reader.go`, `pkg/apis/audit/validation/validation.go`.  What strict decoding would refuse
(unknown and repeated fields) is told as a problem and then ignored, as there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from cluster.api.errors import StatusError
from cluster.api.field import FieldError, child, index, invalid, not_supported, quoted, required
from cluster.api.names import Object
from cluster.api.validation import is_dns1123_subdomain
from rbac.audit.model import API_VERSION, LEVELS, STAGES, AuditConfig
from rbac.audit.policy import GroupResources, Policy, Rule

MAX_BYTES: Final = 3 * 1024 * 1024
_STRINGS: Final = "a list of strings"
_OBJECTS: Final = "a list of objects"
_STRING: Final = "a string"
_BOOLEAN: Final = "true or false"
_OBJECT: Final = "an object"
_POLICY: Final = {
    "apiVersion": _STRING,
    "kind": _STRING,
    "metadata": _OBJECT,
    "rules": _OBJECTS,
    "omitStages": _STRINGS,
    "omitManagedFields": _BOOLEAN,
}
_RULE: Final = {
    "level": _STRING,
    "users": _STRINGS,
    "userGroups": _STRINGS,
    "verbs": _STRINGS,
    "resources": _OBJECTS,
    "namespaces": _STRINGS,
    "nonResourceURLs": _STRINGS,
    "omitStages": _STRINGS,
    "omitManagedFields": _BOOLEAN,
}
_RESOURCES: Final = {"group": _STRING, "resources": _STRINGS, "resourceNames": _STRINGS}


def load_policy(path: str) -> tuple[Policy, list[str]]:
    """(the policy of a file, the problems that are ignored in it); ValueError, in a message that names the file."""
    try:
        with Path(path).open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ValueError(f"failed to read file path {quoted(path)}: {error.strerror}") from None
    try:
        return parse_policy(data)
    except ValueError as error:
        raise ValueError(f"{error}: from file {path}") from None


def parse_policy(data: bytes) -> tuple[Policy, list[str]]:
    """(the policy of YAML or JSON text, problems); ValueError for what is no policy."""
    from cluster.schema.parse import parse_yaml

    if len(data) > MAX_BYTES:
        raise ValueError(f"failed decoding: the policy is larger than {MAX_BYTES} bytes")
    try:
        value, repeated = parse_yaml(data, find_duplicates=True)
    except StatusError as error:
        raise ValueError(f"failed decoding: {error.message}") from None
    return build_policy(value, repeated)


def build_policy(value: Any, problems: Sequence[str] = ()) -> tuple[Policy, list[str]]:
    """As `parse_policy`, of a value."""
    found = [*problems]
    if not isinstance(value, dict):
        value = {}
    _check_version(value)
    policy = _decoded(value, _POLICY, "", found)
    policy["rules"] = [_decoded(each, _RULE, index("rules", i), found) for i, each in enumerate(policy.get("rules") or [])]
    for i, rule in enumerate(policy["rules"]):
        path = child(index("rules", i), "resources")
        rule["resources"] = [_decoded(each, _RESOURCES, index(path, j), found) for j, each in enumerate(rule.get("resources") or [])]
    errors = validate_policy(policy)
    if errors:
        shown = list(dict.fromkeys(map(str, errors)))
        raise ValueError(shown[0] if len(shown) == 1 else f"[{', '.join(shown)}]")
    if not policy["rules"]:
        raise ValueError("loaded illegal policy with 0 rules")
    return _policy(policy), found


def _check_version(value: Mapping[str, Any]) -> None:
    version, kind = value.get("apiVersion") or "", value.get("kind") or ""
    group, slash, rest = str(version).rpartition("/")
    if not version or not kind:
        raise ValueError(f"unknown group version field {group if slash else ''}/{rest}, Kind={kind} in policy")
    if version != API_VERSION or kind != "Policy":
        raise ValueError(f"failed decoding: no kind {quoted(str(kind))} is registered for version {quoted(str(version))}")


def _decoded(value: Any, fields: Mapping[str, str], path: str, problems: list[str]) -> Object:
    """The known fields of an object, without nulls; ValueError for one of the wrong type."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ValueError(f"failed decoding: {path}: must be an object")
    kept: Object = {}
    for name, each in value.items():
        where = child(path, name)
        kind = fields.get(name)
        if kind is None:
            problems.append(f"unknown field {quoted(where)}")
        elif each is not None:
            if not _is(each, kind):
                raise ValueError(f"failed decoding: {where}: must be {kind}")
            kept[name] = each
    return kept


def _is(value: Any, kind: str) -> bool:
    if kind == _STRING:
        return isinstance(value, str)
    if kind == _BOOLEAN:
        return isinstance(value, bool)
    if kind == _OBJECT:
        return isinstance(value, dict)
    wanted = str if kind == _STRINGS else (dict, type(None))
    return isinstance(value, list) and all(isinstance(each, wanted) for each in value)


def validate_policy(policy: Object) -> list[FieldError]:
    """What is wrong with a decoded policy."""
    errors = _stage_errors(policy.get("omitStages") or [], "omitStages")
    for i, rule in enumerate(policy["rules"]):
        errors += _rule_errors(rule, index("rules", i))
    return errors


def _rule_errors(rule: Object, path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    level, urls = rule.get("level") or "", rule.get("nonResourceURLs") or []
    if not level:
        errors.append(required(child(path, "level")))
    elif level not in LEVELS:
        errors.append(not_supported(child(path, "level"), level, [*LEVELS]))
    where = child(path, "nonResourceURLs")
    for i, url in enumerate(urls):
        if url == "*":
            continue
        if not url.startswith("/"):
            errors.append(invalid(index(where, i), url, "non-resource URL rules must begin with a '/' character"))
        if "*" in url[:-1]:
            errors.append(invalid(index(where, i), url, "non-resource URL wildcards '*' must be the final character of the rule"))
    errors += _resource_errors(rule["resources"], child(path, "resources"))
    errors += _stage_errors(rule.get("omitStages") or [], child(path, "omitStages"))
    if urls and (rule["resources"] or rule.get("namespaces")):
        errors.append(invalid(where, urls, "rules cannot apply to both regular resources and non-resource URLs"))
    return errors


def _resource_errors(resources: Sequence[Object], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    for each in resources:
        group, names = each.get("group") or "", each.get("resourceNames") or []
        faults = is_dns1123_subdomain(group) if group not in ("", "*") else []
        if faults:
            errors.append(invalid(child(path, "group"), group, ",".join(faults)))
        if names and not each.get("resources"):
            errors.append(invalid(child(path, "resourceNames"), names, "using resourceNames requires at least one resource"))
    return errors


def _stage_errors(stages: Sequence[str], path: str) -> list[FieldError]:
    allowed = "allowed stages are " + ",".join(STAGES)
    return [invalid(index(path, i), stage, allowed) for i, stage in enumerate(stages) if stage not in STAGES]


def _policy(policy: Object) -> Policy:
    omitted, fields = frozenset(policy.get("omitStages") or ()), bool(policy.get("omitManagedFields"))
    rules = []
    for rule in policy["rules"]:
        stages = omitted | frozenset(rule.get("omitStages") or ())
        own = rule.get("omitManagedFields")
        config = AuditConfig(LEVELS[rule["level"]], stages, fields if own is None else own)
        resources = tuple(
            GroupResources(each.get("group") or "", tuple(each.get("resources") or ()), frozenset(each.get("resourceNames") or ()))
            for each in rule["resources"]
        )
        users, groups, verbs, namespaces = (frozenset(rule.get(name) or ()) for name in ("users", "userGroups", "verbs", "namespaces"))
        rules.append(Rule(config, users, groups, verbs, resources, namespaces, tuple(rule.get("nonResourceURLs") or ())))
    return Policy(rules, omitted, omit_managed_fields=fields)
