"""How a patch changes an object: JSON patch, JSON merge patch, strategic merge patch and apply configurations, as upstream applies them.

Each is a function from an object and a patch, both left as they are, to a new object; what a patch may touch is not decided here.
"""
