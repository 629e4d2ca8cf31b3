"""Webhooks that judge: asked at once, and what is made of several answers."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from admission.attributes import Attributes, Operation
from admission.webhooks.validating import ValidatingAdmissionWebhook
from cluster.api.errors import StatusError
from cluster.api.names import Object
from cluster.api.protocols import HttpFailure
from tests.unit.admission.hooks import HookWorld, Watching, allow, configuration, deny, hook, rule
from tests.unit.admission.writes import write

A, B, C = (f"{letter}.example.com" for letter in "abc")


def pod() -> Attributes:
    return write("CREATE", "pods", {"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "p"}, "spec": {}}, namespace="dev")


def test_every_operation_may_concern_a_webhook() -> None:
    plugin: ValidatingAdmissionWebhook = HookWorld().validating()
    assert (plugin.name, all(plugin.handles(operation) for operation in Operation)) == ("ValidatingAdmissionWebhook", True)


def test_all_are_asked_at_once() -> None:
    barrier = threading.Barrier(3, timeout=20)

    def together(request: Object) -> Object:
        barrier.wait()
        return allow()

    world = HookWorld(a_example_com=together, b_example_com=together, c_example_com=together)
    world.validating(configuration("c", hook(A), hook(B), hook(C))).validate(pod())
    assert sorted(world.hosts()) == [A, B, C]


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ((allow(), allow(), allow()), None),
        ((allow(), deny(message="b"), allow()), f'admission webhook "{B}" denied the request: b'),
        ((allow(), deny(message="b"), deny(message="c")), f'admission webhook "{B}" denied the request: b'),
        ((HttpFailure("x"), deny(message="b"), allow()), f'Internal error occurred: failed calling webhook "{A}"'),
    ],
)
def test_the_first_that_refuses_is_the_one_that_is_told(answers: tuple[Any, ...], message: str | None) -> None:
    world = HookWorld(**{f"{letter}_example_com": (lambda request, a=answer: a) for letter, answer in zip("abc", answers, strict=True)})
    plugin = world.validating(configuration("c", hook(A), hook(B), hook(C)))
    if message is None:
        plugin.validate(pod())
    else:
        with pytest.raises(StatusError) as raised:
            plugin.validate(pod())
        assert raised.value.message.startswith(message)
    assert sorted(world.hosts()) == [A, B, C]


def test_who_may_fail_does_and_the_audit_event_learns_which() -> None:
    attributes = pod()
    failure = HttpFailure("x")
    world = HookWorld(a_example_com=lambda request: allow(), b_example_com=lambda request: failure, c_example_com=lambda request: failure)
    ignored: Any = {"failurePolicy": "Ignore"}
    hooks = (hook(C, rule("DELETE"), **ignored), hook(A, **ignored), hook(B, **ignored), hook(C, **ignored))
    world.validating(configuration("c", *hooks)).validate(attributes)
    prefix = "failed-open.validating.webhook.admission.k8s.io/round_0_index_"
    assert attributes.annotations == {f"{prefix}1": B, f"{prefix}2": C}


def test_what_several_say_is_taken_over_in_their_order() -> None:
    attributes = pod()
    world = HookWorld(
        a_example_com=lambda request: allow(warnings=["a"], auditAnnotations={"k": "a"}),
        b_example_com=lambda request: {**deny(), "warnings": ["b"], "auditAnnotations": {"k": "b"}},
    )
    with pytest.raises(StatusError):
        world.validating(configuration("c", hook(A), hook(B))).validate(attributes)
    assert attributes.warnings == ["a", "b"]
    assert attributes.annotations == {f"{A}/k": "a", f"{B}/k": "b"}


def test_an_observer_is_told_who_was_asked_and_what_they_said() -> None:
    attributes = pod()
    attributes.observer = watching = Watching()
    world = HookWorld(a_example_com=lambda request: allow(), b_example_com=lambda request: deny(message="no"))
    with pytest.raises(StatusError):
        world.validating(configuration("c", hook(A), hook(B))).validate(attributes)
    told = [(each.plugin, each.policy, each.part, each.outcome, each.message) for each in watching.judgements]
    plugin = "ValidatingAdmissionWebhook"
    assert told == [
        (plugin, "c", "webhooks[0]", "called", ""),
        (plugin, "c", "webhooks[1]", "called", f'admission webhook "{B}" denied the request: no'),
    ]
