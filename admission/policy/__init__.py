"""Admission policies: expressions that say what may be written, for writes that a binding of the policy is for.

Upstream: apiserver `pkg/admission/plugin/policy`.  What is the same for all sorts of policies is here: policies and bindings, compiled
once a change and found by resource (`index`), their parameters (`parameters`), what a write is judged by (`invocations`), expressions
(`compiled`), their configuration (`configuration`).  Validating ones are `validating` (the plugin), `judging` (one write) and
`validator` (one policy); mutating ones `mutating`, `changing` and `mutator`, with `mutation` and `made_values` for what one mutation makes.
"""
