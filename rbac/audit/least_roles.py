"""The least roles that cover what a subject was seen to do, and the grants that it was never seen to use.  Everything here is pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from cluster.api.names import Object
from cluster.api.user import AUTHENTICATED, UNAUTHENTICATED
from rbac.audit.observed import Observed, Request, Subject
from rbac.rules import CompiledRule, break_down, compact

MAX_NAMES: Final = 8
"""Names up to which a right is for those objects alone."""
_API_VERSION: Final = "rbac.authorization.k8s.io/v1"
_API_GROUP: Final = "rbac.authorization.k8s.io"
_EVERYBODY: Final = frozenset({AUTHENTICATED, UNAUTHENTICATED})

_Names = frozenset[str]
"""Names that a right is for; empty: for any."""
_Rights = dict[tuple[str, str, str], _Names]
"""(group, resource, verb) to names."""


def least_roles(subject: Subject, requests: Iterable[Request]) -> list[Object]:
    """Roles, ClusterRoles and their bindings, in an order that depends on the requests alone.

    What was asked in all namespaces or outside of any is granted in the cluster, all else where it was asked; namespaces where the same
    was asked share a ClusterRole, which is bound in each of them.
    """
    name = f"observed:{subject}"
    scopes = _scopes(requests)
    everywhere, urls = scopes.pop("", {}), _urls(requests)
    found: list[Object] = []
    rules = _rules(everywhere) + urls
    if rules:
        found += [_role("ClusterRole", "", name, rules), _binding(subject, "ClusterRole", "", name, name)]
    sharing: dict[str, tuple[list[Object], list[str]]] = {}
    for namespace in sorted(scopes):
        own = _rules(_without(scopes[namespace], everywhere))
        if own:
            sharing.setdefault(repr(own), (own, []))[1].append(namespace)
    shared = 0
    for own, namespaces in sharing.values():
        kind, role = "Role", name
        if len(namespaces) > 1:
            shared += 1
            kind, role = "ClusterRole", f"{name}:namespaces" if shared == 1 else f"{name}:namespaces-{shared}"
            found.append(_role(kind, "", role, own))
        for namespace in namespaces:
            if kind == "Role":
                found.append(_role(kind, namespace, role, own))
            found.append(_binding(subject, kind, namespace, name, role))
    return found


def _scopes(requests: Iterable[Request]) -> dict[str, _Rights]:
    """Namespace to rights; a right that was used without a name, or with many, is for any."""
    names: dict[str, dict[tuple[str, str, str], set[str]]] = {}
    for each in requests:
        if not each.path:
            names.setdefault(each.namespace, {}).setdefault((each.group, each.resource, each.verb), set()).add(each.name)
    return {
        namespace: {key: frozenset() if "" in found or len(found) > MAX_NAMES else frozenset(found) for key, found in rights.items()}
        for namespace, rights in names.items()
    }


def _without(rights: _Rights, granted: _Rights) -> _Rights:
    """The rights that are not granted already."""
    left: _Rights = {}
    for key, names in rights.items():
        held = granted.get(key)
        if held is None:
            left[key] = names
        elif held and (not names or names - held):
            left[key] = names - held
    return left


def _rules(rights: _Rights) -> list[Object]:
    """PolicyRules of rights: verbs of a resource together, then resources of a group that have the same verbs."""
    verbs: dict[tuple[str, str, tuple[str, ...]], list[str]] = {}
    for (group, resource, verb), names in sorted(rights.items(), key=lambda item: item[0]):
        verbs.setdefault((group, resource, tuple(sorted(names))), []).append(verb)
    resources: dict[tuple[str, tuple[str, ...], tuple[str, ...]], list[str]] = {}
    for (group, resource, sorted_names), each in sorted(verbs.items()):
        resources.setdefault((group, tuple(each), sorted_names), []).append(resource)
    found = []
    for (group, some_verbs, sorted_names), each in sorted(resources.items(), key=lambda item: (item[0][0], item[1], item[0][2])):
        rule: Object = {"apiGroups": [group], "resources": each}
        if sorted_names:
            rule["resourceNames"] = list(sorted_names)
        found.append(rule | {"verbs": list(some_verbs)})
    return found


def _urls(requests: Iterable[Request]) -> list[Object]:
    verbs: dict[str, set[str]] = {}
    for each in requests:
        if each.path:
            verbs.setdefault(each.path, set()).add(each.verb)
    paths: dict[tuple[str, ...], list[str]] = {}
    for path in sorted(verbs):
        paths.setdefault(tuple(sorted(verbs[path])), []).append(path)
    return [{"nonResourceURLs": each, "verbs": list(some)} for some, each in sorted(paths.items())]


def _role(kind: str, namespace: str, name: str, rules: list[Object]) -> Object:
    return {"apiVersion": _API_VERSION, "kind": kind, "metadata": _metadata(namespace, name), "rules": rules}


def _binding(subject: Subject, kind: str, namespace: str, name: str, role: str) -> Object:
    return {
        "apiVersion": _API_VERSION,
        "kind": "RoleBinding" if namespace else "ClusterRoleBinding",
        "metadata": _metadata(namespace, name),
        "roleRef": {"apiGroup": _API_GROUP, "kind": kind, "name": role},
        "subjects": [subject.reference()],
    }


def _metadata(namespace: str, name: str) -> Object:
    return {"name": name} | ({"namespace": namespace} if namespace else {})


class Unused(NamedTuple):
    """A binding of which nothing, or not all, was used: `rules` are what was not, `whole` says that they are all it grants."""

    namespace: str
    binding: str
    role: str
    rules: Sequence[Object]
    whole: bool


def unused_grants(
    subject: Subject, observed: Observed, bindings: Iterable[Object], roles: Mapping[tuple[str, str], Sequence[Object]], namespace: str = ""
) -> list[Unused]:
    """The bindings of a subject, or of the groups that it was seen in, that grant what it was never seen to use.

    `roles` maps (namespace, name), namespace "" for ClusterRoles, to rules.  What everybody has is left out.
    """
    found: list[Unused] = []
    for binding in sorted(bindings, key=lambda each: (_of(each, "namespace"), _of(each, "name"))):
        scope = _of(binding, "namespace")
        if (namespace and scope not in ("", namespace)) or not _binds(binding, subject, observed.groups):
            continue
        reference = binding["roleRef"]
        rules = roles.get((scope if reference["kind"] == "Role" else "", reference["name"]), ())
        atoms = [atom for rule in rules for atom in break_down(rule)]
        asked = [each for each in observed.requests if not scope or each.namespace == scope]
        left = [atom for atom in atoms if not _is_used(atom, asked)]
        if left:
            role = f"{reference['kind']} {reference['name']}"
            found.append(Unused(scope, _of(binding, "name"), role, compact(left), len(left) == len(atoms)))
    return found


def _of(obj: Object, key: str) -> str:
    return str(obj["metadata"].get(key, ""))


def _binds(binding: Object, subject: Subject, groups: Iterable[str]) -> bool:
    wanted = {*_identities(subject, groups)}
    scope = _of(binding, "namespace")
    for each in binding.get("subjects") or ():
        own = each.get("namespace") or scope if each.get("kind") == "ServiceAccount" else ""
        if (each.get("kind"), own, each.get("name")) in wanted:
            return True
    return False


def _identities(subject: Subject, groups: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    yield subject.kind, subject.namespace, subject.name
    if subject.kind != "Group":
        yield "User", "", subject.user_name
        for group in groups:
            if group not in _EVERYBODY:
                yield "Group", "", group


def _is_used(atom: Object, requests: Iterable[Request]) -> bool:
    rule = CompiledRule(atom)
    return any(rule.allows(each.attributes()) for each in requests)
