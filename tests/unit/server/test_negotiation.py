"""Accept and Content-Type headers: one row each."""

from __future__ import annotations

import pytest

from cluster.api.errors import NotAcceptable, UnsupportedMediaType
from cluster.server.negotiation import Output, input_type, output_of, patch_type

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", Output()),
        ("*/*", Output()),
        ("application/json", Output()),
        ("application/yaml", Output("application/yaml")),
        ("application/vnd.kubernetes.protobuf,application/json", Output()),
        ("application/yaml;q=0.5, application/json", Output()),
        (f"{TABLE},application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json", Output(form="Table")),
        ("application/json;as=Nonsense;v=v1;g=meta.k8s.io,application/json", Output()),
        ("application/json;pretty=1", Output(pretty=True)),
    ],
)
def test_the_first_acceptable_clause_is_taken(accept: str, expected: Output) -> None:
    assert output_of(accept) == expected


@pytest.mark.parametrize("accept", ["text/html", "application/vnd.kubernetes.protobuf", "application/json;q=0"])
def test_nothing_acceptable_is_refused(accept: str) -> None:
    with pytest.raises(NotAcceptable, match="only the following media types are accepted: application/json"):
        output_of(accept)


def test_tables_are_not_made_where_there_is_no_kind_to_make_them_of() -> None:
    assert output_of(f"{TABLE},application/json", transforms=False) == Output()


@pytest.mark.parametrize(("sent", "expected"), [("", "application/json"), ("application/json; charset=utf-8", "application/json")])
def test_what_is_sent_is_recognized(sent: str, expected: str) -> None:
    assert input_type(sent) == expected


def test_an_unknown_type_is_refused() -> None:
    with pytest.raises(UnsupportedMediaType):
        input_type("text/plain")
    with pytest.raises(UnsupportedMediaType):
        patch_type("application/json", ("application/merge-patch+json",))
