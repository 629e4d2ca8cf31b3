"""Writes down which pods serve each Service, in EndpointSlices.

Upstream: `pkg/controller/endpointslice`, `staging/src/k8s.io/endpointslice`.
"""

from cluster.controllers.endpoint_slice.controller import build

__all__ = ["build"]
