"""YAML as upstream's converter reads it: scalars by YAML 1.1's rules but for times and base-60 numbers, and string keys.

Upstream: `sigs.k8s.io/yaml` over go-yaml v2.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import yaml

_MAX_NODES: Final = 500_000
_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_LOADER):  # type: ignore[misc]
    """Resolves scalars as go-yaml does and notes keys that come twice."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  # the library's way to give a loader its own rules

    def __init__(self, stream: bytes) -> None:
        super().__init__(stream)
        self.repeated: list[str] = []

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[str, Any]:
        own: set[str] = set()
        for key_node, _ in node.value:
            if isinstance(key_node, yaml.ScalarNode):
                if key_node.value in own:
                    self.repeated.append(f'line {key_node.start_mark.line + 1}: key "{key_node.value}" already set in map')
                own.add(key_node.value)
        self.flatten_mapping(node)
        return {
            key_of(self.construct_object(key_node, deep=True)): self.construct_object(value_node, deep=deep)
            for key_node, value_node in node.value
        }


def _integer(text: str) -> int:
    text = text.replace("_", "")
    sign = -1 if text.startswith("-") else 1
    digits = text.lstrip("+-").lower()
    for prefix, base in (("0x", 16), ("0b", 2), ("0o", 8)):
        if digits.startswith(prefix):
            return sign * int(digits[2:], base)
    return sign * int(digits, 8 if len(digits) > 1 and digits.startswith("0") else 10)


def _boolean(text: str) -> bool:
    return text.lower() in ("y", "yes", "true", "on")


def _float(text: str) -> float:
    text = text.replace("_", "").lower()
    if text.lstrip("+-").startswith("."):
        special = text.lstrip("+-")[1:]
        if special in ("inf", "nan"):
            raise ValueError("json: unsupported value: " + {"inf": "+Inf", "nan": "NaN"}[special])
    return float(text)


def _null(text: str) -> None:  # noqa: ARG001 - a scalar's reader
    return None


_PREFIX: Final = "tag:yaml.org,2002:"
_READERS: Final[dict[str, Callable[[str], Any]]] = {
    f"{_PREFIX}bool": _boolean,
    f"{_PREFIX}null": _null,
    f"{_PREFIX}int": _integer,
    f"{_PREFIX}float": _float,
    f"{_PREFIX}str": str,
    f"{_PREFIX}binary": str,
    f"{_PREFIX}timestamp": str,
}
MERGE: Final = f"{_PREFIX}merge"


def tag_of(text: str) -> str:
    """What a scalar without quotes and tag is: a string, unless it looks otherwise."""
    for tag, pattern in _Loader.yaml_implicit_resolvers.get(text[:1], ()):
        if pattern.match(text):
            return str(tag)
    return f"{_PREFIX}str"


def scalar(text: str, tag: str) -> Any:
    """A scalar's value; ValueError for what its tag does not fit, or for a tag that no JSON value has."""
    reader = _READERS.get(tag)
    if reader is None:
        raise ValueError(f"yaml: cannot convert a value with tag {tag}")
    return reader(text)


def key_of(value: Any) -> str:
    """A mapping's key as JSON has it; ValueError for one that it can not have."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int, float)):
        return str(value)
    raise ValueError(f"Unsupported map key of type: {'nil' if value is None else type(value).__name__}, key: {value!r}")


def _rules() -> None:
    rules = (
        ("tag:yaml.org,2002:bool", r"y|Y|yes|Yes|YES|n|N|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF", "yYnNtTfFoO"),
        ("tag:yaml.org,2002:null", r"~|null|Null|NULL|", ("~", "n", "N", "")),
        ("tag:yaml.org,2002:int", r"[-+]?(?:0b[0-1_]+|0o?[0-7_]+|0x[0-9a-fA-F_]+|0|[1-9][0-9_]*)", "-+0123456789"),
        (
            "tag:yaml.org,2002:float",
            r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
            "-+0123456789.",
        ),
        ("tag:yaml.org,2002:merge", "<<", "<"),
    )
    for tag, pattern, first in rules:
        _Loader.add_implicit_resolver(tag, re.compile(f"(?:{pattern})$"), list(first))
    for tag in ("bool", "int", "float", "binary", "timestamp"):
        _Loader.add_constructor(f"{_PREFIX}{tag}", lambda loader, node: scalar(loader.construct_scalar(node), node.tag))


_rules()


def load(data: bytes, max_depth: int) -> tuple[Any, list[str]]:
    """(the first document as JSON values, what is said of keys that come twice); ValueError in upstream's words."""
    try:
        _check_depth(data, max_depth)
        loader = _Loader(data)
        try:
            value = loader.get_data() if loader.check_data() else None
        finally:
            loader.dispose()
        plain = _Plain(max_depth).of(value, 0)
    except yaml.YAMLError as error:
        raise ValueError(_problem(error)) from None
    except UnicodeError:
        raise ValueError("yaml: invalid leading UTF-8 octet") from None
    if not loader.repeated:
        return plain, []
    return plain, ["yaml: unmarshal errors:\n  " + "\n  ".join(loader.repeated)]


def _check_depth(data: bytes, max_depth: int) -> None:
    """Before anything recursive sees the text."""
    depth = 0
    for event in yaml.parse(data, Loader=_LOADER):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > max_depth:
                raise ValueError("yaml: exceeded max depth")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.DocumentEndEvent):
            return


def _problem(error: yaml.YAMLError) -> str:
    """A syntax error as go-yaml tells it; both wrap the same parser."""
    if not isinstance(error, yaml.MarkedYAMLError):
        return f"yaml: {getattr(error, 'reason', None) or 'control characters are not allowed'}"
    mark = error.context_mark if error.context_mark is not None and error.context_mark.line else error.problem_mark
    line = mark.line if mark is not None else 0
    if line and isinstance(error, yaml.scanner.ScannerError):
        line += 1
    return f"yaml: line {line}: {error.problem}" if line else f"yaml: {error.problem}"


class _Plain:
    """Copies a value into JSON's types; aliases are written out, so their number is bounded."""

    def __init__(self, max_depth: int) -> None:
        self._max_depth = max_depth
        self._nodes = 0

    def of(self, value: Any, depth: int) -> Any:
        self._nodes += 1
        if self._nodes > _MAX_NODES:
            raise ValueError("yaml: document contains excessive aliasing")
        if depth > self._max_depth:
            raise ValueError("yaml: exceeded max depth")
        if isinstance(value, dict):
            return {key: self.of(each, depth + 1) for key, each in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.of(each, depth + 1) for each in value]
        if value is None or isinstance(value, (str, bool, int, float)):
            return value
        raise ValueError(f"yaml: cannot convert a value of type {type(value).__name__}")
