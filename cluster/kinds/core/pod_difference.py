"""The difference of two specs, as the message of a refused update shows it.  Upstream: apimachinery `pkg/util/diff`."""

from __future__ import annotations

import difflib
import json

from cluster.api.names import Object


def difference(old: Object, new: Object) -> str:
    """A unified difference of the two as JSON, indented by one space, with three lines of context."""
    before, after = (json.dumps(each, indent=1, ensure_ascii=False).splitlines(keepends=True) for each in (old, new))
    before[-1] += "\n"
    after[-1] += "\n"
    return "".join(difflib.unified_diff(before, after, n=3))
