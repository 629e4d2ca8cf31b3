"""MatchResources of policies and their bindings: which writes they are for, all versions of a resource taken for one where they say so.

Upstream: apiserver `pkg/admission/plugin/policy/matching/matching.go`.
"""

from __future__ import annotations

from msgspec import Struct

from admission.attributes import Attributes
from admission.matching.rules import Asked, Equivalents, Found, Rule, Target, find
from admission.matching.selectors import Namespaces, Selector, in_selected_namespace, is_selected_object, parsed
from cluster.api.errors import StatusError
from cluster.api.names import Object


class Narrowed(Struct, frozen=True):
    """What is left to find out of a write whose operation and resource are known: its object's name, and selectors."""

    found: tuple[Found, ...]
    excluded: tuple[frozenset[str], ...]
    """Names of objects that are excluded."""
    namespace_selector: Selector
    object_selector: Selector
    always: Target | None
    """What all such writes are judged as, where nothing is left to find out."""

    @classmethod
    def of(cls, found: tuple[Found, ...], excluded: tuple[frozenset[str], ...], namespaces: Selector, objects: Selector) -> Narrowed:
        selective = excluded or found[0].names or not (_is_empty(namespaces) and _is_empty(objects))
        return cls(found, excluded, namespaces, objects, None if selective else found[0].target)

    def target(self, attributes: Attributes, namespaces: Namespaces) -> Target | None:
        """What the write is judged as; None where it is not concerned.

        StatusError where that can not be told, which matters only where the rest matches.
        """
        if self.always is not None:
            return self.always
        name, first = attributes.name, self.found[0]
        target: Target | None = first.target
        if first.names:
            target = next((each.target for each in self.found if not each.names or name in each.names), None)
        if target is None or (self.excluded and any(name in names for names in self.excluded)):
            return None
        return target if self._is_selected(attributes, namespaces) else None

    def _is_selected(self, attributes: Attributes, namespaces: Namespaces) -> bool:
        problem: StatusError | None = None
        try:
            if not in_selected_namespace(self.namespace_selector, attributes, attributes.object, namespaces):
                return False
        except StatusError as error:
            problem = error
        if not is_selected_object(self.object_selector, attributes.object, attributes.old_object):
            return False
        if problem is not None:
            raise problem
        return True


class Scope(Struct, frozen=True):
    """MatchResources, compiled."""

    rules: tuple[Rule, ...]
    excluded: tuple[Rule, ...]
    equivalent: bool
    """Whether rules are meant for all versions of what they name."""
    namespace_selector: Selector
    object_selector: Selector

    @classmethod
    def of(cls, resources: Object) -> Scope:
        return cls(
            tuple(Rule.of(each) for each in resources.get("resourceRules") or ()),
            tuple(Rule.of(each) for each in resources.get("excludeResourceRules") or ()),
            resources.get("matchPolicy") == "Equivalent",
            parsed(resources.get("namespaceSelector")),
            parsed(resources.get("objectSelector")),
        )

    def narrowed(self, asked: Asked, equivalents: Equivalents) -> Narrowed | None:
        """For all writes that are alike in what is asked; None where it is for none of them."""
        others = equivalents if self.equivalent else None
        excluded = tuple(each.names for each in find(self.excluded, asked, others))
        if frozenset() in excluded:
            return None
        anything = (Found(frozenset(), Target(asked.resource, asked.kind)),)
        found = find(self.rules, asked, others) if self.rules else anything
        return Narrowed.of(found, excluded, self.namespace_selector, self.object_selector) if found else None


def _is_empty(selector: Selector) -> bool:
    return not isinstance(selector, str) and selector.empty
