"""All that happened to a request, stage by stage, as one value: what `berth policy explain` and the failures of a test show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import orjson

from admission.observer import MUTATING, VALIDATING, Judgement
from cluster.api.names import GroupResource, Object
from cluster.api.output import as_yaml
from cluster.api.user import user_fields
from cluster.server.filters import question_of
from policies.lab.asking import Asked, SuiteInChain
from policies.lab.expressions import expression_of, values_in
from policies.lab.outcome import AUTHENTICATION, RBAC
from policies.lab.trace import Step, Trace
from rbac.authz.index import Binding
from rbac.explain.view import Found

_MOST_LINES: Final = 200
"""Of one difference."""
_GROUP: Final = "admissionregistration.k8s.io"
_POLICIES: Final = {
    "ValidatingAdmissionPolicy": (
        GroupResource(_GROUP, "validatingadmissionpolicies"),
        GroupResource(_GROUP, "validatingadmissionpolicybindings"),
    ),
    "MutatingAdmissionPolicy": (
        GroupResource(_GROUP, "mutatingadmissionpolicies"),
        GroupResource(_GROUP, "mutatingadmissionpolicybindings"),
    ),
}


def described(place: SuiteInChain, asked: Asked, trace: Trace, *, whole: bool = False) -> Object:
    """Read while one is still in the case's world; with `whole`, what no plugin did, too: decoding, and the kind's own strategy."""
    context, outcome = asked.context, asked.outcome
    shown: Object = {"request": _request(asked)}
    if outcome.stage == AUTHENTICATION:
        shown["authentication"] = {"denied": outcome.message}
    else:
        shown["authentication"] = {"user": _plain(user_fields(context.requester))}
        if context.impersonates and context.user != context.requester:
            shown["authentication"]["impersonates"] = _plain(user_fields(context.user))
        shown["rbac"] = _authorization(place, asked)
    between = _between(asked, trace) if whole else {}
    if "decoding" in between:
        shown["decoding"] = between["decoding"]
    if trace.steps:
        shown["admission"] = [_step(place, step) for step in trace.steps if not step.idle]
    if "strategy" in between:
        shown["strategy"] = between["strategy"]
    return shown | {"result": _result(asked)}


def _between(asked: Asked, trace: Trace) -> Object:
    """What decoding and defaulting made of what was sent, and the strategy of what admission left."""
    mutating = [step for step in trace.steps if step.phase == MUTATING]
    validating = [step for step in trace.steps if step.phase == VALIDATING]
    shown: Object = {}
    sent = asked.request.body
    if trace.steps and isinstance(sent, dict) and asked.request.method in ("POST", "PUT"):
        shown["decoding"] = difference(sent, orjson.loads(trace.steps[0].before))
    if mutating and validating:
        shown["strategy"] = difference(orjson.loads(mutating[-1].after), orjson.loads(validating[0].before))
    return shown


def _request(asked: Asked) -> Object:
    shown: Object = {"method": asked.request.method, "path": asked.request.path}
    query = [[key, value] for key, value in asked.request.query.pairs()]
    return shown | ({"query": query} if query else {})


def _plain(value: Object) -> Object:
    plain: Object = orjson.loads(orjson.dumps(value))
    return plain


def _authorization(place: SuiteInChain, asked: Asked) -> Object:
    context, outcome = asked.context, asked.outcome
    if outcome.stage == RBAC:
        return {"allowed": False, "message": outcome.message}
    verdict = context.verdict
    if verdict is None:
        return {}
    shown: Object = {"allowed": verdict.allowed, "reason": verdict.reason or "member of system:masters"}
    granted = place.granted(question_of(context)) if verdict.allowed and verdict.reason.startswith("RBAC") else None
    return shown | (_grant(place, *granted) if granted is not None else {})


def _grant(place: SuiteInChain, binding: Binding, found: Found) -> Object:
    kind = "RoleBinding" if binding.namespace else "ClusterRoleBinding"
    where = {"namespace": binding.namespace} if binding.namespace else {}
    return {"binding": {"kind": kind, "name": binding.name, **where}, "role": place.shown_role(binding, found), "rule": found.shown()}


def _step(place: SuiteInChain, step: Step) -> Object:
    shown: Object = {"phase": step.phase, "plugin": step.plugin}
    judgements = [_judgement(place, each, step) for each in step.judgements if each.outcome != "skipped" or each.part != "matchConstraints"]
    if judgements:
        shown["judgements"] = judgements
    if step.changed:
        shown["diff"] = difference(orjson.loads(step.before), orjson.loads(step.after))
    if step.warnings:
        shown["warnings"] = step.warnings
    if step.denial:
        shown["denied"] = step.denial
    return shown


def _judgement(place: SuiteInChain, judgement: Judgement, step: Step) -> Object:
    shown: Object = {"policy": judgement.policy, "part": judgement.part, "outcome": judgement.outcome}
    if judgement.binding:
        shown["binding"] = judgement.binding
    if judgement.message:
        shown["message"] = judgement.message
    text, roots = _expression(place, judgement, step)
    if text:
        shown["expression"] = text
        values = values_in(text, roots)
        if values:
            shown["values"] = values
    return shown


def _expression(place: SuiteInChain, judgement: Judgement, step: Step) -> tuple[str, Object]:
    """(the text, what its names stand for)"""
    resources = _POLICIES.get(judgement.plugin)
    policy = place.reader.get(resources[0], "", judgement.policy) if resources else None
    if policy is None or resources is None:
        return "", {}
    text = expression_of(policy, judgement.part)
    binding = place.reader.get(resources[1], "", judgement.binding) if judgement.binding else None
    roots: Object = {
        "object": orjson.loads(step.before),
        "oldObject": orjson.loads(step.old),
        "namespaceObject": place.reader.get(GroupResource("", "namespaces"), "", step.namespace) if step.namespace else None,
        "request": step.request,
    }
    if binding is not None:
        found = place.parameters(policy, binding, step.namespace)
        if len(found) <= 1:  # of several, it is not told which one it was
            roots["params"] = found[0] if found else None
    return text, roots


def _result(asked: Asked) -> Object:
    outcome = asked.outcome
    shown: Object = {"allowed": outcome.allowed, "code": outcome.code}
    named = ("stage", "plugin", "policy", "binding", "part", "webhook", "reason", "message")
    shown |= {name: getattr(outcome, name) for name in named if getattr(outcome, name)}
    if outcome.warnings:
        shown["warnings"] = list(outcome.warnings)
    if outcome.annotations:
        shown["auditAnnotations"] = dict(outcome.annotations)
    if outcome.allowed and outcome.body:
        shown["object"] = outcome.object()
    return shown


def difference(before: Any, after: Any) -> list[str]:
    """The lines of a unified difference, as YAML."""
    lines = list(_unified(_lines(before), _lines(after)))
    return lines if len(lines) <= _MOST_LINES else [*lines[:_MOST_LINES], f"... {len(lines) - _MOST_LINES} more lines"]


def _lines(value: Any) -> list[str]:
    return as_yaml([value]).splitlines()[1:] if value is not None else []


def _unified(before: Sequence[str], after: Sequence[str]) -> Iterator[str]:
    import difflib  # for what has failed alone

    for line in difflib.unified_diff(before, after, n=2, lineterm=""):
        if not line.startswith(("---", "+++")):
            yield line
