"""Admission webhooks: which of them a write concerns, what they are asked, and what their answers do to it.

Upstream: apiserver `pkg/admission/plugin/webhook`.  The two plugins, `mutating` and `validating`, are rows of `admission.order`; all that
they share is here, too: configurations compiled once a change (`index`), matching (`match`), the review (`review`) and the call (`call`).
"""
