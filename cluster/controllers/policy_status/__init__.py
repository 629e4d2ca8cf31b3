"""Looks at the expressions of validating policies with the types of what they are for, and says in their status what does not fit.

It changes nothing that policies do: at run time objects have no types.
"""

from cluster.controllers.policy_status.controller import build

__all__ = ["build"]
