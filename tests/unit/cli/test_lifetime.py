"""Lifetimes as `berth kubeconfig create` takes them."""

from __future__ import annotations

import pytest

from cluster.cli.failure import CommandError
from cluster.cli.lifetime import seconds_of


@pytest.mark.parametrize(
    ("text", "seconds"), [("600s", 600), ("720h", 2_592_000), ("30d", 2_592_000), ("1h30m", 5400), ("1.5h", 5400), ("3650d", 315_360_000)]
)
def test_a_lifetime_is_in_days_hours_minutes_and_seconds(text: str, seconds: int) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "30", "1w", "-1h", "1.5", "h", "1h and more", "99999999999h", "\uff11h"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(CommandError, match=r"duration|between"):
        seconds_of(text)


@pytest.mark.parametrize("text", ["599s", "3651d"])
def test_it_is_between_ten_minutes_and_ten_years(text: str) -> None:
    with pytest.raises(CommandError, match="is not between 10 minutes and 10 years"):
        seconds_of(text)
