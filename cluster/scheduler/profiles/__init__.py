"""Profiles: which plugins run, and with what weight, for the pods of one schedulerName."""
