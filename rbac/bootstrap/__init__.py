"""The default roles and bindings, and how a cluster's own are brought up to them."""

from rbac.bootstrap.defaults import berth_objects, default_objects
from rbac.bootstrap.reconcile import reconcile
from rbac.bootstrap.upgrade import with_origins

__all__ = ["berth_objects", "default_objects", "reconcile", "with_origins"]
