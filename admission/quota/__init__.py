"""Quotas as admission enforces them: what a write may use, what of it is charged, and what is limited without a quota.

What objects use is measured in `cluster.api.quota`.  Upstream: apiserver `pkg/admission/plugin/resourcequota`.
"""
