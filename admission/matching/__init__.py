"""What a write must be like to concern a webhook or a policy: rules of operations and resources, selectors of namespaces and objects.

Upstream: apiserver `pkg/admission/plugin/webhook/predicates`, `pkg/admission/plugin/policy/matching`.
"""
