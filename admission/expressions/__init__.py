"""Expressions about a write: what they look at, and their evaluation within a budget.

Policies and webhooks' match conditions share it.  Which variables there are, and of which types, is `cluster.schema.admission_expressions`.
Upstream: apiserver `pkg/admission/plugin/cel`.
"""
