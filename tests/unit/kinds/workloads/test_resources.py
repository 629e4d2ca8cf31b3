"""Amounts of a pod's containers: how they are served, and that what is in order at sight is judged as what is computed."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.api import quantity
from cluster.kinds.core.pod_resources import canonical_resource_list
from cluster.kinds.core.pod_validation_resources import resource_requirements
from cluster.kinds.core.quantities import validate_container_resource_name
from tests.unit.kinds.workloads.world import pod, strategy

AMOUNTS = st.builds("{}{}".format, st.integers(-3, 4096), st.sampled_from(["", "m", "k", "M", "Ki", "Mi", "E", "Ei"]))


@pytest.mark.parametrize(
    ("sent", "served"),
    [
        ("1024Mi", "1Gi"),
        (" 100m ", "100m"),
        ("0.0001", "1m"),
        ("100u", "1m"),
        (1, "1"),
        (0.5, "500m"),
        ("1" + "0" * 40, "1" + "0" * 22 + "E"),
        ("-1", "-1"),
    ],
)
def test_an_amount_is_served_canonical_and_in_whole_thousandths(sent: object, served: str) -> None:
    resources = {"cpu": sent}
    canonical_resource_list(resources)
    assert resources == {"cpu": served}


def test_a_number_is_not_taken_for_a_truth_value_that_equals_it() -> None:
    canonical_resource_list({"cpu": 1})
    with pytest.raises(ValueError, match="quantities must match"):
        canonical_resource_list({"cpu": True})


@settings(max_examples=200)
@given(AMOUNTS, AMOUNTS)
def test_a_request_is_in_order_where_nothing_is_negative_and_it_is_within_its_limit(request: str, limit: str) -> None:
    asked, most = quantity.parse(request), quantity.parse(limit)
    errors = resource_requirements({"requests": {"cpu": request}, "limits": {"cpu": limit}}, validate_container_resource_name, "r")
    wanted = [
        *(["r.limits[cpu]"] if most < quantity.ZERO else []),
        *(["r.requests[cpu]"] if asked < quantity.ZERO else []),
        *(["r.requests"] if asked > most else []),
    ]
    assert [error.path for error in errors] == wanted


@settings(max_examples=200)
@given(AMOUNTS)
def test_a_fraction_of_a_byte_is_warned_of(amount: str) -> None:
    warned = strategy("Pod").warnings(pod(containers=[{"name": "c", "image": "x", "resources": {"limits": {"memory": amount}}}]), None)
    assert bool(warned) == bool(quantity.parse(amount).milli_value() % 1000)
