from __future__ import annotations

import pytest

from cluster.kubelet.expansion import expand

VARIABLES = {"A": "1", "B": "two", "EMPTY": ""}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("$(A)", "1"),
        ("x$(A)y$(B)z", "x1ytwoz"),
        ("$(EMPTY)", ""),
        ("$(MISSING)", "$(MISSING)"),
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$1"),
        ("$A", "$A"),
        ("end$", "end$"),
        ("$(A", "$(A"),
        ("$()", "$()"),
        ("$(A)$(A)", "11"),
        ("$$$$", "$$"),
    ],
)
def test_references_expand_as_upstream(text: str, expected: str) -> None:
    assert expand(text, VARIABLES) == expected
