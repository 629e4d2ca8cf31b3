"""Deletes what lost its owners, and sees deletions with `Foreground` and `Orphan` propagation through.

Upstream: `pkg/controller/garbagecollector`.  `graph` knows who owns whom, `watching` feeds it without watching more than is needed,
`collector` acts.
"""

from cluster.controllers.garbage.controller import build

__all__ = ["build"]
