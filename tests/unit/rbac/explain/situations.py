"""Situations that people ask about: a world, a question, and what has to be said of it, in short."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from msgspec.structs import replace

from cluster.api.authorization import Attributes
from cluster.api.expiry import EXPIRES_AT
from cluster.api.names import Object
from cluster.api.user import UserInfo
from tests.unit.rbac.world import NODE, ask, binding, cluster_role, role, rule, url_rule, user

TINA: Final = user("tina", "ops")
ROOT: Final = user("root", "system:masters")
BUILDER: Final = UserInfo(
    "system:serviceaccount:dev:builder", groups=("system:serviceaccounts", "system:serviceaccounts:dev", "system:authenticated")
)
NOBODY: Final = UserInfo("system:anonymous", groups=("system:unauthenticated",))
VIEW: Final = cluster_role("view", rule("get list watch", "pods pods/log services"), rule("get list watch", "deployments", ["apps"]))
EDIT: Final = cluster_role("edit", rule("get list watch create update patch delete", "pods pods/log pods/exec services configmaps"))
ALL: Final = cluster_role("all", rule("*", "*", ["*"]), url_rule("*", "*"))


@dataclass(frozen=True)
class Situation:
    name: str
    question: Attributes
    objects: list[Object]
    by: str = ""
    """The authorizer that allows; empty for a denial."""
    grant: str = ""
    """`BINDING ROLE #RULE SUBJECT`"""
    miss: str = ""
    """`BINDING DIMENSION+DIMENSION` of the nearest one"""
    least: str = ""
    """The rule of the smallest grant: `KIND verbs resources [groups] [names]`"""
    hint: str = ""
    says: list[str] = field(default_factory=list)
    """What the nearest miss says."""


def expired(obj: Object) -> Object:
    return {**obj, "metadata": {**obj["metadata"], "annotations": {EXPIRES_AT: "2001-01-01T00:00:00Z"}}}


def lasting(obj: Object) -> Object:
    return {**obj, "metadata": {**obj["metadata"], "annotations": {EXPIRES_AT: "2999-01-01T00:00:00Z"}}}


def dev(name: str, reference: str, *subjects: str) -> Object:
    return binding("dev", name, reference, *subjects)


def wide(name: str, reference: str, *subjects: str) -> Object:
    return binding("", name, reference, *subjects)


GET_POD: Final = ask(TINA, "get pods", "dev", "web")
LEAST_POD: Final = "Role get pods [''] web"

ALLOWED: Final = [
    Situation("a user by RoleBinding", GET_POD, [VIEW, dev("b", "ClusterRole/view", "User:tina")], "RBAC", "dev/b view #0 User tina"),
    Situation("a group by RoleBinding", GET_POD, [VIEW, dev("b", "ClusterRole/view", "Group:ops")], "RBAC", "dev/b view #0 Group ops"),
    Situation("a user by ClusterRoleBinding", GET_POD, [VIEW, wide("b", "ClusterRole/view", "User:tina")], "RBAC", "b view #0 User tina"),
    Situation(
        "everyone",
        ask(TINA, "get services", "dev"),
        [VIEW, wide("b", "ClusterRole/view", "Group:system:authenticated")],
        "RBAC",
        "b view #0 Group system:authenticated",
    ),
    Situation(
        "a service account",
        ask(BUILDER, "list pods", "dev"),
        [VIEW, dev("b", "ClusterRole/view", "ServiceAccount:builder")],
        "RBAC",
        "dev/b view #0 ServiceAccount dev/builder",
    ),
    Situation(
        "all service accounts of a namespace",
        ask(BUILDER, "list pods", "dev"),
        [VIEW, wide("b", "ClusterRole/view", "Group:system:serviceaccounts:dev")],
        "RBAC",
        "b view #0 Group system:serviceaccounts:dev",
    ),
    Situation(
        "the second rule",
        ask(TINA, "list deployments.apps", "dev"),
        [VIEW, dev("b", "ClusterRole/view", "User:tina")],
        "RBAC",
        "dev/b view #1 User tina",
    ),
    Situation(
        "a Role of the namespace",
        GET_POD,
        [role("dev", "r", rule("get", "pods", names=["web"])), dev("b", "Role/r", "User:tina")],
        "RBAC",
        "dev/b r #0 User tina",
    ),
    Situation(
        "a wildcard",
        ask(TINA, "use widgets.example.com", "dev"),
        [ALL, wide("b", "ClusterRole/all", "User:tina")],
        "RBAC",
        "b all #0 User tina",
    ),
    Situation(
        "a subresource by wildcard",
        ask(TINA, "patch deployments.apps/scale", "dev"),
        [cluster_role("s", rule("patch", "*/scale", ["apps"])), dev("b", "ClusterRole/s", "User:tina")],
        "RBAC",
        "dev/b s #0 User tina",
    ),
    Situation(
        "a path by its prefix",
        ask(TINA, "get /metrics/cadvisor"),
        [cluster_role("m", url_rule("get", "/metrics/*")), wide("b", "ClusterRole/m", "User:tina")],
        "RBAC",
        "b m #0 User tina",
    ),
    Situation(
        "nobody in particular",
        ask(NOBODY, "get /version"),
        [ALL, wide("b", "ClusterRole/all", "Group:system:unauthenticated")],
        "RBAC",
        "b all #1 Group system:unauthenticated",
    ),
    Situation("a master, without any binding", ask(ROOT, "delete nodes", name="n1"), [], "system:masters"),
    Situation(
        "a master, with a binding", ask(ROOT, "get pods", "dev"), [VIEW, dev("b", "ClusterRole/view", "User:root")], "system:masters"
    ),
    Situation("a kubelet about its own node", ask(NODE, "get nodes", name="n1"), [], "Node"),
    Situation(
        "a binding that has not ended yet",
        GET_POD,
        [VIEW, lasting(dev("b", "ClusterRole/view", "User:tina"))],
        "RBAC",
        "dev/b view #0 User tina",
    ),
    Situation(
        "a list narrowed to a name",
        replace(ask(TINA, "list pods", "dev", "web"), field_selector=(("metadata.name", "=", "web"),)),
        [role("dev", "r", rule("list", "pods", names=["web"])), dev("b", "Role/r", "User:tina")],
        "RBAC",
        "dev/b r #0 User tina",
    ),
    Situation(
        "cluster-wide first, as the authorizer looks",
        GET_POD,
        [VIEW, dev("a", "ClusterRole/view", "User:tina"), wide("z", "ClusterRole/view", "Group:ops")],
        "RBAC",
        "z view #0 Group ops",
    ),
]
"""Somebody allows it."""

DENIED: Final = [
    Situation("nothing at all", GET_POD, [], least=LEAST_POD),
    Situation(
        "the verb is missing",
        ask(TINA, "delete pods", "dev", "web"),
        [VIEW, dev("b", "ClusterRole/view", "User:tina")],
        miss="dev/b verb",
        least="Role delete pods [''] web",
        says=['verb "delete" is not among "get", "list", "watch"'],
    ),
    Situation(
        "the resource is missing",
        ask(TINA, "get secrets", "dev", "key"),
        [role("dev", "r", rule("get", "configmaps")), dev("b", "Role/r", "User:tina")],
        miss="dev/b resource",
        least="Role get secrets [''] key",
        says=['resource "secrets" is not among "configmaps"'],
    ),
    Situation(
        "the subresource is missing",
        ask(TINA, "create pods/exec", "dev", "web"),
        [role("dev", "r", rule("create get", "pods")), dev("b", "Role/r", "User:tina")],
        miss="dev/b subresource",
        least="Role create pods/exec [''] web",
        says=['a rule for "pods" does not cover its subresource "pods/exec": it lists "pods"'],
    ),
    Situation(
        "only the subresource",
        ask(TINA, "get pods", "dev", "web"),
        [role("dev", "r", rule("get", "pods/log")), dev("b", "Role/r", "User:tina")],
        miss="dev/b subresource",
        least=LEAST_POD,
        says=['a rule for a subresource does not cover "pods" itself: it lists "pods/log"'],
    ),
    Situation(
        "another subresource",
        ask(TINA, "get pods/log", "dev", "web"),
        [role("dev", "r", rule("get", "pods/status")), dev("b", "Role/r", "User:tina")],
        miss="dev/b subresource",
        least="Role get pods/log [''] web",
        says=['subresource "pods/log" is not among "pods/status"'],
    ),
    Situation(
        "the API group is wrong",
        ask(TINA, "list deployments.apps", "dev"),
        [role("dev", "r", rule("list", "deployments", ["extensions"])), dev("b", "Role/r", "User:tina")],
        miss="dev/b apiGroup",
        least="Role list deployments ['apps']",
        says=['API group "apps" is not among "extensions"'],
    ),
    Situation(
        "the question has no API group",
        ask(TINA, "list deployments", "dev"),
        [role("dev", "r", rule("list", "deployments", ["apps"])), dev("b", "Role/r", "User:tina")],
        miss="dev/b apiGroup",
        least="Role list deployments ['']",
        hint='"deployments" are in API group "apps", not in ""',
    ),
    Situation(
        "another name",
        GET_POD,
        [role("dev", "r", rule("get", "pods", names=["db", "cache"])), dev("b", "Role/r", "User:tina")],
        miss="dev/b resourceName",
        least=LEAST_POD,
        says=['name "web" is not among "db", "cache"'],
    ),
    Situation(
        "a list of what is granted by name",
        ask(TINA, "list pods", "dev"),
        [role("dev", "r", rule("list", "pods", names=["web"])), dev("b", "Role/r", "User:tina")],
        miss="dev/b resourceName",
        least="Role list pods ['']",
        says=['the rule allows "web" only: list with --field-selector metadata.name=NAME, one name at a time'],
    ),
    Situation(
        "a create of what is granted by name",
        ask(TINA, "create pods", "dev"),
        [role("dev", "r", rule("create", "pods", names=["web"])), dev("b", "Role/r", "User:tina")],
        miss="dev/b resourceName",
        least="Role create pods ['']",
        says=['a create names no object to authorization, so a rule with resourceNames ("web") never allows it'],
    ),
    Situation(
        "verb and name",
        ask(TINA, "delete pods", "dev", "web"),
        [role("dev", "r", rule("get", "pods", names=["db"])), dev("b", "Role/r", "User:tina")],
        miss="dev/b verb+resourceName",
        least="Role delete pods [''] web",
    ),
    Situation(
        "another namespace",
        GET_POD,
        [VIEW, binding("prod", "b", "ClusterRole/view", "User:tina")],
        miss="prod/b namespace",
        least=LEAST_POD,
        says=['it grants in namespace "prod", not in "dev"'],
    ),
    Situation(
        "a RoleBinding for a cluster-scoped resource",
        ask(TINA, "list nodes"),
        [cluster_role("n", rule("list", "nodes")), dev("b", "ClusterRole/n", "User:tina")],
        miss="dev/b scope",
        least="ClusterRole list nodes ['']",
        says=['it grants in namespace "dev" alone, and the question is of the cluster scope'],
    ),
    Situation(
        "all namespaces, of which one is granted",
        ask(TINA, "list pods"),
        [VIEW, dev("b", "ClusterRole/view", "User:tina")],
        miss="dev/b scope",
        least="ClusterRole list pods ['']",
        hint="without a namespace this asks for all namespaces at once",
    ),
    Situation(
        "a path that no pattern matches",
        ask(TINA, "get /metrics/cadvisor"),
        [cluster_role("m", url_rule("get", "/metrics")), wide("b", "ClusterRole/m", "User:tina")],
        miss="b nonResourceURL",
        least="ClusterRole get /metrics/cadvisor",
        says=['path "/metrics/cadvisor" matches none of "/metrics"'],
    ),
    Situation(
        "a path by another method",
        ask(TINA, "post /metrics"),
        [cluster_role("m", url_rule("get", "/metrics")), wide("b", "ClusterRole/m", "User:tina")],
        miss="b verb",
        least="ClusterRole post /metrics",
    ),
    Situation(
        "a path by RoleBinding",
        ask(TINA, "get /metrics"),
        [cluster_role("m", url_rule("get", "/metrics")), dev("b", "ClusterRole/m", "User:tina")],
        miss="dev/b scope",
        least="ClusterRole get /metrics",
        says=['a RoleBinding grants no paths, only a ClusterRoleBinding does: this one is in namespace "dev"'],
    ),
    Situation(
        "the binding has ended",
        GET_POD,
        [VIEW, expired(dev("b", "ClusterRole/view", "User:tina"))],
        miss="dev/b expiry",
        least=LEAST_POD,
        says=["it ended at 2001-01-01T00:00:00Z"],
    ),
    Situation(
        "the role is missing",
        GET_POD,
        [dev("b", "Role/gone", "User:tina")],
        miss="dev/b role",
        least=LEAST_POD,
        says=['role.rbac.authorization.k8s.io "gone" not found'],
    ),
    Situation(
        "the role is in another namespace",
        GET_POD,
        [role("prod", "r", rule("get", "pods")), dev("b", "Role/r", "User:tina")],
        miss="dev/b role",
        least=LEAST_POD,
    ),
    Situation(
        "a Group for a user",
        GET_POD,
        [VIEW, dev("b", "ClusterRole/view", "Group:tina")],
        miss="dev/b subject",
        least=LEAST_POD,
        says=['it names Group "tina", which is the name of the user, not of a group'],
    ),
    Situation(
        "a User for a group",
        GET_POD,
        [VIEW, dev("b", "ClusterRole/view", "User:ops")],
        miss="dev/b subject",
        least=LEAST_POD,
        says=['it names User "ops", which is a group of the user: the subject\'s kind should be Group'],
    ),
    Situation(
        "a ServiceAccount for a user",
        GET_POD,
        [VIEW, dev("b", "ClusterRole/view", "ServiceAccount:tina")],
        miss="dev/b subject",
        least=LEAST_POD,
        says=['it names ServiceAccount "tina" of namespace "dev", not User "tina"'],
    ),
    Situation(
        "a User for a service account",
        ask(BUILDER, "get pods", "dev", "web"),
        [VIEW, dev("b", "ClusterRole/view", "User:builder")],
        miss="dev/b subject",
        least=LEAST_POD,
        says=['it names User "builder": a service account is a subject of kind ServiceAccount, with its namespace'],
    ),
    Situation(
        "a service account of another namespace",
        ask(BUILDER, "get pods", "dev", "web"),
        [VIEW, dev("b", "ClusterRole/view", "ServiceAccount:prod/builder")],
        miss="dev/b subject",
        least=LEAST_POD,
        says=['it names ServiceAccount "builder" of namespace "prod", not of "dev"'],
    ),
    Situation(
        "a group in another case",
        GET_POD,
        [VIEW, dev("b", "ClusterRole/view", "Group:Ops")],
        miss="dev/b subject",
        least=LEAST_POD,
        says=['it names Group "Ops", not "ops": they differ in case'],
    ),
    Situation(
        "a user misspelt",
        GET_POD,
        [VIEW, dev("b", "ClusterRole/view", "User:tima")],
        miss="dev/b subject",
        least=LEAST_POD,
        says=['it names User "tima", not "tina": they differ in one letter'],
    ),
    Situation(
        "a user with an issuer's prefix",
        GET_POD,
        [VIEW, dev("b", "ClusterRole/view", "User:oidc:tina")],
        miss="dev/b subject",
        least=LEAST_POD,
        says=['it names User "oidc:tina", not "tina": one has a prefix that the other lacks'],
    ),
    Situation("another user altogether", GET_POD, [VIEW, dev("b", "ClusterRole/view", "User:tom")], least=LEAST_POD),
    Situation(
        "names that numbers tell apart",
        ask(user("dev-1"), "get pods", "dev", "web"),
        [VIEW, dev("b", "ClusterRole/view", "User:dev-2")],
        least=LEAST_POD,
    ),
    Situation(
        "the singular",
        ask(TINA, "get pod", "dev"),
        [VIEW, dev("b", "ClusterRole/view", "User:tina")],
        miss="dev/b resource",
        least="Role get pod ['']",
        hint='no resource is named "pod": write "pods"',
    ),
    Situation(
        "a short name", ask(TINA, "get deploy", "dev"), [], least="Role get deploy ['']", hint='write "deployments" in API group "apps"'
    ),
    Situation("a kind", ask(TINA, "get ConfigMap", "dev"), [], least="Role get ConfigMap ['']", hint='write "configmaps"'),
    Situation(
        "no such resource",
        ask(TINA, "get gizmos", "dev"),
        [],
        least="Role get gizmos ['']",
        hint='no resource "gizmos" is served in API group ""',
    ),
    Situation(
        "a subresource alone",
        ask(TINA, "get exec", "dev"),
        [],
        least="Role get exec ['']",
        hint='"exec" is a subresource: write, for example, "pods/exec"',
    ),
    Situation(
        "no such subresource",
        ask(TINA, "get pods/shell", "dev"),
        [],
        least="Role get pods/shell ['']",
        hint='"pods" has no subresource "shell": it has "attach", ',
    ),
    Situation(
        "a verb of kubectl",
        ask(TINA, "exec pods", "dev"),
        [],
        least="Role exec pods ['']",
        hint='"exec" is no verb of authorization: it is "create pods/exec"',
    ),
    Situation("a verb of speech", ask(TINA, "edit pods", "dev"), [], least="Role edit pods ['']", hint='it asks for "patch"'),
    Situation(
        "a verb in capitals", ask(TINA, "GET pods", "dev"), [], least="Role GET pods ['']", hint='verbs are written in lower case: "get"'
    ),
    Situation(
        "a verb that the API lacks",
        ask(TINA, "deletecollection namespaces"),
        [],
        least="ClusterRole deletecollection namespaces ['']",
        hint='the API has no "deletecollection" for "namespaces"',
    ),
    Situation(
        "a namespace for what has none",
        ask(TINA, "get nodes", "dev", "n1"),
        [],
        least="Role get nodes [''] n1",
        hint='"nodes" are cluster-scoped: requests for them name no namespace, so RoleBindings never count',
    ),
    Situation(
        "a path without a slash",
        Attributes(TINA, "get", is_resource=False, path="metrics"),
        [],
        least="ClusterRole get metrics",
        hint='a path begins with a slash: "/metrics"',
    ),
    Situation(
        "a path of a resource",
        ask(TINA, "get /api/v1/pods"),
        [],
        least="ClusterRole get /api/v1/pods",
        hint="is a resource's path: ask for the resource",
    ),
    Situation(
        "groups left out",
        ask(UserInfo("tina"), "get pods", "dev", "web"),
        [],
        least=LEAST_POD,
        hint='the question leaves out "system:authenticated", which every request of "tina" has as a group',
    ),
    Situation("a create with a name", ask(TINA, "create pods", "dev", "web"), [], least="Role create pods ['']"),
    Situation("a kubelet about another's secret", ask(NODE, "get secrets", "dev", "key"), [], least="Role get secrets [''] key"),
    Situation("a group alone", ask(UserInfo("", groups=("ops",)), "get pods", "dev", "web"), [], least=LEAST_POD),
    Situation(
        "the nearest of many",
        GET_POD,
        [
            VIEW,
            role("dev", "r", rule("delete", "pods", names=["db"])),
            dev("far", "Role/r", "User:tina"),
            binding("prod", "near", "ClusterRole/view", "User:tina"),
            expired(dev("nearest", "ClusterRole/view", "Group:ops")),
        ],
        miss="dev/nearest expiry",
        least=LEAST_POD,
    ),
]
"""Nobody allows it."""
