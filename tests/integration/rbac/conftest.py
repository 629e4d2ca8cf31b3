"""What tests of identity and access share: an application in this process, and people who call it."""

from tests.integration.rbac.test_pipeline import people

__all__ = ["people"]
