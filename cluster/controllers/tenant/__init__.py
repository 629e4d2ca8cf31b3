"""Tenants: their namespaces, and what these are furnished with, kept as the Tenant says."""

from cluster.controllers.tenant.controller import build

__all__ = ["build"]
