"""Benchmarks: bounded loads on loopback against servers of their own; never part of the tests."""
