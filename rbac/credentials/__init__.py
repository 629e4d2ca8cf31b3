"""Credentials that are handed out: kubeconfigs with certificates and tokens, who may issue them, and whether one is still good."""
