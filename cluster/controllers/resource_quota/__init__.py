"""Quotas' statuses: what they allow, and how much of it is used, counted anew whenever something that counts has gone or changed.

Admission charges each write to the quotas in the write's own transaction; what is used less, it leaves to this controller.
"""

from cluster.controllers.resource_quota.controller import build

__all__ = ["build"]
