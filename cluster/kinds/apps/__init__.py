"""Workloads of the group `apps`: deployments, replica sets, daemon sets, stateful sets, controller revisions; and what they share."""
