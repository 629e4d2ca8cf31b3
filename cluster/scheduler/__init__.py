"""Chooses a node for each pod: a queue of pods, a cache of nodes, and plugins that filter and score.

`scheduler` is the process, `queue` decides who is next, `framework` runs the plugins of a profile over `cache`'s nodes.  A plugin is a
file in `plugins/`, a line in its table, and a weight in `profiles/default.py`.
"""
