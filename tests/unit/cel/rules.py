"""Expressions with what Kubernetes 1.36 answered, and what this engine answers in the same form.

`data/cel/rules.json` has rules as policies and custom resources have them, `data/cel/spec.json` the CEL specification's own tests.
An answer has all compile errors, or the type, the estimate of the least and the most cost, and the result or the error and its cost.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from cluster.api.names import GroupVersionKind
from cluster.cel.environment import CompileError, Environment
from cluster.cel.estimate import UNSIZED, Sizes
from cluster.cel.text import declared
from cluster.cel.types import Type
from cluster.cel.values import CelError, CostExceeded
from cluster.schema.cel_sizes import SchemaSizes
from cluster.schema.cel_types import kind_type, schema_type
from cluster.schema.model import SchemaSet
from tests.unit.cel.admission_types import NAMESPACE, REQUEST
from tests.unit.cel.recorded_answers import tagged, type_of, untagged

_FOLDER = Path(__file__).parents[2] / "data" / "cel"
_RULES: dict[str, Any] = json.loads((_FOLDER / "rules.json").read_text())
SCHEMAS = SchemaSet.for_version("1.36")
_OWN: Mapping[str, Type] = {"request": REQUEST, "namespaceObject": NAMESPACE}


def rules() -> list[dict[str, Any]]:
    return [_with_values(each) for each in _RULES["rules"]]


def specification() -> list[dict[str, Any]]:
    """`spec` is what the specification has where Kubernetes answers something else."""
    made: list[dict[str, Any]] = json.loads((_FOLDER / "spec.json").read_text())
    return made


def _with_values(question: dict[str, Any]) -> dict[str, Any]:
    return {**question, "vars": {name: _RULES["values"][value] for name, value in question.get("vars", {}).items()}}


def expected(question: dict[str, Any]) -> dict[str, Any]:
    answer = dict(question["answer"])
    answer.pop("asked", None)
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
    try:
        program = environment.compile(question["expr"])
    except CompileError as failure:
        return {"programError" if failure.kind == "program" else "errors": failure.message}
    bounds = environment.estimate(program, sizes_of(question, variables))
    made: dict[str, Any] = {"type": declared(program.type), "staticMin": str(bounds.least), "staticMax": str(bounds.most)}
    if question.get("noeval"):
        return made
    values = {name: untagged(value) for name, value in question.get("vars", {}).items()}
    try:
        outcome = program.evaluate(values, question.get("limit", 1_000_000))
    except CelError as failure:
        return made | {"error": str(failure), "runtimeCost": failure.cost}
    except CostExceeded as failure:
        return made | {"error": str(failure)}
    return made | {"result": tagged(outcome.value), "runtimeCost": outcome.cost}
