"""Rolls a Deployment's template out over replica sets.  Upstream: `pkg/controller/deployment`."""

from cluster.controllers.deployment.controller import build

__all__ = ["build"]
