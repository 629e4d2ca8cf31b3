"""Mutating webhook configurations."""

from __future__ import annotations

from cluster.kinds.admissionregistration.webhooks import MUTATING as STRATEGY

__all__ = ["STRATEGY"]
