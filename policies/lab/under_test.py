"""What a suite tests: its policies, by the names under which the chain speaks of them, and which of their parts a case is to exercise."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from msgspec import Struct

from cluster.api.names import Object
from policies.lab.manifests import Manifest

HELD: Final = ("true", "false")
"""A validation or condition is exercised once it was seen to hold in one case, and not to in another."""
USED: Final = ("used",)
REFUSED: Final = ("refused",)
_PLUGINS: Final = {
    "ValidatingAdmissionPolicy": "ValidatingAdmissionPolicy",
    "MutatingAdmissionPolicy": "MutatingAdmissionPolicy",
    "ValidatingWebhookConfiguration": "ValidatingAdmissionWebhook",
    "MutatingWebhookConfiguration": "MutatingAdmissionWebhook",
}
"""Kinds to the plugins that judge by them."""
PLUGIN_KINDS: Final = {plugin: kind for kind, plugin in _PLUGINS.items()}
BINDINGS: Final = {
    "ValidatingAdmissionPolicyBinding": "ValidatingAdmissionPolicy",
    "MutatingAdmissionPolicyBinding": "MutatingAdmissionPolicy",
}
POLICY_BINDINGS: Final = {plugin: binding for binding, plugin in BINDINGS.items()}
ROLES: Final = frozenset({"Role", "ClusterRole"})
ROLE_BINDINGS: Final = frozenset({"RoleBinding", "ClusterRoleBinding"})
LIMITS: Final = frozenset({"ResourceQuota", "LimitRange"})


class Subject(NamedTuple):
    """A policy: its kind, and its name, with its namespace where it has one."""

    kind: str
    name: str


class Part(NamedTuple):
    """What of a subject is to be exercised, in what ways; the empty part is the subject itself."""

    subject: Subject
    part: str
    ways: tuple[str, ...]


class UnderTest(Struct, frozen=True):
    """The subjects of a suite, each with where it is defined and its parts."""

    subjects: Mapping[Subject, Manifest]
    parts: tuple[Part, ...]
    judged: Mapping[str, frozenset[str]]
    """A plugin to the names of what it judges by."""
    roles: bool
    """Whether there are roles or their bindings."""
    limits: tuple[Subject, ...]

    @property
    def matches(self) -> bool:
        """Whether it can be told of a case that nothing of all this has to do with it."""
        return bool(self.judged or self.roles or self.limits)

    def matters(self, subject: Subject) -> bool:
        return subject in self.subjects


def under_test(policies: Iterable[Manifest]) -> UnderTest:
    subjects: dict[Subject, Manifest] = {}
    parts: list[Part] = []
    judged: dict[str, set[str]] = {}
    for manifest in policies:
        kind = manifest.object["kind"]
        subject = subject_of(manifest.object)
        own = list(_parts(subject, manifest.object))
        if not own:
            continue
        subjects[subject] = manifest
        parts += own
        if kind in _PLUGINS:
            judged.setdefault(_PLUGINS[kind], set()).add(manifest.name)
    return UnderTest(
        subjects,
        tuple(parts),
        {plugin: frozenset(names) for plugin, names in judged.items()},
        any(subject.kind in ROLES | ROLE_BINDINGS for subject in subjects),
        tuple(subject for subject in subjects if subject.kind in LIMITS),
    )


def subject_of(obj: Object) -> Subject:
    metadata = obj.get("metadata") or {}
    kind, name = str(obj["kind"]), str(metadata.get("name") or "")
    namespaced = kind in ("Role", "RoleBinding") or kind in LIMITS
    return Subject(kind, f"{metadata.get('namespace') or 'default'}/{name}" if namespaced else name)


def _parts(subject: Subject, obj: Object) -> Iterator[Part]:
    """None for a kind that nothing is tested of."""
    kind, spec = subject.kind, obj.get("spec") or {}
    if kind in ("ValidatingAdmissionPolicy", "MutatingAdmissionPolicy"):
        yield Part(subject, "", USED)
        for position, _ in enumerate(spec.get("matchConditions") or ()):
            yield Part(subject, f"matchConditions[{position}]", HELD)
        for position, _ in enumerate(spec.get("validations") or ()):
            yield Part(subject, f"validations[{position}]", HELD)
        for field in ("auditAnnotations", "mutations"):
            for position, _ in enumerate(spec.get(field) or ()):
                yield Part(subject, f"{field}[{position}]", USED)
    elif kind in BINDINGS or kind in ROLE_BINDINGS:
        yield Part(subject, "", USED)
    elif kind in ROLES:
        yield Part(subject, "", USED)
        for position, _ in enumerate(obj.get("rules") or ()):
            yield Part(subject, f"rules[{position}]", USED)
    elif kind in LIMITS:
        yield Part(subject, "", (*USED, *REFUSED))
    elif kind in _PLUGINS:
        for position, webhook in enumerate(obj.get("webhooks") or ()):
            yield Part(subject, f"webhooks[{position}]", USED)
            for place, _ in enumerate((webhook or {}).get("matchConditions") or ()):
                yield Part(subject, f"webhooks[{position}].matchConditions[{place}]", HELD)
