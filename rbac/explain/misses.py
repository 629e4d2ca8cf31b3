"""Nearest misses: the bindings that come closest to allowing a question, and in what each fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from heapq import nsmallest

from msgspec import Struct
from msgspec.structs import replace

from cluster.api.authorization import Attributes
from cluster.api.field import quoted
from cluster.api.names import Object
from cluster.api.user import UserInfo
from rbac.authz.index import Binding, subject_keys
from rbac.explain.dimensions import NEAR, Dimension, distance, failing, rule_message
from rbac.explain.near_subjects import near_subject
from rbac.explain.view import Display, Rules, Sources, matched_key, rule_shown, subject_of, subject_shown
from rbac.rules import CompiledRule


class _Best(Struct, frozen=True):
    """The rule of a role that comes closest, its place, and in what it fails; no rule where none comes close."""

    failed: tuple[Dimension, ...]
    place: int = 0
    rule: CompiledRule | None = None


class _Miss(Struct, frozen=True):
    """A binding, the best rule of its role (None where the role is missing), and what fails."""

    binding: Binding
    place: int
    rule: CompiledRule | None
    failed: tuple[Dimension, ...]
    key: str = ""
    """The subject, where it is not one of the user's own."""
    likeness: str = ""

    @property
    def rank(self) -> tuple[float, int, str, str]:
        return distance(self.failed), len(self.failed), self.binding.namespace, self.binding.name


def nearest_misses(question: Attributes, sources: Sources, only: str, limit: int) -> list[Object]:
    """The nearest ones first; with `only`, those of this namespace's own bindings alone."""
    found = [miss for miss in _candidates(question, sources, only) if miss.failed and distance(miss.failed) <= NEAR]
    display = Display(sources.reader, within=only)
    return [_shown(miss, question, display) for miss in nsmallest(limit, found, key=lambda miss: miss.rank)]


def _candidates(question: Attributes, sources: Sources, only: str) -> Iterator[_Miss]:
    index = sources.index
    keys = subject_keys(question.user)
    best = _judge(question, sources)
    here = [only] if only else list(dict.fromkeys(["", question.namespace]))
    for namespace in here:
        where = () if _applies(question, namespace) else (Dimension.SCOPE,)
        yield from _of_keys(sources, keys, namespace, where, best)
        near = near_subject(question.user)
        for key, bindings in index.subjects(namespace):
            likeness = "" if key in keys else near(key)
            if likeness:
                for binding in bindings:
                    if not any(own in binding.subjects for own in keys):
                        found = best(binding)
                        yield _Miss(binding, found.place, found.rule, (*where, Dimension.SUBJECT, *found.failed), key, likeness)
    if not only:
        elsewhere = Dimension.NAMESPACE if question.is_resource and question.namespace else Dimension.SCOPE
        for namespace in index.scopes():
            if namespace not in here:
                yield from _of_keys(sources, keys, namespace, (elsewhere,), best)


def _applies(question: Attributes, namespace: str) -> bool:
    """Whether bindings of this scope can answer the question at all."""
    return not namespace or (question.is_resource and namespace == question.namespace)


Judge = Callable[[Binding], _Best]


def _of_keys(sources: Sources, keys: Sequence[str], namespace: str, also: tuple[Dimension, ...], best: Judge) -> Iterator[_Miss]:
    seen: set[str] = set()
    for key in keys:
        for binding in sources.index.of_subject(key, namespace):
            if binding.name not in seen:
                seen.add(binding.name)
                found = best(binding)
                yield _Miss(binding, found.place, found.rule, also + found.failed)


def _judge(question: Attributes, sources: Sources) -> Judge:
    """The best rule of a binding's role; each role is judged once, however many bindings it has."""
    judged: dict[int, tuple[Rules, _Best]] = {}

    def best(binding: Binding) -> _Best:
        rules = sources.index.role(binding)
        if rules is None:
            found = _Best((Dimension.ROLE,))
        else:
            # the rules are kept, so that no others can get their id meanwhile
            _, found = judged.get(id(rules)) or judged.setdefault(id(rules), (rules, _nearest(rules, question)))
        return found if sources.index.counts(binding) else replace(found, failed=(Dimension.EXPIRY, *found.failed))

    return best


def _nearest(rules: Rules, question: Attributes) -> _Best:
    found = _Best((Dimension.RESOURCE, Dimension.API_GROUP))
    for place, rule in enumerate(rules):
        failed = failing(rule, question)
        if failed is not None and (distance(failed), len(failed)) < (distance(found.failed), len(found.failed)):
            found = _Best(failed, place, rule)
    return found


def _shown(miss: _Miss, question: Attributes, display: Display) -> Object:
    keys = subject_keys(question.user)
    rule = miss.rule
    shown: Object = {
        "binding": display.binding(miss.binding),
        "role": display.role(miss.binding, rule.source if rule is not None else None),
        "subject": _subject(miss, keys, question.user),
        "failures": [{"dimension": str(each), "message": _message(each, miss, question, display)} for each in miss.failed],
    }
    if rule is not None:
        shown["rule"] = {"index": miss.place, **rule_shown(rule.source)}
    return shown


def _subject(miss: _Miss, keys: Sequence[str], user: UserInfo) -> Object:
    if miss.key:
        return subject_shown(miss.key) | {"index": miss.binding.subjects[miss.key][0]}
    return subject_of(miss.binding, matched_key(miss.binding, keys), user)


def _message(dimension: Dimension, miss: _Miss, question: Attributes, display: Display) -> str:
    binding = miss.binding
    if dimension is Dimension.ROLE:
        return binding.missing()
    if dimension is Dimension.EXPIRY:
        return f"it ended at {display.binding(binding)['expiresAt'] or 'a time that cannot be read'}"
    if dimension is Dimension.SUBJECT:
        return miss.likeness
    if dimension is Dimension.NAMESPACE:
        return f"it grants in namespace {quoted(binding.namespace)}, not in {quoted(question.namespace)}"
    if dimension is Dimension.SCOPE:
        if not question.is_resource:
            return f"a RoleBinding grants no paths, only a ClusterRoleBinding does: this one is in namespace {quoted(binding.namespace)}"
        return f"it grants in namespace {quoted(binding.namespace)} alone, and the question is of the cluster scope"
    assert miss.rule is not None, "the other dimensions are a rule's"
    return rule_message(dimension, miss.rule, question)
