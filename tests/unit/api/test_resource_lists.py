"""Amounts by name: laws of what is done with them, and how they are shown."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.api.quantity import ZERO, of_milli
from cluster.api.resource_lists import (
    ResourceList,
    added,
    exceeding,
    increase,
    largest,
    masked,
    negative,
    parsed,
    shown,
    texts_of,
    without_zeros,
)

LISTS = st.dictionaries(st.sampled_from(["cpu", "memory", "pods"]), st.integers(-5000, 5000).map(of_milli))


def of(**amounts: str) -> ResourceList:
    return parsed(amounts)


@settings(max_examples=50)
@given(LISTS, LISTS)
def test_what_grows_is_never_negative_and_makes_up_the_difference(new: ResourceList, old: ResourceList) -> None:
    grown = increase(new, old)
    assert grown.keys() == new.keys() | old.keys()
    assert negative(grown) == []
    assert all(added(old, grown)[name] >= amount for name, amount in new.items())


@settings(max_examples=50)
@given(LISTS, LISTS)
def test_sums_and_maxima_have_all_names_and_change_nothing_that_they_are_given(left: ResourceList, right: ResourceList) -> None:
    before = dict(left), dict(right)
    total, most = added(left, right), largest(left, right)
    assert total.keys() == most.keys() == left.keys() | right.keys()
    assert total == {name: left.get(name, ZERO) + right.get(name, ZERO) for name in total}
    assert exceeding(left, most) == exceeding(right, most) == []
    assert (left, right) == before


def test_what_exceeds_its_bound_is_named_and_what_has_none_is_free() -> None:
    assert exceeding(of(cpu="2", memory="1Gi", pods="9"), of(cpu="1", memory="1Gi", storage="1")) == ["cpu"]


def test_lists_are_masked_and_shown_sorted() -> None:
    amounts = of(memory="2Gi", cpu="0", pods="1000")
    assert shown(masked(amounts, {"memory", "pods", "other"})) == "memory=2Gi,pods=1k"
    assert texts_of(without_zeros(amounts)) == {"memory": "2Gi", "pods": "1k"}
    assert shown({}) == ""
