"""What `berth policy explain` shows people: the way of the request, then the object that it leaves."""

from __future__ import annotations

from cluster.api.names import Object
from cluster.api.output import as_yaml
from policies.lab.reports.text import trace_lines


def explanation(answer: Object) -> str:
    result = answer["result"]
    lines = list(trace_lines(answer))
    lines += [f"{'warning':<16}{warning}" for warning in result.get("warnings", ())]
    lines += [f"{'audit':<16}{key}: {value}" for key, value in (result.get("auditAnnotations") or {}).items()]
    text = "\n".join(lines) + "\n"
    return text + as_yaml([result["object"]]) if isinstance(result.get("object"), dict) else text
