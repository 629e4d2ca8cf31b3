"""Kinds of Berth's own API group, berth.io."""
