"""Bindings of mutating admission policies."""

from __future__ import annotations

from typing import Final

from cluster.kinds.admissionregistration.bindings import binding_strategy

STRATEGY: Final = binding_strategy(validating=False)
