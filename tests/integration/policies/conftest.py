"""The chains of the lab, made once for all its tests."""

from __future__ import annotations

import pytest

from policies.lab.worker import Chains


@pytest.fixture(scope="package")
def chains() -> Chains:
    return Chains()
