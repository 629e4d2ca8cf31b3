"""Validating webhook configurations."""

from __future__ import annotations

from cluster.kinds.admissionregistration.webhooks import VALIDATING as STRATEGY

__all__ = ["STRATEGY"]
