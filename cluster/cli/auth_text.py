"""Explanations of access as text: short, aligned, one thing a line."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Final

from cluster.api.names import Object
from cluster.api.output import aligned, as_yaml
from cluster.api.user import ANONYMOUS, AUTHENTICATED, UNAUTHENTICATED, service_account_groups, split_service_account

_LABEL: Final = 12
"""The width of the first column."""
_SHOWN: Final = 8
"""How many verbs, resources and the like of a rule are shown."""


def completed(user: str, groups: Sequence[str]) -> Object:
    """A user as impersonation makes it: with a service account's groups where none are named, and with everyone's."""
    account = split_service_account(user)
    found = [*groups] or [*(service_account_groups(account[0]) if account else ())]
    if user and user != ANONYMOUS and AUTHENTICATED not in found and UNAUTHENTICATED not in found:
        found.append(AUTHENTICATED)
    if user == ANONYMOUS and not found:
        found.append(UNAUTHENTICATED)
    return ({"user": user} if user else {}) | {"groups": found}


def why(answer: Object) -> str:
    """An AccessExplanation."""
    spec, status = answer.get("spec") or {}, answer["status"]
    lines = [_verdict(status)]
    lines += _line("question", f"{_who(spec, status)}: {_what(spec)}")
    lines += _authentication(status.get("authentication"))
    if status.get("stage") != "authentication":
        lines += _line("authorizer", _authorizer(status))
    if status.get("grantedBy"):
        lines += _grant(status["grantedBy"])
    for each in status.get("alsoGrantedBy") or ():
        lines += _line("also by", f"{_binding(each['binding'])} of {_role(each['role'])}")
    if status.get("alsoGrantedByMore"):
        lines += _line("", f"and {status['alsoGrantedByMore']} more")
    lines += _admission(status.get("admission"))
    if status.get("message"):
        lines += _line("message", status["message"])
    if status.get("evaluationError"):
        lines += _line("problem", status["evaluationError"])
    for each in status.get("hints") or ():
        lines += _line("hint", each)
    for each in status.get("nearestMisses") or ():
        lines += _line("near miss", f"{_binding(each['binding'])} of {_role(each['role'])} to {_subject(each['subject'])}")
        lines += [line for failure in each["failures"] for line in _line("", f"- {failure['message']}")]
    for each in status.get("rolesThatWouldAllow") or ():
        lines += _line("would do", f"{_role(each)}, if it were bound ({each['rules']} rules)")
    return "\n".join(lines) + "\n" + _smallest(status.get("smallestGrant"))


def _verdict(status: Object) -> str:
    if status["allowed"]:
        return "allowed"
    refused = (status.get("admission") or {}).get("plugin") or (status.get("admission") or {}).get("step") or ""
    return f"denied by {status['stage']}{f' ({refused})' if refused else ''}"


def _authorizer(status: Object) -> str:
    name, reason = status.get("authorizer") or "none allows it", status.get("reason") or ""
    return reason if reason.startswith(f"{name}: ") else ": ".join(filter(None, (name, reason)))


def _who(spec: Object, status: Object) -> str:
    user = (status.get("authentication") or {}).get("user") or {}
    name = spec.get("user") or user.get("username") or ""
    groups = spec.get("groups") or user.get("groups") or []
    shown = f'"{name}"' if name else "someone"
    return f"{shown} ({', '.join(groups)})" if groups else shown


def _what(spec: Object) -> str:
    path = spec.get("nonResourceAttributes")
    if path:
        return f"{path['verb']} {path['path']}"
    asked = spec.get("resourceAttributes") or {}
    resource = asked.get("resource", "") + (f".{asked['group']}" if asked.get("group") else "")
    resource += f"/{asked['subresource']}" if asked.get("subresource") else ""
    name = f' "{asked["name"]}"' if asked.get("name") else ""
    where = f"in namespace {asked['namespace']}" if asked.get("namespace") else "at the cluster scope"
    return f"{asked.get('verb', '')} {resource}{name} {where}"


def _line(label: str, text: str) -> list[str]:
    first, *rest = text.splitlines() or [""]
    return [f"{label + ':' if label else '':<{_LABEL}} {first}", *(f"{'':<{_LABEL}} {each}" for each in rest)]


def _authentication(found: Object | None) -> list[str]:
    if not found:
        return []
    if found["accepted"]:
        return _line("credentials", f"accepted by {found.get('authenticator', 'no authenticator: anonymous')}")
    lines = _line("credentials", f"refused: {found.get('reason', '')}")
    return lines + [line for each in found["attempts"] for line in _line("", _attempt(each))]


def _attempt(each: Object) -> str:
    outcome = {"Refused": "refused them", "NotItsOwn": "does not know them"}.get(each["outcome"], each["outcome"])
    return f"- {each['authenticator']} {outcome}{': ' + each['reason'] if each.get('reason') else ''}"


def _admission(found: Object | None) -> list[str]:
    if not found:
        return []
    if found["passed"]:
        return _line("admission", f"passed: {', '.join(found.get('plugins') or ()) or 'no plugins'}")
    return _line("admission", f"refused by {found.get('plugin') or found['step']} ({found['code']} {found['reason']})")


def _grant(grant: Object) -> list[str]:
    binding = grant["binding"]
    expires = f", until {binding['expiresAt']}" if binding.get("expiresAt") else ""
    lines = _line("binding", _binding(binding) + expires)
    aggregated = grant["role"].get("aggregatedFrom")
    lines += _line("role", _role(grant["role"]) + (f", aggregated from {', '.join(aggregated)}" if aggregated else ""))
    if grant.get("rule"):
        lines += _line("rule", f"#{grant['rule']['index'] + 1}: {_rule(grant['rule'])}")
    if grant.get("subject"):
        lines += _line("subject", f"{_subject(grant['subject'])}: {grant['subject'].get('because', '')}")
    return lines


def _binding(binding: Object) -> str:
    return f"{binding['kind']} {binding['namespace'] + '/' if binding.get('namespace') else ''}{binding['name']}"


def _role(role: Object) -> str:
    return f"{role['kind']} {role['name']}"


def _subject(subject: Object) -> str:
    name = f"{subject['namespace']}/{subject['name']}" if subject.get("namespace") else subject["name"]
    return f"{subject['kind']} {name}"


def _rule(rule: Object) -> str:
    verbs = _some(rule.get("verbs") or ())
    if rule.get("nonResourceURLs"):
        return f"{verbs} {_some(rule['nonResourceURLs'])}"
    groups = _some([f'"{each}"' for each in rule.get("apiGroups") or ()])
    names = f" named {_some(rule['resourceNames'])}" if rule.get("resourceNames") else ""
    return f"{verbs} {_some(rule.get('resources') or ())} in {groups}{names}"


def _some(values: Sequence[str]) -> str:
    """The first of them, and how many more there are."""
    more = len(values) - _SHOWN
    return ",".join(values[:_SHOWN]) + (f" +{more}" if more > 0 else "")


def _smallest(grant: Object | None) -> str:
    if not grant:
        return ""
    note = f"# {grant['note']}\n" if grant.get("note") else ""
    return f"\nThe smallest grant that allows it:\n\n{note}{as_yaml(grant['objects'])}"


def who_can(answer: Object) -> str:
    """A WhoCanReview."""
    status = answer["status"]
    rows = [("SUBJECT", "BINDING", "ROLE", "RULE")]
    for subject in status["subjects"]:
        grants = subject.get("grants") or ()
        for place, grant in enumerate(grants):
            shown = _subject(subject) if not place else ""
            rows.append((shown, _binding(grant["binding"]), _role(grant["role"]), _rule(grant["rule"])))
        if subject.get("moreGrants"):
            rows.append(("", f"and {subject['moreGrants']} more", "", ""))
    left = status["total"] - len(status["subjects"])
    lines = aligned(rows) if len(rows) > 1 else ["no binding allows it"]
    lines += [f"and {left} more subjects"] if left else []
    return _with_notes(lines, status)


def rules(answer: Object) -> str:
    """A SubjectRulesReview."""
    status = answer["status"]
    rows = [("RULE", "ROLE", "BINDING", "SUBJECT")]
    rows += [(_rule(each["rule"]), _role(each["role"]), _binding(each["binding"]), _subject(each["subject"])) for each in status["rules"]]
    left = status["total"] - len(status["rules"])
    lines = aligned(rows) if len(rows) > 1 else ["no rules apply"]
    lines += [f"and {left} more rules"] if left else []
    lines += [f"problem: {each}" for each in status.get("problems") or ()]
    return _with_notes(lines, status)


def _with_notes(lines: list[str], status: Object) -> str:
    return "\n".join([*lines, *(f"note: {each}" for each in status.get("notes") or ())]) + "\n"


def matrix(answer: Object) -> str:
    """An AccessMatrixReview as a table: a row for each subject and resource, a column for each verb."""
    status = answer["status"]
    verbs = status["verbs"]
    rows: list[tuple[str, ...]] = [("SUBJECT", "NAMESPACE", "RESOURCE", *(verb.upper() for verb in verbs))]
    for row in status["rows"]:
        cells = ("yes" if verb in row["allowed"] else "-" for verb in verbs)
        rows.append((_subject(row["subject"]), row["namespace"] or "*", _matrix_resource(row), *cells))
    lines = aligned(rows)
    if status.get("subjectsLeftOut"):
        lines.append(f"and {status['subjectsLeftOut']} more subjects: name those of interest with --subjects")
    return "\n".join(lines) + "\n"


def csv_of(answer: Object) -> str:
    """An AccessMatrixReview as CSV."""
    status = answer["status"]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["kind", "subject_namespace", "subject", "namespace", "resource", *status["verbs"]])
    for row in status["rows"]:
        subject = row["subject"]
        cells = ["yes" if verb in row["allowed"] else "no" for verb in status["verbs"]]
        writer.writerow([subject["kind"], subject.get("namespace", ""), subject["name"], row["namespace"], _matrix_resource(row), *cells])
    return text.getvalue()


def _matrix_resource(row: Object) -> str:
    resource, slash, subresource = row["resource"].partition("/")
    return f"{resource}{'.' + row['group'] if row['group'] else ''}{slash}{subresource}"
