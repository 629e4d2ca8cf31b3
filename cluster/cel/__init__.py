"""The CEL engine: parser, checker, cost estimate and limit as upstream has them, compilation to closures over plain values.

One engine for admission policies, match conditions, the expressions in configuration files, and rules of custom resources.  What
belongs here is the language and Kubernetes' libraries of it; what an expression means for a write or a request belongs to who asks.
"""
