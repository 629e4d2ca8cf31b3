"""Tells an observer what was looked at of policies."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from admission.attributes import Attributes
from admission.observer import Judgement, Observer
from admission.policy.index import Binding, Candidate, Policy


def tell(
    plugin: str, attributes: Attributes, policy: Policy[Any], binding: Binding | None, part: str, outcome: str, message: str = ""
) -> None:
    """If there is an observer."""
    if attributes.observer is not None:
        name = "" if binding is None else binding.name
        attributes.observer.judged(Judgement(plugin, policy.name, name, part, outcome, message))


def tell_of_others(plugin: str, attributes: Attributes, policies: Iterable[Policy[Any]], candidates: Sequence[Candidate[Any]]) -> None:
    """Of policies whose rules do not match, and which are not looked at any further."""
    known = {candidate.policy.name for candidate in candidates}
    for policy in policies:
        if policy.name not in known:
            tell(plugin, attributes, policy, None, "matchConstraints", "skipped")


def teller(plugin: str, observer: Observer, policy: Policy[Any], binding: Binding) -> Callable[[str, str, str], None]:
    """Tells an observer of parts of the policy, for one binding: (part, outcome, message)."""
    name, bound = policy.name, binding.name
    return lambda part, outcome, message: observer.judged(Judgement(plugin, name, bound, part, outcome, message))
