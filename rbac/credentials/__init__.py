"""Credentials that are handed to people: client certificates and kubeconfigs."""
