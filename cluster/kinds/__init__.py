"""What Berth knows of each kind: names, scope, defaults, validation, strategy, table cells; one file a kind.

Names, verbs and columns of every built-in kind are data (`data/`, recorded from Kubernetes); a kind that is more than its
schema has a file under its group that exports STRATEGY, and one line in `STRATEGIES` below.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Final

from cluster.kinds.model import Column, Strategy

STRATEGIES: Final[Mapping[tuple[str, str], str]] = {}
"""(group, resource) to the module under `cluster.kinds` that exports its STRATEGY, imported when the kind is first used."""


def load_strategy(group: str, resource: str, columns: tuple[Column, ...] = ()) -> Strategy:
    """The strategy of a built-in kind: its file's, or one made of its schema and columns alone."""
    module = STRATEGIES.get((group, resource))
    if module is None:
        from cluster.kinds.generic import generic_strategy

        return generic_strategy(columns)
    strategy: Strategy = import_module(f"cluster.kinds.{module}").STRATEGY
    return strategy
