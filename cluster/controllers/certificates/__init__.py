"""Certificate signing requests: kubelets' own are approved, approved ones are signed, and old ones are removed.

Each of `approving`, `signing` and `cleaning` is a controller; `authority` makes certificates, `rules` says what each signer signs.
Upstream: `pkg/controller/certificates/{approver,signer,cleaner,authority}`.
"""
