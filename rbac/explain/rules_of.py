"""What someone can do: the effective rules of a subject in a namespace, each with where it comes from."""

from __future__ import annotations

from cluster.api.field import quoted
from cluster.api.names import Object
from cluster.api.user import MASTERS, UserInfo
from rbac.authz.index import subject_keys
from rbac.authz.rbac import RbacAuthorizer
from rbac.authz.references import node_name
from rbac.authz.union import PrivilegedGroupAuthorizer
from rbac.explain.view import Display, Sources, matched_key, own_bindings, rule_shown, subject_of
from rbac.explain.why import authorizer_name, flattened


def rules_of(user: UserInfo, namespace: str, sources: Sources, *, only: str = "", limit: int = 500) -> Object:
    """The status of a SubjectRulesReview; namespace "": what holds at the cluster scope."""
    keys = subject_keys(user)
    display = Display(sources.reader, within=only)
    rules: list[Object] = []
    problems: list[str] = []
    total = 0
    for binding in own_bindings(sources.index, user, namespace):
        if only and not binding.namespace:
            continue
        compiled = sources.index.role(binding)
        if compiled is None:
            problems.append(binding.missing())
            continue
        total += len(compiled)
        for place, rule in enumerate(compiled[: max(limit - len(rules), 0)]):
            rules.append(
                {
                    "rule": {"index": place, **rule_shown(rule.source)},
                    "role": display.role(binding, rule.source),
                    "binding": display.binding(binding),
                    "subject": subject_of(binding, matched_key(binding, keys), user),
                }
            )
    status: Object = {"rules": rules, "total": total, "notes": _notes(user, sources, only)}
    status |= {"problems": list(dict.fromkeys(problems))} if problems else {}
    return status | ({"truncated": True} if total > len(rules) else {})


def _notes(user: UserInfo, sources: Sources, only: str) -> list[str]:
    notes: list[str] = []
    if only:
        notes.append(f"only what RoleBindings of namespace {quoted(only)} grant is listed: cluster-wide bindings may grant more")
    for each in flattened(sources.authorizer):
        if isinstance(each, PrivilegedGroupAuthorizer):
            if MASTERS in user.groups:
                notes.append(f"as a member of group {quoted(MASTERS)} the user may do anything")
        elif authorizer_name(each) == "Node":
            if node_name(user):
                notes.append(f"authorizer Node lets node {quoted(node_name(user) or '')} read and write what belongs to it and its pods")
        elif not isinstance(each, RbacAuthorizer):
            notes.append(f"authorizer {quoted(authorizer_name(each))} may allow or deny more, and lists no rules")
    return notes
