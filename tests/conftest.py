"""Fixtures that several rooms' tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support import ApiServer, start_api_server


@pytest.fixture(scope="session")
def api_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """One API server of two workers for the whole run: each test makes a namespace of its own."""
    server = start_api_server(tmp_path_factory.mktemp("cluster"))
    yield server
    server.stop()
