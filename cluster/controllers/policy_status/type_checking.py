"""What is wrong with a policy's expressions where the kinds that it is for are known.

Upstream: apiserver `pkg/admission/plugin/policy/validating/typechecking.go`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Protocol

from cluster.api.names import GroupVersionKind, GroupVersionResource, Object, parse_api_version
from cluster.cel import types
from cluster.cel.environment import STORED, CompileError, Environment
from cluster.cel.libraries.authz import AUTHORIZER_TYPE
from cluster.cel.types import Type
from cluster.schema.admission_expressions import NAMESPACE_TYPE, REQUEST_TYPE, Composition, ExpressionError
from cluster.schema.admission_variables import AUTHORIZER, NAMESPACE, OBJECT, OLD_OBJECT, PARAMS, REQUEST, Uses
from cluster.schema.cel_types import kind_type
from cluster.schema.model import SchemaSet

MAX_TYPES: Final = 10
"""So many kinds are looked at for a rule, and no rule after one that has as many."""


class Kinds(Protocol):
    def of(self, resource: GroupVersionResource, *, anew: bool = False) -> list[GroupVersionKind]:
        """The kinds of a resource; `anew`: as the server has them now."""
        ...


def warnings_of(policy: Object, schemas: SchemaSet, kinds: Kinds) -> list[Object]:
    """ExpressionWarnings, in the order of the policy's validations."""
    spec: Object = policy.get("spec") or {}
    compositions = [(gvk, _composition(spec, schemas, gvk)) for gvk in types_to_check(spec, kinds) if schemas.gvk(*gvk) is not None]
    found = []
    for position, validation in enumerate(spec.get("validations") or ()):
        for name in ("expression", "messageExpression"):
            text = validation.get(name)
            messages = [_shown(gvk, why) for gvk, composition in compositions if text and (why := _problem(composition, text))]
            if messages:
                found.append({"fieldRef": f"spec.validations[{position}].{name}", "warning": "\n".join(messages)})
    return found


def types_to_check(spec: Object, kinds: Kinds) -> list[GroupVersionKind]:
    """The kinds that the rules name without wildcards, sorted."""
    found: set[GroupVersionKind] = set()
    may_ask = True  # the server is asked anew at most once for a policy
    for rule in (spec.get("matchConstraints") or {}).get("resourceRules") or ():
        count = 0
        for resource in _resources(rule):
            known = kinds.of(resource)
            if not known and may_ask:
                known, may_ask = kinds.of(resource, anew=True), False
            for each in known:
                found.add(each)
                count += 1
                if count == MAX_TYPES:
                    return sorted(found)
    return sorted(found)


def _resources(rule: Object) -> Iterable[GroupVersionResource]:
    groups, versions = (sorted(rule.get(name) or ()) for name in ("apiGroups", "apiVersions"))
    if any("*" in each for each in (*groups, *versions)):
        return
    names = sorted(each for each in rule.get("resources") or () if "*" not in each and "/" not in each)
    for group in groups:
        for version in versions:
            yield from (GroupVersionResource(group, version, name) for name in names)


def _composition(spec: Object, schemas: SchemaSet, gvk: GroupVersionKind) -> Composition:
    """With objects and parameters of known types, and the policy's variables; without all that needs a write."""
    own = kind_type(schemas, gvk, gvk.kind) or types.DYN
    variables = {NAMESPACE: NAMESPACE_TYPE, REQUEST: REQUEST_TYPE, OBJECT: own, OLD_OBJECT: own, AUTHORIZER: AUTHORIZER_TYPE}
    kind = spec.get("paramKind")
    if kind is not None:
        variables[PARAMS] = _parameter_type(kind, schemas) or types.DYN
    typed = Environment(STORED, variables)

    def base(minor: int, uses: Uses) -> Environment:  # noqa: ARG001 - as a Composition asks
        return typed

    composition = Composition(base)
    for each in spec.get("variables") or ():
        try:
            composition.declare(each["name"], each["expression"], _USES)
        except ExpressionError:
            continue  # what uses it is told that nothing is known of it
    return composition


_USES: Final = Uses(True, True)


def _parameter_type(kind: Object, schemas: SchemaSet) -> Type | None:
    try:
        group, version = parse_api_version(kind.get("apiVersion") or "")
    except ValueError:
        return None
    name = kind.get("kind") or ""
    return kind_type(schemas, GroupVersionKind(group, version, name), name)


def _problem(composition: Composition, text: str) -> str:
    """Empty for a sound expression, whatever it comes to."""
    try:
        composition.environment(STORED, _USES).compile(text)
    except CompileError as error:
        return "" if error.kind == "program" else error.message
    return ""


def _shown(gvk: GroupVersionKind, why: str) -> str:
    group, version, kind = gvk
    return f"{group}/{version}, Kind={kind}: {why}\n"
