"""Pod Security: the standards that pods are held to, a file for each check, and how a namespace says which of them it wants.

A check is a value `CHECK` in its file and a row in `checks.CHECKS`; it knows nothing of requests.  What becomes of a write that
does not keep to a standard is decided in `admission/plugins/pod_security.py`.  Upstream: `k8s.io/pod-security-admission`.
"""
