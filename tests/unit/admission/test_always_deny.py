"""A plugin that nothing passes."""

from __future__ import annotations

import logging

import pytest

from admission.attributes import Operation
from admission.plugins.always_deny import AlwaysDeny
from cluster.api.errors import Forbidden
from tests.unit.admission.writes import write

REFUSAL = 'pods "web" is forbidden: admission control is denying all modifications'


@pytest.mark.parametrize("phase", ["admit", "validate"])
@pytest.mark.parametrize("operation", list(Operation))
def test_every_write_is_refused_in_both_phases(operation: Operation, phase: str) -> None:
    plugin = AlwaysDeny()
    assert plugin.handles(operation)
    with pytest.raises(Forbidden) as refusal:
        getattr(plugin, phase)(write(operation, "pods", None, name="web"))
    assert refusal.value.message == REFUSAL


def test_the_log_says_that_it_is_deprecated(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        AlwaysDeny()
    assert caplog.messages == ["admission plugin AlwaysDeny is deprecated: take it out of --enable-admission-plugins"]
