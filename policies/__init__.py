"""Declarative policy and its tests: the library of policies and the lab that runs suites through the real chain follow here."""
