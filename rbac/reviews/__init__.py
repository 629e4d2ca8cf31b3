"""The virtual resources that answer questions about identity and access: pure functions from the object sent to the one returned.

Upstream: `pkg/registry/authentication`, `pkg/registry/authorization`, `pkg/registry/core/serviceaccount/storage/token.go`.
"""

from rbac.reviews.access import local_subject_access_review, self_subject_access_review, self_subject_rules_review, subject_access_review
from rbac.reviews.identity import self_subject_review, token_review
from rbac.reviews.token_request import token_request

__all__ = [
    "local_subject_access_review",
    "self_subject_access_review",
    "self_subject_review",
    "self_subject_rules_review",
    "subject_access_review",
    "token_request",
    "token_review",
]
