"""Mutating webhook configurations."""

from __future__ import annotations

from typing import Final

from cluster.kinds.admissionregistration.webhooks import webhook_strategy

STRATEGY: Final = webhook_strategy(mutating=True)
