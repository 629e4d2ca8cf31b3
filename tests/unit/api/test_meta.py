"""Times, identities, generated names and owners."""

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.api import meta

OWNER = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": "web-1", "uid": "u1"}}


def test_times_are_written_as_the_api_writes_them() -> None:
    moment = datetime(2026, 11, 2, 3, 4, 5, 678, tzinfo=UTC)
    assert meta.format_time(moment) == "2026-11-02T03:04:05Z"
    assert meta.format_micro_time(moment) == "2026-11-02T03:04:05.000678Z"


def test_now_can_be_parsed_back() -> None:
    assert meta.format_time(meta.parse_time(meta.now())) == meta.now()[:20]
    assert meta.parse_time(meta.now_micro()).tzinfo is not None


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-11-02T03:04:05", "2026-13-02T03:04:05Z", "20261102T030405Z", "2026-11-02 03:04:05Z"]
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # the text is Python's own
        meta.parse_time(text)


@given(st.text(alphabet="abc-", max_size=100))
def test_generated_names_fit_a_label(base: str) -> None:
    name = meta.generate_name(base)
    assert len(name) <= 63
    assert name.startswith(base[:58])
    assert re.fullmatch("[bcdfghjklmnpqrstvwxz2456789]{5}", name[len(base[:58]) :])


def test_a_controller_is_found_among_owners() -> None:
    reference = meta.owner_reference(OWNER)
    pod = {"metadata": {"ownerReferences": [{"uid": "other", "kind": "ConfigMap"}, reference]}}
    assert meta.controller_of(pod) == reference
    assert meta.controller_of({"metadata": {}}) is None


def test_finalizers() -> None:
    assert meta.has_finalizer({"metadata": {"finalizers": ["a", "b"]}}, "a")
    assert not meta.has_finalizer({"metadata": {}}, "a")


def test_a_deep_copy_shares_nothing_mutable() -> None:
    original = {"a": [{"b": 1}], "c": "text"}
    copied = meta.deep_copy(original)
    copied["a"][0]["b"] = 2
    assert original == {"a": [{"b": 1}], "c": "text"}
