"""The difference of two specs, as the message of a refused update shows it.  Upstream: apimachinery `pkg/util/diff`."""

from __future__ import annotations

import difflib
import json

from cluster.api.names import Object


def difference(old: Object, new: Object) -> str:
    """A unified difference of the two as JSON, indented by one space, with three lines of context and without a header."""
    before, after = (json.dumps(each, indent=1, ensure_ascii=False, sort_keys=True).splitlines() for each in (old, new))
    lines = list(difflib.unified_diff(before, after, n=3, lineterm=""))
    return "".join(f"{line}\n" for line in lines[2:])
