"""Expressions with what Kubernetes 1.36 answered, and what this engine answers in the same form.

`data/cel/rules.json` has rules as policies and custom resources have them, `data/cel/spec` the CEL specification's own tests.
An answer has all compile errors, or the type, the estimate of the least and the most cost, and the result or the error and its cost.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from cluster.api.authorization import Attributes, Decision, Verdict
from cluster.api.names import GroupVersionKind
from cluster.api.user import UserInfo
from cluster.cel.environment import CompileError, Environment
from cluster.cel.estimate import UNSIZED, Sizes
from cluster.cel.libraries.authz import AUTHORIZER_TYPE, RESOURCE_CHECK_TYPE, AuthorizerValue, ResourceCheck
from cluster.cel.libraries.jsonpatch import JSON_PATCHES, MADE_TYPES, PatchOperation
from cluster.cel.text import declared
from cluster.cel.types import Type
from cluster.cel.values import CelError, CostExceeded, Instance
from cluster.schema.admission_expressions import NAMESPACE_TYPE, REQUEST_TYPE
from cluster.schema.cel_sizes import SchemaSizes
from cluster.schema.cel_types import kind_type, schema_type
from cluster.schema.cel_values import converter
from cluster.schema.model import SchemaSet
from tests.unit.cel.recorded_answers import tagged, type_of, untagged

_FOLDER = Path(__file__).parents[2] / "data" / "cel"
_RULES: dict[str, Any] = json.loads((_FOLDER / "rules.json").read_text())
SCHEMAS = SchemaSet.for_version("1.36")
_OWN: Mapping[str, Type] = {
    "request": REQUEST_TYPE,
    "namespaceObject": NAMESPACE_TYPE,
    "authorizer": AUTHORIZER_TYPE,
    "resourceCheck": RESOURCE_CHECK_TYPE,
}


class _Answers:
    """An authorizer that knows its answers beforehand: by user, verb and what is asked for."""

    def __init__(self, question: Mapping[str, Any]) -> None:
        self._allowed: Mapping[str, str] = question.get("allowed", {})
        self._errors: Mapping[str, str] = question.get("errorFor", {})

    def authorize(self, attributes: Attributes) -> Verdict:
        asked = f"{attributes.user.name} {attributes.verb} {attributes.path}"
        if attributes.is_resource:
            resource = f"{attributes.api_group}/{attributes.resource}/{attributes.subresource}"
            asked = f"{attributes.user.name} {attributes.verb} {resource} {attributes.namespace}/{attributes.name}"
        if asked in self._allowed:
            return Verdict(Decision.ALLOW, self._allowed[asked])
        return Verdict(Decision.NO_OPINION, "" if asked in self._errors else "no rule", self._errors.get(asked, ""))


def rules() -> list[dict[str, Any]]:
    return [_with_values(each) for each in _RULES["rules"]]


def specification() -> list[dict[str, Any]]:
    """`spec` is what the specification has where Kubernetes answers something else."""
    files = sorted((_FOLDER / "spec").glob("*.json"))
    return [{**each, "name": f"{file.stem}/{each['name']}"} for file in files for each in json.loads(file.read_text())]


def _with_values(question: dict[str, Any]) -> dict[str, Any]:
    return {**question, "vars": {name: _RULES["values"][value] for name, value in question.get("vars", {}).items()}}


def expected(question: dict[str, Any]) -> dict[str, Any]:
    answer = dict(question["answer"])
    answer.pop("asked", None)
    if answer.get("error") == str(CostExceeded()):
        del answer["runtimeCost"]
    return {"programError": answer["programError"]} if "programError" in answer else answer


@lru_cache(maxsize=200)
def variable_type(name: str, text: str, schema: str) -> Type:
    if schema:
        found = schema_type(SCHEMAS, _RULES["schemas"][schema], f"Type_{name}")
        assert found is not None
        return found
    kind, of, version = text.partition(" of ")
    if of:
        group, _, number = version.removeprefix("core/").rpartition("/")
        found = kind_type(SCHEMAS, GroupVersionKind(group, number, kind), f"Type_{kind}")
        assert found is not None
        return found
    return _OWN[text] if text in _OWN else type_of(text)


def variables_of(question: dict[str, Any]) -> dict[str, Type]:
    kinds, schemas = question.get("types", {}), question.get("schemas", {})
    names = {**question.get("vars", {}), **kinds, **schemas}
    return {name: variable_type(name, kinds.get(name, "dyn"), schemas.get(name, "")) for name in names}


def sizes_of(question: dict[str, Any], variables: Mapping[str, Type]) -> Sizes:
    """As upstream's estimator has them, for which every path is one of `self`."""
    return SchemaSizes(variables["self"]) if "self" in question.get("schemas", {}) else UNSIZED


def answered(question: dict[str, Any]) -> dict[str, Any]:
    """What this engine answers."""
    minor = int(question.get("version", "1.36").split(".")[1])
    variables = variables_of(question)
    environment = Environment(minor, variables)
    if question.get("patch"):
        environment = environment.extend(libraries=(JSON_PATCHES,), types=MADE_TYPES)
    try:
        program = environment.compile(question["expr"])
    except CompileError as failure:
        return {"programError" if failure.kind == "program" else "errors": failure.message}
    bounds = environment.estimate(program, sizes_of(question, variables))
    made: dict[str, Any] = {"type": declared(program.type), "staticMin": str(bounds.least), "staticMax": str(bounds.most)}
    if question.get("noeval"):
        return made
    values = _values(question)
    try:
        outcome = program.evaluate(values, question.get("limit", 1_000_000))
    except CelError as failure:
        return made | {"error": str(failure), "runtimeCost": failure.cost}
    except CostExceeded as failure:
        return made | {"error": str(failure)}
    return made | {"result": _shown(outcome.value), "runtimeCost": outcome.cost}


def _shown(value: Any) -> Any:
    """A value as answers have it; of objects that an expression made, the outermost with their type."""
    if isinstance(value, list):
        return [_shown(each) for each in value]
    if isinstance(value, Instance):
        fields = {**value, "value": value["value"]} if isinstance(value, PatchOperation) else value
        return {"@object": value.type_name, "fields": tagged(dict(fields))}
    return tagged(value)


def _values(question: dict[str, Any]) -> dict[str, Any]:
    """A value for each variable; of those whose type says it, the authorizer and a question to it about a deployment."""
    made = {name: untagged(value) for name, value in question.get("vars", {}).items()}
    for name in question.get("schemas", {}):
        convert = converter(variables_of(question)[name])
        if name in made and convert is not None:
            made[name] = convert(made[name])
    authorizer = AuthorizerValue(UserInfo("jane", groups=("devs",)), _Answers(question))
    for name, text in question.get("types", {}).items():
        if text == "authorizer":
            made[name] = authorizer
        elif text == "resourceCheck":
            made[name] = ResourceCheck(authorizer, "apps", "deployments", namespace="default", name="web")
    return made
