"""What Kubernetes 1.36's own libraries answered: expressions with their errors, types, results and costs, one JSON object a line.

The first line of a file has what all its questions have in common.  Values are JSON; what has no form of its own there is tagged:
`{"@uint": 1}`, `{"@double": "1"}`, `{"@bytes": base64}`, `{"@timestamp": ...}`, `{"@duration": ...}`, `{"@type": name}`,
`{"@optional": [value]}`, `{"@map": [[key, value], ...]}` for keys that are no strings.
"""

from __future__ import annotations

import base64
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from cluster.cel import times, types
from cluster.cel.environment import CompileError, Environment
from cluster.cel.text import declared
from cluster.cel.types import Type
from cluster.cel.values import CelError, CostExceeded, Duration, Joined, Opaque, Optional_, Timestamp, UInt, key_value

FOLDER = Path(__file__).parent / "recorded"
_TYPES = {
    "dyn": types.DYN,
    "int": types.INT,
    "uint": types.UINT,
    "double": types.DOUBLE,
    "string": types.STRING,
    "bool": types.BOOL,
    "bytes": types.BYTES,
    "null": types.NULL,
    "duration": types.DURATION,
    "timestamp": types.TIMESTAMP,
}


def recorded(name: str) -> list[dict[str, Any]]:
    """The questions of a file with their answers."""
    common, *lines = (json.loads(line) for line in (FOLDER / f"{name}.jsonl").read_text().splitlines())
    return [{**common, **line} for line in lines]


def answer(question: dict[str, Any]) -> dict[str, Any]:
    """What this engine answers, in the same form."""
    kinds = question.get("types", {})
    variables = question.get("vars", {})
    minor = int(question.get("version", "1.36").split(".")[1])
    environment = _environment(minor, tuple((name, kinds.get(name, "dyn")) for name in variables))
    try:
        program = environment.compile(question["expr"])
    except CompileError as failure:
        return {"programError" if failure.kind == "program" else "errors": failure.message}
    values = {name: untagged(value) for name, value in variables.items()}
    made: dict[str, Any] = {"type": declared(program.type)}
    try:
        outcome = program.evaluate(values, question.get("limit", 1_000_000))
    except CelError as failure:
        return made | {"error": str(failure), "runtimeCost": failure.cost}
    except CostExceeded as failure:
        return made | {"error": str(failure)}
    return made | {"result": tagged(outcome.value), "runtimeCost": outcome.cost}


def expected(question: dict[str, Any]) -> dict[str, Any]:
    """What was answered, as `answer` has it."""
    wanted = {key: question[key] for key in ("errors", "programError", "type", "result", "error", "runtimeCost") if key in question}
    if "programError" in wanted:
        wanted.pop("type", None)
    return wanted


@lru_cache
def _environment(minor: int, variables: tuple[tuple[str, str], ...]) -> Environment:
    return Environment(minor, {name: type_of(text) for name, text in variables})


def type_of(text: str) -> Type:
    """A type from its text, e.g. `map(string, list(int))`."""
    text = text.strip()
    if text in _TYPES:
        return _TYPES[text]
    name, _, rest = text.partition("(")
    inner = [type_of(part) for part in _split(rest[:-1])]
    match name:
        case "list":
            return types.list_of(*inner)
        case "map":
            return types.map_of(*inner)
        case "optional_type":
            return types.optional_of(*inner)
    return types.wrapper_of(*inner)


def _split(text: str) -> list[str]:
    parts, depth = [""], 0
    for character in text:
        depth += (character == "(") - (character == ")")
        if character == "," and not depth:
            parts.append("")
        else:
            parts[-1] += character
    return parts


def tagged(value: Any) -> Any:
    """A value as the files have it."""
    match value:
        case UInt():
            return {"@uint": int(value)}
        case bool() | int() | str() | None:
            return value
        case float():
            return {"@double": repr(value)}
        case bytes():
            return {"@bytes": base64.b64encode(value).decode()}
        case Timestamp():
            return {"@timestamp": times.text(value)}
        case Duration():
            return {"@duration": times.text(value)}
        case list() | tuple() | Joined():
            return [tagged(each) for each in value]
        case dict():
            return _tagged_map(value)
        case Optional_():
            return {"@optional": [tagged(value.value)] if value.present else []}
        case Type():
            return {"@type": value.name}
        case Opaque():
            return {"@opaque": value.type_name, "text": str(value)}
    raise TypeError(value)


def _tagged_map(value: dict[Any, Any]) -> Any:
    if all(type(key) is str for key in value):
        return {key: tagged(each) for key, each in value.items()}
    return {"@map": sorted([[tagged(key_value(key)), tagged(each)] for key, each in value.items()], key=json.dumps)}


def normal(value: Any) -> Any:
    """An answer's value with one way to write each: of doubles there are several."""
    if isinstance(value, list):
        return [normal(each) for each in value]
    if not isinstance(value, dict):
        return value
    if "@double" in value:
        return {"@double": repr(float(value["@double"]))}
    if "@map" in value:
        return {"@map": sorted(normal(value["@map"]), key=json.dumps)}
    return {key: normal(each) for key, each in value.items()}


def untagged(value: Any) -> Any:
    """The value that is meant."""
    if isinstance(value, list):
        return [untagged(each) for each in value]
    if not isinstance(value, dict):
        return value
    match value:
        case {"@uint": number}:
            return UInt(number)
        case {"@double": text}:
            return float(text)
        case {"@bytes": text}:
            return base64.b64decode(text)
        case {"@timestamp": text}:
            return times.parse_moment(text)
        case {"@duration": text}:
            return Duration(times.parse_span(text) or 0)
    return {key: untagged(each) for key, each in value.items()}
