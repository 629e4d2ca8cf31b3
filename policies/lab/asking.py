"""Puts a suite's cases to a chain: each in the suite's world, which is as it was before when the case has ended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from msgspec import Struct

from admission.policy.parameters import Misconfigured, ParameterKind
from cluster.api.authorization import Attributes
from cluster.api.names import GroupResource, Object
from cluster.api.protocols import Reader
from cluster.server.context import Context
from policies.lab.chain import LabChain
from policies.lab.coverage import Recorder
from policies.lab.documents import Broken
from policies.lab.expect import Difference, differences, golden
from policies.lab.expressions import expression_of
from policies.lab.outcome import RBAC, Outcome, outcome_of
from policies.lab.request import Request, Unfit, placed_before, request_of
from policies.lab.results import BROKEN, FAILED, PASSED, UNMATCHED
from policies.lab.suite import Case, Suite
from policies.lab.trace import Judgements, Trace
from policies.lab.under_test import Subject, under_test
from policies.lab.webhooks import Webhooks
from rbac.authz.index import CLUSTER_ROLES, Binding
from rbac.explain.view import Display, Found, allowing, own_bindings

_GROUP: Final = "admissionregistration.k8s.io"


class BrokenCase(Exception):
    """The case could not be put to the chain; says why."""


class Asked(Struct, frozen=True):
    """What was asked and what became of it; `questions` are those that RBAC has allowed on the way."""

    request: Request
    context: Context
    outcome: Outcome
    questions: Sequence[Attributes] = ()


class Verdict(Struct, frozen=True):
    """Of one case.  `text` is what its golden file would be."""

    state: str
    differences: Sequence[Difference] = ()
    why: str = ""
    text: str = ""


_PASSED: Final = Verdict(PASSED)


class SuiteInChain:
    """A suite whose world is in a chain's store until it is left."""

    def __init__(self, suite: Suite, chain: LabChain, webhooks: Webhooks) -> None:
        """Broken where the world can not be."""
        self.suite = suite
        self._chain = chain
        self._webhooks = webhooks
        self.under_test = under_test(suite.policies)
        self._matches = self.under_test.matches
        self.recorder = Recorder(self.under_test)
        self._mark = chain.store.mark()
        try:
            chain.world.place((*suite.world, *suite.policies))
        except BaseException:
            self.leave()
            raise

    def leave(self) -> None:
        self._chain.store.undo(self._mark)

    def judge(self, case: Case) -> Verdict:
        """Asks, compares, and notes what was exercised."""
        store = self._chain.store
        mark = store.mark()
        try:
            return self._verdict(case, self._ask(case, Judgements()))
        except BrokenCase as broken:
            return Verdict(BROKEN, why=str(broken))
        finally:
            store.undo(mark)

    @contextmanager
    def asked(self, case: Case, observer: Judgements | Trace) -> Iterator[Asked]:
        """What becomes of a case, in whose world one still is; BrokenCase."""
        mark = self._chain.store.mark()
        try:
            yield self._ask(case, observer)
        finally:
            self._chain.store.undo(mark)

    def _ask(self, case: Case, observer: Judgements | Trace) -> Asked:
        """Leaves the case's world to be undone."""
        chain, webhooks = self._chain, self._webhooks
        webhooks.answers = {**self.suite.webhooks, **case.webhooks} if case.webhooks else self.suite.webhooks
        webhooks.unanswered.clear()
        try:
            request = request_of(case, chain.catalog)
            before = placed_before(case, request) if case.old is not None else None
            if case.world or before is not None:
                chain.world.place(case.world if before is None else (*case.world, before))
            body = request.body if before is None else self._body(case, request)
            context = request.context(chain.callers.environ(case.who), body)
        except (Broken, Unfit, ValueError, OSError) as error:
            raise BrokenCase(str(error)) from None
        context.observer, context.audit_id = observer, case.name
        chain.named.user = chain.callers.user(case.who)
        chain.questions.clear()
        response = chain.handle(context)
        outcome = outcome_of(context, response, observer.judgements)
        if outcome.internal:
            raise BrokenCase(f"the chain failed: {outcome.message}")
        if webhooks.unanswered:
            raise BrokenCase(webhooks.unanswered[0])
        return Asked(request, context, outcome, tuple(chain.questions))

    def _body(self, case: Case, request: Request) -> Any:
        """What is sent: an update says which revision it is of, as kubectl's does."""
        obj = request.body
        if case.verb != "update" or case.subresource == "scale" or request.kind is None:
            return obj
        metadata = obj.get("metadata") if isinstance(obj, dict) else None
        if not isinstance(metadata, dict) or metadata.get("resourceVersion"):
            return obj
        stored = self._chain.reader.get(request.kind.storage, request.namespace, request.name)
        if stored is None:
            return obj
        return {**obj, "metadata": {**metadata, "resourceVersion": stored["metadata"]["resourceVersion"]}}

    def _verdict(self, case: Case, asked: Asked) -> Verdict:
        outcome, expect = asked.outcome, case.expect
        matched = self._exercised(asked) if self._matches else None
        found = differences(expect, outcome, matched, self._expression)
        text = ""
        if expect.golden is not None:
            more, text = golden(expect.golden, outcome.object())
            found += more
        if found:
            return Verdict(FAILED, found, text=text)
        if matched is False and expect.matched is None:
            if outcome.allowed:
                return Verdict(UNMATCHED, why="nothing that is under test has to do with it: write matched: false, if that is meant")
            if not expect.says_by_whom and not (outcome.stage == RBAC and self.under_test.roles):
                by = f'plugin "{outcome.plugin}"' if outcome.plugin else f'stage "{outcome.stage}"'
                return Verdict(UNMATCHED, why=f"{by} denies it, and nothing that is under test: expect that, or write matched: false")
        return _PASSED

    # what was exercised

    def _exercised(self, asked: Asked) -> bool:
        """Notes it, and says whether anything under test had to do with the request."""
        matched = self.recorder.judged(asked.outcome)
        if self.under_test.roles:
            matched = self._by_roles(asked) or matched
        if self.under_test.limits:
            matched = self._by_limits(asked) or matched
        return matched

    def _by_roles(self, asked: Asked) -> bool:
        """By what RBAC was asked: the request itself, an impersonation, what admission wants to know."""
        matched = False
        for found in map(self.granted, asked.questions):
            matched = (found is not None and self._by_role(*found)) or matched
        return matched

    def _by_role(self, binding: Binding, rule: Found) -> bool:
        recorder = self.recorder
        kind, name = ("RoleBinding", f"{binding.namespace}/{binding.name}") if binding.namespace else ("ClusterRoleBinding", binding.name)
        role = Subject(binding.role_kind, "/".join(binding.role) if binding.role[0] else binding.role[1])
        used = [recorder.used(Subject(kind, name)), recorder.used(role), recorder.used(role, f"rules[{rule.place}]")]
        for origin in self.shown_role(binding, rule).get("aggregatedFrom", ()):
            part = Subject("ClusterRole", origin)
            stored = self.reader.get(CLUSTER_ROLES, "", origin) or {}
            places = [place for place, each in enumerate(stored.get("rules") or ()) if each == rule.rule.source]
            used += [recorder.used(part), *(recorder.used(part, f"rules[{place}]") for place in places)]
        return any(used)

    def shown_role(self, binding: Binding, rule: Found) -> Object:
        """The role of a binding, and where its rule was aggregated from."""
        return Display(self.reader).role(binding, rule.rule.source)

    def granted(self, question: Attributes) -> tuple[Binding, Found] | None:
        """The rule that RBAC allows it by: the first, as the authorizer looks for it."""
        index = self._chain.authorization.index
        for binding in own_bindings(index, question.user, question.namespace if question.is_resource else ""):
            found = allowing(index.role(binding), question)
            if found is not None:
                return binding, found
        return None

    def _by_limits(self, asked: Asked) -> bool:
        """Quotas whose use has changed or does not allow it; limit ranges where they look at what is written."""
        outcome, request, matched = asked.outcome, asked.request, False
        for subject in self.under_test.limits:
            namespace, _, name = subject.name.partition("/")
            if namespace != request.namespace:
                continue
            if subject.kind == "ResourceQuota":
                refused = outcome.plugin == "ResourceQuota" and f"quota: {name}" in outcome.message
                used = outcome.allowed and self._chain.store.wrote("resourcequotas", namespace, name)
            else:
                refused = outcome.plugin == "LimitRanger"
                used = outcome.allowed and _limited(request)
            if refused or used:
                matched = self.recorder.used(subject, way="refused" if refused else "used") or matched
        return matched

    def _expression(self, policy: str, part: str) -> str:
        obj = self.reader.get(GroupResource(_GROUP, "validatingadmissionpolicies"), "", policy)
        return "" if obj is None else expression_of(obj, part)

    # what explanations read of the world

    @property
    def reader(self) -> Reader:
        return self._chain.reader

    def parameters(self, policy: Object, binding: Object, namespace: str) -> Sequence[Object | None]:
        """What a binding parameterizes a policy by, for a write in a namespace; none where it can not be told."""
        kind, reference = ParameterKind.of(policy.get("spec") or {}), (binding.get("spec") or {}).get("paramRef")
        try:
            return self._chain.parameters.collect(kind, reference, namespace)
        except Misconfigured:
            return []


def _limited(request: Request) -> bool:
    """Whether a limit range has a say in a request.  Upstream: `plugin/pkg/admission/limitranger`, SupportsAttributes."""
    method, subresource = request.method, request.subresource
    resource = "" if request.kind is None else request.kind.storage.resource
    if resource == "pods":
        return (method == "POST" and not subresource) or (method in ("PUT", "PATCH") and subresource == "resize")
    return resource == "persistentvolumeclaims" and method in ("POST", "PUT", "PATCH") and not subresource
