"""A plugin that only exists."""

from __future__ import annotations

import logging

import pytest

from admission.attributes import Operation
from admission.chain import Chain
from admission.plugins.always_admit import AlwaysAdmit
from cluster.api.names import Object
from tests.unit.admission.writes import write


@pytest.mark.parametrize("operation", list(Operation))
def test_every_write_goes_through_unchanged(operation: Operation) -> None:
    pod: Object = {"metadata": {"name": "web"}, "spec": {}}
    attributes = write(operation, "pods", pod)
    chain = Chain([AlwaysAdmit()])
    chain.mutate(attributes, lambda obj: None)
    chain.validate(attributes)
    assert [plugin.handles(operation) for plugin in chain.plugins] == [True]
    assert pod == {"metadata": {"name": "web"}, "spec": {}}


def test_the_log_says_that_it_is_deprecated(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        AlwaysAdmit()
    assert caplog.messages == ["admission plugin AlwaysAdmit is deprecated: take it out of --enable-admission-plugins"]
