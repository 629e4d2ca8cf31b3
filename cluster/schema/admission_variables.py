"""The variables that expressions about writes may use, by name; `admission_expressions` has their types, and loads the engine.

Upstream: apiserver `pkg/admission/plugin/cel/{compile,interface}.go`.
"""

from __future__ import annotations

from typing import Final, NamedTuple

OBJECT: Final = "object"
OLD_OBJECT: Final = "oldObject"
REQUEST: Final = "request"
NAMESPACE: Final = "namespaceObject"
PARAMS: Final = "params"
AUTHORIZER: Final = "authorizer"
REQUEST_RESOURCE: Final = "authorizer.requestResource"
VARIABLES: Final = "variables"


class Uses(NamedTuple):
    """What an expression may look at beside `object`, `oldObject`, `request` and `namespaceObject`."""

    params: bool = False
    authorizer: bool = False
    patches: bool = False
    """Whether it may make objects and JSON patches, as mutations do."""
