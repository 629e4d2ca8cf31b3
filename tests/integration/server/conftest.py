"""What modules of this room share: a server whose webhooks a test configures."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.server.webhooks import Hooked, hooked_server


@pytest.fixture(scope="session")
def hooked_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hooked]:
    with hooked_server(tmp_path_factory.mktemp("webhooks")) as hooked:
        yield hooked


@pytest.fixture
def hooked(hooked_once: Hooked) -> Iterator[Hooked]:
    """The server without any webhook, which is so again after the test."""
    hooked_once.begin()
    yield hooked_once
    hooked_once.end()
