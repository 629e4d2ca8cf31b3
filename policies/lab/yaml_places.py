"""Where in its file a value stands."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final

import yaml

from policies.lab.documents import Steps
from policies.lab.yaml_values import LOADER

_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
"""An escape that is JSON's alone."""


def locate(text: bytes, position: int, path: Steps, *, key: bool) -> tuple[int, int]:
    """(line, column) of the value at a path, or of the last that is there on the way to it."""
    try:
        nodes = _nodes(text)
    except yaml.YAMLError:  # JSON may say what YAML does not understand
        return 0, 0
    if position >= len(nodes):
        return 0, 0
    name = node = nodes[position]
    for step in path:
        pair = _child(node, step)
        if pair is None:
            break
        name, node = pair
    mark = (name if key else node).start_mark
    return mark.line + 1, mark.column + 1


@lru_cache(maxsize=4)
def _nodes(text: bytes) -> list[Any]:
    """Made once of a text, however many of its values are asked for."""
    return list(yaml.compose_all(_SURROGATE.sub(rb"\\ufffd", text), Loader=LOADER))


def _child(node: Any, step: str | int) -> tuple[Any, Any] | None:
    """(the node of its name, its own node)"""
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int):
        return (node.value[step], node.value[step]) if step < len(node.value) else None
    if isinstance(node, yaml.MappingNode):
        return next(((name, value) for name, value in node.value if name.value == step), None)
    return None
