"""The audit.k8s.io/v1 Policy file: read strictly, validated in upstream's words, made into a Policy.

Upstream: apiserver `pkg/audit/policy/reader.go`, `pkg/apis/audit/validation/validation.go`.  What strict decoding would refuse
(unknown and repeated fields) is told as a problem and then ignored, as there.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cluster.api.field import FieldError, child, index, invalid, not_supported, quoted, required
from cluster.api.names import Object
from cluster.api.validation import is_dns1123_subdomain
from cluster.schema.model import SchemaSet
from rbac.audit.model import LEVELS, STAGES, AuditConfig
from rbac.audit.policy import GroupResources, Policy, Rule


def load_policy(path: str) -> tuple[Policy, list[str]]:
    """(the policy of a file, the problems that are ignored in it); ValueError, in a message that names the file."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise ValueError(f"failed to read file path {quoted(path)}: {error.strerror}") from None
    try:
        return parse_policy(data)
    except ValueError as error:
        raise ValueError(f"{error}: from file {path}") from None


def parse_policy(data: bytes) -> tuple[Policy, list[str]]:
    """(the policy of YAML or JSON text, problems); ValueError for what is no policy."""
    from cluster.schema.configuration import load_configuration

    problems: list[str] = []
    try:
        value = load_configuration(data, "Policy", [_schemas()], problems)
    except ValueError as error:
        raise ValueError(f"failed decoding: {error}") from None
    return build_policy(value), problems


def _schemas() -> SchemaSet:
    from cluster.schema.configuration import FLAG, TEXT, TEXTS, definitions, list_of

    rule = dict.fromkeys(("users", "userGroups", "verbs", "namespaces", "nonResourceURLs", "omitStages"), TEXTS)
    structs = {
        "Policy": {"metadata": {"type": "object"}, "rules": list_of("PolicyRule"), "omitStages": TEXTS, "omitManagedFields": FLAG},
        "PolicyRule": {"level": TEXT, **rule, "resources": list_of("GroupResources"), "omitManagedFields": FLAG},
        "GroupResources": {"group": TEXT, "resources": TEXTS, "resourceNames": TEXTS},
    }
    return definitions("audit.k8s.io", "v1", ["Policy"], structs)


def build_policy(value: Object) -> Policy:
    """The policy of a decoded object; ValueError for one that is not valid."""
    errors = validate_policy(value)
    if errors:
        shown = list(dict.fromkeys(map(str, errors)))
        raise ValueError(shown[0] if len(shown) == 1 else f"[{', '.join(shown)}]")
    if not value.get("rules"):
        raise ValueError("loaded illegal policy with 0 rules")
    return _policy(value)


def validate_policy(policy: Object) -> list[FieldError]:
    """What is wrong with a decoded policy."""
    errors = _stage_errors(policy.get("omitStages") or [], "omitStages")
    for i, rule in enumerate(policy.get("rules") or []):
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
    errors += _resource_errors(rule.get("resources") or [], child(path, "resources"))
    errors += _stage_errors(rule.get("omitStages") or [], child(path, "omitStages"))
    if urls and (rule.get("resources") or rule.get("namespaces")):
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
            for each in rule.get("resources") or ()
        )
        users, groups, verbs, namespaces = (frozenset(rule.get(name) or ()) for name in ("users", "userGroups", "verbs", "namespaces"))
        rules.append(Rule(config, users, groups, verbs, resources, namespaces, tuple(rule.get("nonResourceURLs") or ())))
    return Policy(rules, omitted, omit_managed_fields=fields)
