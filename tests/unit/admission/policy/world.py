"""Policies in memory: a cluster with policies and bindings, and short ways to write them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from admission.attributes import Attributes
from admission.counting import Uncounted
from admission.policy.validating import SORT, ValidatingAdmissionPolicy
from cluster.api.authorization import Attributes as Question
from cluster.api.authorization import Decision, Verdict
from cluster.api.errors import StatusError
from cluster.api.names import GroupResource, Object
from tests.unit.admission.hooks import NAMESPACES, objects, rule
from tests.unit.admission.writes import write
from tests.unit.rbac.world import World

CONFIG_MAPS = GroupResource("", "configmaps")
PODS = rule("CREATE UPDATE DELETE", "pods", "", "v1")
CHECK_COST = 350_000
DEAR = "(authorizer.path('/a').check('get').allowed() || !authorizer.path('/b').check('get').allowed())"
"""Holds, and costs a little more than 700,000."""


def policy(name: str, *validations: str | Object, rules: Any = (PODS,), constraints: Object | None = None, **spec: Any) -> Object:
    """`policy("p", "object.spec.x == 1", {"expression": ..., "message": ...}, params="v1/ConfigMap", failurePolicy="Ignore")`"""
    params = spec.pop("params", "")
    if params:
        version, _, kind = params.rpartition("/")
        spec["paramKind"] = {"apiVersion": version, "kind": kind}
    matching = {"matchPolicy": "Equivalent", "namespaceSelector": {}, "objectSelector": {}, "resourceRules": list(rules)}
    return {
        "metadata": {"name": name},
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": matching | (constraints or {}),
            "validations": [{"expression": each} if isinstance(each, str) else each for each in validations],
            **spec,
        },
    }


def binding(name: str, to: str, *actions: str, resources: Object | None = None, params: Object | None = None) -> Object:
    spec: Object = {"policyName": to, "validationActions": list(actions) or ["Deny"]}
    if resources is not None:
        spec["matchResources"] = {"matchPolicy": "Equivalent", "namespaceSelector": {}, "objectSelector": {}, **resources}
    if params is not None:
        spec["paramRef"] = {"parameterNotFoundAction": "Deny", **params}
    return {"metadata": {"name": name}, "spec": spec}


def pod(name: str = "web", **metadata: Any) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "dev", **metadata},
        "spec": {"containers": [{"name": "c", "image": "registry/web:1"}]},
    }


def created(obj: Object | None = None, namespace: str = "dev") -> Attributes:
    return write("CREATE", "pods", obj or pod(), namespace=namespace)


@dataclass
class Counted(Uncounted):
    lines: list[tuple[Any, ...]] = field(default_factory=list)

    def conditions_judged(self, of: str, name: str, kind: str, operation: str, seconds: float, errors: int) -> None:
        assert seconds >= 0
        self.lines.append((of, name, kind, operation, errors))

    def policy_checked(self, policy: str, binding: str, error: str, action: str, nanoseconds: int) -> None:
        assert nanoseconds >= 0
        self.lines.append((policy, binding, error, action))


class PolicyWorld(World):
    """A cluster whose namespaces are `dev`, with the label team=shop, and `other`."""

    def __init__(self, *given: Object) -> None:
        super().__init__()
        self.rights: set[str] = set()
        """What users may do: `tina get /healthz`, `tina update pods/exec dev/web`."""
        self.questions: list[str] = []
        self.counted = Counted()
        self.namespace("dev", team="shop")
        self.namespace("other")
        self.give(*given)
        self.plugin = ValidatingAdmissionPolicy(self, self, objects(), self.counted)

    def namespace(self, name: str, **labels: str) -> None:
        metadata = {"name": name, "labels": labels, "uid": "u", "managedFields": []}
        self.put(NAMESPACES, {"metadata": metadata, "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}})

    def give(self, *given: Object) -> None:
        for each in given:
            self.put(SORT.bindings if "policyName" in each["spec"] else SORT.policies, each)

    def config_map(self, namespace: str, name: str, labels: Object | None = None, **data: str) -> None:
        metadata = {"name": name, "namespace": namespace, "labels": labels or {}}
        self.put(CONFIG_MAPS, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})

    def authorize(self, attributes: Question) -> Verdict:
        resource = f"{GroupResource(attributes.api_group, attributes.resource)}/{attributes.subresource}".removesuffix("/")
        where = f"{resource} {attributes.namespace}/{attributes.name}" if attributes.is_resource else attributes.path
        self.questions.append(f"{attributes.user.name} {attributes.verb} {where}")
        allowed = self.questions[-1] in self.rights
        return Verdict(Decision.ALLOW if allowed else Decision.NO_OPINION, "by the test" if allowed else "")

    def denial(self, attributes: Attributes | None = None) -> StatusError | None:
        try:
            self.plugin.validate(attributes or created())
        except StatusError as error:
            return error
        return None

    def says(self, attributes: Attributes | None = None) -> str:
        """What the policy says, without that which says that it is a policy; empty where the write is allowed."""
        error = self.denial(attributes)
        if error is None:
            return ""
        return re.sub(r"^\S+ (\"\S+\" )?is forbidden: ValidatingAdmissionPolicy 'p'( with binding 'b')? denied request: ", "", str(error))


def judge(*validations: str | Object, attributes: Attributes | None = None, world: PolicyWorld | None = None, **spec: Any) -> str:
    """What one policy `p`, with a binding `b` that denies, says of a write."""
    world = world or PolicyWorld()
    world.give(policy("p", *validations, **spec), binding("b", "p"))
    return world.says(attributes)
