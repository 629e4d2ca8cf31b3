"""A node's agent: it registers the node, runs the pods bound to it through a container runtime, and serves their logs and commands.

It reaches the cluster only through `cluster.client`, with the node's own identity, and keeps no state of its own: what runs is
read back from the runtime, so that a kubelet may be killed at any moment and goes on where it was.
"""
