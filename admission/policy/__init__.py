"""Admission policies: expressions that say what may be written, for writes that a binding of the policy is for.

Upstream: apiserver `pkg/admission/plugin/policy`.  What is the same for all sorts of policies is here: policies and bindings, compiled
once a change and found by resource (`index`), their parameters (`parameters`), their configuration (`configuration`).  Validating ones are
`validating` (the plugin) and `validator` (one policy).
"""
