"""What the Tables of all workloads show alike: containers, images, selectors.

Upstream: `pkg/printers/internalversion/printers.go`, and `labels.Selector.String`.
"""

from __future__ import annotations

from typing import Final

from cluster.api.names import Object
from cluster.kinds.printing import NONE

_OPERATORS: Final = {"In": "{key} in ({values})", "NotIn": "{key} notin ({values})", "Exists": "{key}", "DoesNotExist": "!{key}"}


def container_cells(template: Object | None) -> list[str]:
    """The names and the images of a template's containers."""
    containers = ((template or {}).get("spec") or {}).get("containers") or ()
    return [",".join(each.get(field) or "" for each in containers) for field in ("name", "image")]


def labels_cell(labels: dict[str, str] | None) -> str:
    """`a=b,c=d`, or `<none>`."""
    return ",".join(f"{key}={value}" for key, value in sorted((labels or {}).items())) or NONE


def selector_string(selector: Object | None) -> str:
    """A label selector in the notation of a query, by key; empty where it selects everything, None where it selects nothing."""
    wanted = [(key, f"{key}={value}") for key, value in ((selector or {}).get("matchLabels") or {}).items()]
    for requirement in (selector or {}).get("matchExpressions") or ():
        form, key = _OPERATORS.get(requirement.get("operator", "")), requirement.get("key", "")
        if form is None:
            return "<invalid>"
        wanted.append((key, form.format(key=key, values=",".join(sorted(requirement.get("values") or ())))))
    return ",".join(text for _, text in sorted(wanted))


def selector_cell(selector: Object | None) -> str:
    return selector_string(selector) or NONE
