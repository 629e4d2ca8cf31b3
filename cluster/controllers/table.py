"""The one table of controllers.  A new one is a module with `build`, a line here, and its role among the bootstrap roles."""

from __future__ import annotations

from typing import Final

from cluster.controllers import deployment, replica_set
from cluster.controllers.framework import Registration

CONTROLLERS: Final = (
    Registration("deployment", "deployment-controller", deployment.build),
    Registration("replicaset", "replicaset-controller", replica_set.build),
)
