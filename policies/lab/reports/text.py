"""What people read: what did not pass, with what was expected, what came, and the way there; then a line for each suite."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import orjson

from admission.observer import VALIDATING
from cluster.api.names import Object
from cluster.api.output import aligned, printable
from policies.lab.coverage import Coverage
from policies.lab.describe import difference
from policies.lab.results import BROKEN, FAILED, PASSED, SAID, SKIPPED, UNMATCHED, CaseResult, RunResult, SuiteResult

_LARGE: Final = 160
"""Characters, from which on values are not shown in a line."""


def text(result: RunResult, *, verbose: bool = False) -> str:
    """The whole report."""
    lines = [line for broken in result.broken for line in str(broken).splitlines()]
    for suite in result.suites:
        lines += _suite(suite, verbose=verbose)
    if lines:
        lines.append("")
    if result.suites:
        lines += aligned(list(_table(result)))
        lines.append("")
    if result.coverage is not None:
        lines += coverage_lines(result.coverage)
        lines.append("")
    lines += [f"updated {each}" for each in result.updated]
    lines.append(summary(result))
    return printable("\n".join(lines)) + "\n"


def _suite(suite: SuiteResult, *, verbose: bool) -> Iterator[str]:
    if suite.broken:
        yield f"BROKEN {suite.suite.file} (Kubernetes {suite.version})"
        yield from (f"  {line}" for line in suite.broken.splitlines())
    for case in suite.cases:
        if case.good:
            if verbose and not suite.broken:
                yield f"{said(case).upper()} {title(suite, case)} ({case.seconds * 1000:.1f} ms)"
            continue
        yield f"{said(case).upper()} {title(suite, case)}"
        yield f"  {case.case.place}"
        yield from (f"  {line}" for line in explained(case))


def title(suite: SuiteResult, case: CaseResult) -> str:
    return f"{suite.suite.name}/{case.case.name} (Kubernetes {suite.version})"


def said(case: CaseResult) -> str:
    return SAID.get(case.state, case.state)


def explained(case: CaseResult) -> Iterator[str]:
    """Why a case is not good, without its name."""
    yield from case.why.splitlines()
    for each in case.differences:
        yield f"{each['field']}:"
        yield from _compared(each["expected"], each["actual"])
    if case.trace is not None:
        yield "how it went:"
        yield from (f"  {line}" for lines in trace_lines(case.trace) for line in lines.splitlines())


def brief(case: CaseResult) -> str:
    """In a line."""
    fields = ", ".join(str(each["field"]) for each in case.differences)
    return case.why or f"not as expected: {fields}"


def _compared(expected: Any, actual: Any) -> Iterator[str]:
    """Both; of what is large, the lines in which they differ."""
    if isinstance(expected, dict | list) and isinstance(actual, dict | list) and len(orjson.dumps([expected, actual])) > _LARGE:
        yield "  expected (-), actual (+):"
        yield from (f"  {line}" for line in difference(expected, _ordered(actual, expected)))
        return
    yield from _value("expected", expected)
    yield from _value("actual", actual)


def _ordered(value: Any, like: Any) -> Any:
    """The same, its keys in the order of another's."""
    if isinstance(value, dict) and isinstance(like, dict):
        keys = [*(key for key in like if key in value), *(key for key in value if key not in like)]
        return {key: _ordered(value[key], like.get(key)) for key in keys}
    if isinstance(value, list) and isinstance(like, list):
        return [_ordered(each, like[position] if position < len(like) else None) for position, each in enumerate(value)]
    return value


def _value(name: str, value: Any) -> Iterator[str]:
    shown = value if isinstance(value, str) else orjson.dumps(value).decode()
    first, *rest = shown.splitlines() or [""]
    yield f"  {name + ':':<10}{first}"
    yield from (f"{'':<12}{line}" for line in rest)


