"""How much of what quotas limit an object uses, and which quotas that concerns.  Pure: every answer follows from what is given.

It is in this room because two measure alike that know nothing of each other: admission, which charges a write to the quotas of its
namespace, and the quota controller, which counts anew what is there.  Upstream: `pkg/quota/v1`, apiserver `pkg/quota/v1`.
"""
