"""Who can do something: every subject that a binding lets do it."""

from __future__ import annotations

from typing import Final

from cluster.api.authorization import Attributes
from cluster.api.field import quoted
from cluster.api.names import Object
from cluster.api.user import MASTERS
from rbac.authz.index import Binding
from rbac.authz.rbac import RbacAuthorizer
from rbac.authz.union import PrivilegedGroupAuthorizer
from rbac.explain.view import Display, Found, Rules, Sources, allowing, every_binding, subject_shown
from rbac.explain.why import authorizer_name, flattened

Grant = tuple[Binding, Found]
GRANTS: Final = 3
"""How many of a subject's grants are shown."""


def who_can(question: Attributes, sources: Sources, *, only: str = "", limit: int = 500) -> Object:
    """The status of a WhoCanReview; the user of the question does not matter."""
    found = _subjects(question, sources, only)
    keys = sorted(found, key=lambda key: (subject_shown(key)["kind"], key[1:]))
    display = Display(sources.reader, within=only)
    status: Object = {
        "subjects": [subject_shown(key) | _grants(found[key], display) for key in keys[:limit]],
        "total": len(keys),
        "notes": _notes(question, sources, only),
    }
    return status | ({"truncated": True} if len(keys) > limit else {})


def _subjects(question: Attributes, sources: Sources, only: str) -> dict[str, list[Grant]]:
    """Each subject's grants, by its key."""
    namespace = question.namespace if question.is_resource else ""
    found: dict[str, list[Grant]] = {}
    judged: dict[int, tuple[Rules, Found | None]] = {}
    for scope in [only] if only else list(dict.fromkeys(["", namespace])):
        for binding in every_binding(sources.index, scope):
            rules = sources.index.role(binding)
            if rules is None:
                continue
            # each role is judged once; the rules are kept, so that no others can get their id meanwhile
            _, rule = judged.get(id(rules)) or judged.setdefault(id(rules), (rules, allowing(rules, question)))
            if rule is not None:
                for key in binding.subjects:
                    found.setdefault(key, []).append((binding, rule))
    return found


def _grants(grants: list[Grant], display: Display) -> Object:
    shown = [
        {"binding": display.binding(binding), "role": display.role(binding, found.rule.source), "rule": found.shown()}
        for binding, found in grants[:GRANTS]
    ]
    return {"grants": shown} | ({"moreGrants": len(grants) - GRANTS} if len(grants) > GRANTS else {})


def _notes(question: Attributes, sources: Sources, only: str) -> list[str]:
    """Who else there is that no binding tells of."""
    if only:
        return [f"only RoleBindings of namespace {quoted(only)} are listed: who may do this by a cluster-wide binding is not shown here"]
    notes: list[str] = []
    for each in flattened(sources.authorizer):
        name = authorizer_name(each)
        if isinstance(each, PrivilegedGroupAuthorizer):
            notes.append(f"members of group {quoted(MASTERS)} may do anything, without a binding")
        elif name == "Node":
            notes.append("authorizer Node lets each kubelet read and write what belongs to its own node and its pods")
        elif not isinstance(each, RbacAuthorizer):
            notes.append(f"authorizer {quoted(name)} may allow or deny others: ask for one of them by an AccessExplanation")
    if question.name and question.is_resource and question.verb == "create" and not question.subresource:
        notes.append("a create names no object to authorization: rules with resourceNames do not allow it, whatever is listed here")
    return notes