def trace_lines(trace: Object) -> Iterator[str]:
    """A description as lines: a stage each, and below it what it did."""
    request = trace["request"]
    yield _stage("request", f"{request['method']} {request['path']}")
    authentication = trace["authentication"]
    yield _stage("authentication", authentication.get("denied") or user_line(authentication["user"]))
    if "impersonates" in authentication:
        yield _stage("", f"as {user_line(authentication['impersonates'])}")
    if trace.get("rbac"):
        yield from _rbac(trace["rbac"])
    yield from _changes("decoding", "pruned and defaulted", trace.get("decoding"))
    prepared = trace.get("strategy")
    for step in trace.get("admission", ()):
        if step["phase"] == VALIDATING:
            yield from _changes("strategy", "prepared", prepared)
            prepared = None
        yield _stage(step["phase"], f"{step['plugin']}{': ' + step['denied'] if 'denied' in step else ''}")
        yield from (_stage("", line) for line in _step(step))
    yield from _changes("strategy", "prepared", prepared)
    yield _stage("result", _result(trace["result"]))
    yield from (_stage("log", line) for line in trace.get("log", ()))


def _stage(name: str, text: str) -> str:
    """`text` may have several lines."""
    return f"{name:<16}" + text.rstrip("\n").replace("\n", f"\n{'':<16}")


def _changes(stage: str, what: str, diff: Sequence[str] | None) -> Iterator[str]:
    if diff:
        yield _stage(stage, what)
        yield from (_stage("", line) for line in diff)


def user_line(user: Object) -> str:
    return f"{user.get('username', '')} [{', '.join(user.get('groups') or ())}]"


def _rbac(rbac: Object) -> Iterator[str]:
    yield _stage("rbac", str(rbac.get("message") or rbac.get("reason") or ""))
    if "rule" in rbac:
        role = rbac["role"]
        origins = f", aggregated from {', '.join(role['aggregatedFrom'])}" if role.get("aggregatedFrom") else ""
        yield _stage("", f"rules[{rbac['rule']['index']}] of {role['kind']} {role['name']}{origins}")


def _step(step: Object) -> Iterator[str]:
    for each in step.get("judgements", ()):
        bound = f" ({each['binding']})" if each.get("binding") else ""
        message = f": {each['message']}" if each.get("message") else ""
        yield f"{each['policy']}{bound} {each['part']} {each['outcome']}{message}"
        if each.get("expression"):
            yield from (f"  {line}" for line in str(each["expression"]).strip().splitlines())
        for name, value in (each.get("values") or {}).items():
            yield f"  {name} = {orjson.dumps(value).decode()}"
    yield from (f"warning: {each}" for each in step.get("warnings", ()))
    yield from step.get("diff", ())


def _result(result: Object) -> str:
    if result["allowed"]:
        return f"allowed ({result['code']})"
    return f"denied ({result['code']}) at {result.get('stage', '')}: {result.get('message', '')}"


def _table(result: RunResult) -> Iterator[Sequence[str]]:
    yield ("SUITE", "KUBERNETES", "CASES", "PASSED", "FAILED", "NOT MATCHED", "BROKEN", "SKIPPED", "TIME")
    for suite in result.suites:
        counts = [str(suite.count(state)) for state in (PASSED, FAILED, UNMATCHED, BROKEN, SKIPPED)]
        yield (suite.suite.file, suite.version, str(len(suite.cases)), *counts, f"{suite.seconds:.2f} s")


def coverage_lines(coverage: Coverage) -> Iterator[str]:
    if not coverage.items:
        yield "coverage: nothing is under test"
        return
    covered = sum(each.covered for each in coverage.items)
    yield f"coverage {coverage.percent:.1f} % ({covered} of {len(coverage.items)} parts of what is under test)"
    missing = [each for each in coverage.items if not each.covered]
    if missing:
        rows = [("FILE", "KIND", "NAME", "PART", "NOT EXERCISED")]
        rows += [(each.file, *each.part.subject, each.part.part or "-", each.why) for each in missing]
        yield from aligned(rows)


def summary(result: RunResult) -> str:
    """The last line."""
    counts = ((state, result.count(state)) for state in (PASSED, FAILED, UNMATCHED, BROKEN, SKIPPED))
    shown = ", ".join(f"{count} {SAID.get(state, state)}" for state, count in counts if count or state == PASSED)
    suites = len(result.broken) + sum(bool(each.broken) for each in result.suites)
    shown += f", {suites} {'suite' if suites == 1 else 'suites'} broken" if suites else ""
    if not result.covered_enough and result.coverage is not None:
        shown += f", coverage {result.coverage.percent:.1f} % is below {result.threshold:g} %"
    return f"{shown} in {result.seconds:.2f} s"
