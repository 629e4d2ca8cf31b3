"""The rules of a custom resource's schema, judged as a server judges a definition: do they compile, and what may they cost at most.

Upstream: apiextensions-apiserver `pkg/apis/apiextensions/validation/{validation,cel_validation}.go`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from cluster.cel import types
from cluster.cel.environment import CompileError, Environment
from cluster.cel.functions import MOST
from cluster.cel.types import Type
from cluster.schema.cel_sizes import SchemaSizes
from cluster.schema.cel_types import MAX_REQUEST_BYTES, schema_type
from cluster.schema.model import SchemaSet

SCHEMAS = SchemaSet.for_version("1.36")
RULE_LIMIT = 10_000_000
TOTAL_LIMIT = 100_000_000
_MANY = "(try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)"
_TOTAL = "x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema"
_PART = "contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema"

Errors = list[list[str]]


@dataclass(slots=True)
class Judge:
    """Of one definition; `errors` are fields with what is said of them, without the values that are shown there."""

    minor: int
    errors: Errors = field(default_factory=list)
    costs: list[tuple[int, str]] = field(default_factory=list)

    def judge(self, schema: dict[str, Any]) -> Errors:
        self._walk(schema, "properties[spec]", 1)
        total = min(sum(cost for cost, _ in self.costs), MOST)
        if total > TOTAL_LIMIT:
            dear = [each for each in self.costs if each[0] >= TOTAL_LIMIT // 100]
            self.errors += [[path, f"Forbidden: {_PART}"] for _, path in sorted(dear, key=lambda each: -each[0])[:4]]
            self.errors.append(["", _exceeds(_TOTAL, total, TOTAL_LIMIT)])
        return self.errors

    def _walk(self, schema: dict[str, Any], path: str, times: int | None) -> None:
        """`times`: how often the schema's values can be there, None where nothing bounds it but the size of a request."""
        for position, rule in enumerate(schema.get("x-kubernetes-validations", ())):
            self._judge_rule(schema, rule, f"{path}.x-kubernetes-validations[{position}]", times)
        if "items" in schema:
            self._walk(schema["items"], f"{path}.items", _product(times, schema.get("maxItems")))
        if "additionalProperties" in schema:
            self._walk(schema["additionalProperties"], f"{path}.additionalProperties", _product(times, schema.get("maxProperties")))
        for name, each in sorted(schema.get("properties", {}).items()):
            self._walk(each, f"{path}.properties[{name}]", times)

    def _judge_rule(self, schema: dict[str, Any], rule: dict[str, Any], path: str, times: int | None) -> None:
        own = schema_type(SCHEMAS, schema, "selfType")
        assert own is not None
        environment = Environment(self.minor, {"self": own, "oldSelf": own})
        message = rule.get("messageExpression", "")
        if message and not message.strip():
            self.errors.append([f"{path}.messageExpression", "Required value: messageExpression must be non-empty if specified"])
            return
        cost, why = _compiled(environment, own, rule["rule"], types.BOOL, "cel expression must evaluate to a bool", "")
        if times is None:
            times = MAX_REQUEST_BYTES // (own.facts.least_bytes + 1)
        self._count(f"{path}.rule", "estimated rule cost", min(cost * times, MOST), why)
        if message and not why:
            wrong = "messageExpression must evaluate to a string"
            cost, why = _compiled(environment, own, message, types.STRING, wrong, "messageExpression ")
            self._count(f"{path}.messageExpression", "estimated messageExpression cost", cost, why)

    def _count(self, path: str, name: str, cost: int, why: str) -> None:
        if cost > RULE_LIMIT:
            self.errors.append([path, _exceeds(name, cost, RULE_LIMIT)])
        self.costs.append((cost, path))
        if why:
            self.errors.append([path, why])


def _compiled(environment: Environment, own: Type, text: str, wanted: Type, wrong: str, prefix: str) -> tuple[int, str]:
    """The most that an expression costs, or why it is none."""
    try:
        program = environment.compile(text, [wanted])
    except CompileError as failure:
        sort = "instantiation" if failure.kind == "program" else "compilation"
        return 0, wrong if failure.kind == "result" else f"{prefix}{sort} failed: {failure.message}"
    return program.estimate(SchemaSizes(own)).most, ""


def _product(times: int | None, most: int | None) -> int | None:
    return None if times is None or most is None else min(times * most, MOST)


def _exceeds(name: str, cost: int, limit: int) -> str:
    factor = cost / limit
    shown = "more than 100" if factor > 100 else f"{factor:f}" if factor < 1.5 else f"{factor:.1f}"
    return f"Forbidden: {name} exceeds budget by factor of {shown}x {_MANY}"
