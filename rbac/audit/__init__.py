"""What happened: audit policies, events and the backends that keep them.

A policy says how much of a request is recorded, a record gathers it while the request is served, and a sink takes each event as it
is made.  Nothing here knows a request of HTTP; the filters in `cluster.server.audit` do.  Upstream: apiserver `pkg/audit`.
"""
