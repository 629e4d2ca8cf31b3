"""Keeps as many pods as a ReplicaSet asks for.  Upstream: `pkg/controller/replicaset`."""

from cluster.controllers.replica_set.controller import build

__all__ = ["build"]
