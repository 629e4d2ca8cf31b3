"""The reviews that explain access: AccessExplanation, WhoCanReview, SubjectRulesReview, AccessMatrixReview, and their Local twins.

A Local one is asked in a namespace, about that namespace, and tells nothing of any other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from gevent import sleep

from admission.attributes import Operation
from cluster.api.authorization import Attributes
from cluster.api.errors import Invalid, MethodNotAllowed
from cluster.api.field import FieldError
from cluster.api.names import GroupKind, GroupResource, Object
from cluster.api.user import UserInfo
from cluster.kinds.model import Kind
from cluster.registry.registry import Registry, attributes
from cluster.server import explanation_rules as rules
from cluster.server.context import Context
from cluster.server.dispatch import SubHandler
from cluster.server.dry_run import dry_run
from cluster.server.negotiation import output_of
from cluster.server.render import value_response
from cluster.server.resources import Resources
from cluster.server.response import Response
from rbac.authn.build import Authentication
from rbac.explain.matrix import MatrixQuestion, matrix
from rbac.explain.rules_of import rules_of
from rbac.explain.view import Sources
from rbac.explain.who_can import who_can
from rbac.explain.who_is import Shown, read_certificate, who_is
from rbac.explain.why import why
from rbac.reviews.access import resource_attributes, subject_of

GROUP: Final = "berth.io"
NOBODY: Final = UserInfo("")
Answer = Callable[[Context, Kind, Object, str], Object]
"""(request, kind, the spec, the namespace that may be told of alone, "" for all) to the status."""


class Explanations:
    """Serves the reviews."""

    def __init__(self, registry: Registry, resources: Resources, sources: Sources, authentication: Authentication) -> None:
        self._registry = registry
        self._resources = resources
        self._sources = sources
        self._authentication = authentication

    def handlers(self) -> Mapping[GroupResource, SubHandler]:
        answers: dict[str, Answer] = {
            "accessexplanations": self._explain,
            "whocanreviews": self._who_can,
            "subjectrulesreviews": self._rules,
            "accessmatrixreviews": self._matrix,
        }
        named = {f"{prefix}{name}": answer for name, answer in answers.items() for prefix in ("", "local")}
        return {GroupResource(GROUP, name): self._handler(answer) for name, answer in named.items()}

    def _handler(self, answer: Answer) -> SubHandler:
        def handle(context: Context, kind: Kind) -> Response:
            namespace = context.info.namespace
            if kind.namespaced and not namespace:
                raise MethodNotAllowed.plain()
            output = output_of(context.header("HTTP_ACCEPT"), transforms=False)
            call, sent = self._resources.sent(context, kind, "CreateOptions")
            asked = attributes(call, Operation.CREATE, kind, namespace, "", sent, None)
            self._registry.mutate(call, asked, kind)
            self._registry.validate(call, asked)
            spec = sent.get("spec") or {}
            status = answer(context, kind, spec, namespace if kind.namespaced else "")
            shown = {name: value for name, value in spec.items() if name not in rules.CREDENTIALS}
            return value_response(context, output, {**sent, "metadata": sent.get("metadata") or {}, "spec": shown, "status": status}, 201)

        return handle

    def _explain(self, context: Context, kind: Kind, spec: Object, only: str) -> Object:
        _raise(kind, rules.explanation_errors(spec, only, self._registry.catalog))
        user, authentication = self._user(spec)
        found: Object = {"authentication": authentication} if authentication else {}
        if user is None:
            return {"allowed": False, "stage": "authentication", "decision": "Deny", "reason": authentication["reason"], **found}
        question, problems = _question(spec, user, only)
        limit = spec.get("limit") or rules.EXPLANATIONS.default
        status = found | why(question, self._sources, only=only, limit=limit)
        if problems:
            status["evaluationError"] = "; ".join(filter(None, [status.get("evaluationError", ""), *problems]))
        if status["allowed"] and spec.get("object") is not None:
            self._admission(context, question, spec["object"], status)
        return status

    def _user(self, spec: Object) -> tuple[UserInfo | None, Object]:
        """The user in question, and what authentication made of the credentials where it is about those."""
        if not spec.get("token") and not spec.get("certificate"):
            return subject_of({"spec": spec}), {}
        certificate = read_certificate(spec["certificate"]) if spec.get("certificate") else None
        shown = Shown(spec.get("token") or "", certificate, tuple(spec.get("audiences") or ()), _path(spec))
        return who_is(shown, self._authentication)

    def _admission(self, context: Context, question: Attributes, obj: Object, status: Object) -> None:
        """The dry run of the write, for someone who may do it themselves; it changes the status where the write is refused."""
        authorizer = self._sources.authorizer
        own = Attributes(
            context.user, question.verb, question.namespace, question.api_group, question.api_version, question.resource, name=question.name
        )
        if not authorizer.authorize(own).allowed:
            why_not = f"admission was not asked: that takes a caller who may {question.verb} {question.resource} there, too"
            status["hints"] = [*status.get("hints", ()), why_not]
            return
        kind = rules.kind_of(obj, self._registry.catalog)
        assert kind is not None
        status["admission"] = dry_run(self._registry, authorizer, kind, question, obj)
        status["stage"] = "admission"
        if not status["admission"]["passed"]:
            status |= {"allowed": False, "decision": "Deny", "message": status["admission"]["message"]}

    def _who_can(self, context: Context, kind: Kind, spec: Object, only: str) -> Object:  # noqa: ARG002 - an Answer's shape
        _raise(kind, rules.who_can_errors(spec, only))
        question, _ = _question(spec, NOBODY, only)
        return who_can(question, self._sources, only=only, limit=spec.get("limit") or rules.SUBJECTS.default)

    def _rules(self, context: Context, kind: Kind, spec: Object, only: str) -> Object:  # noqa: ARG002
        _raise(kind, rules.subject_errors(spec, only))
        user = subject_of({"spec": spec})
        assert user is not None
        limit = spec.get("limit") or rules.RULES.default
        return rules_of(user, only or spec.get("namespace") or "", self._sources, only=only, limit=limit)

    def _matrix(self, context: Context, kind: Kind, spec: Object, only: str) -> Object:  # noqa: ARG002
        _raise(kind, rules.matrix_errors(spec, only))
        question = matrix_question(spec, only)
        _raise(kind, rules.size_errors(question))
        return matrix(question, self._sources, only=only, pause=lambda: sleep(0))


def matrix_question(spec: Object, only: str) -> MatrixQuestion:
    """What a valid spec asks for."""
    usual = MatrixQuestion()
    resources = tuple((each.get("group") or "", each["resource"]) for each in spec.get("resources") or ())
    namespaces = (only,) if only else tuple(dict.fromkeys(spec.get("namespaces") or ("",)))
    return MatrixQuestion(
        tuple(spec.get("subjects") or ()),
        tuple(dict.fromkeys(resources)) or usual.resources,
        tuple(dict.fromkeys(spec.get("verbs") or ())) or usual.verbs,
        namespaces,
    )


def _question(spec: Object, user: UserInfo, only: str) -> tuple[Attributes, list[str]]:
    """The question of a valid spec, and what of it could not be read."""
    problems: list[str] = []
    resource, path = spec.get("resourceAttributes"), spec.get("nonResourceAttributes") or {}
    if resource is None:
        return Attributes(user, path.get("verb", ""), is_resource=False, path=path.get("path", "")), problems
    return resource_attributes(user, {**resource, "namespace": only or resource.get("namespace", "")}, problems), problems


def _path(spec: Object) -> str:
    """The path of the URL that is in question, as far as it tells who may be anonymous there."""
    asked = spec.get("resourceAttributes")
    if asked is None:
        return str(spec["nonResourceAttributes"]["path"])
    group, version = asked.get("group") or "", asked.get("version") or "v1"
    parts = ["apis", group, version] if group else ["api", version]
    parts += ["namespaces", asked["namespace"]] if asked.get("namespace") else []
    return "/" + "/".join([*parts, asked["resource"], *filter(None, (asked.get("name"), asked.get("subresource")))])


def _raise(kind: Kind, errors: list[FieldError]) -> None:
    if errors:
        raise Invalid.of(GroupKind(GROUP, kind.gvk.kind), "", errors)
