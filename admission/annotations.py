"""What plugins tell the audit event.  Upstream: apiserver `pkg/admission/attributes.go` (AddAnnotationWithLevel)."""

from __future__ import annotations

import logging
from typing import Any, Final

import orjson

from cluster.api.validation import is_qualified_name

log = logging.getLogger(__name__)
_ESCAPED: Final = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
"""Characters that Go's encoder never writes as they are."""


def annotate(annotations: dict[str, str], key: str, value: str) -> None:
    """What has no proper name, or another value already, is left out."""
    if key.count("/") != 1 or is_qualified_name(key):
        log.warning("the audit annotation %r has no proper name", key)
    elif annotations.setdefault(key, value) != value:
        log.warning("the audit annotation %r has a value already", key)


def encoded(value: Any) -> str:
    """As Go writes JSON."""
    text = orjson.dumps(value).decode()
    for character, escape in _ESCAPED.items():
        text = text.replace(character, escape)
    return text
