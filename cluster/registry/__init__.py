"""The generic verbs: what create, get, list, watch, update, patch and delete do for every kind.

A verb takes a Kind with its Strategy, runs admission, and writes to the Store.  Here too are the verbs that are not generic
(scale, binding, eviction, token) and what exists in a new cluster.  It knows nothing of HTTP.
"""
