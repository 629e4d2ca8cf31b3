"""Bindings of mutating admission policies."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from cluster.kinds.admissionregistration.bindings import binding_strategy, validate_mutating
from cluster.kinds.model import Strategy

STRATEGY: Final[Callable[[str], Strategy]] = partial(binding_strategy, validate_mutating)
