"""Which form a client wants, and which form it sent.  Upstream: apiserver `pkg/endpoints/handlers/negotiation`."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from msgspec import Struct

from cluster.api.errors import NotAcceptable, UnsupportedMediaType
from cluster.server.responses import JSON, PROTOBUF, YAML

ACCEPTED: Final = (JSON, YAML)
STREAMED: Final = (f"{JSON};stream=watch", f"{YAML};stream=watch")
_META: Final = "meta.k8s.io"
OBJECT: Final = "object"
TABLE: Final = "Table"
PARTIAL: Final = "PartialObjectMetadata"
PARTIAL_LIST: Final = "PartialObjectMetadataList"
_FORMS: Final = frozenset((TABLE, PARTIAL, PARTIAL_LIST))


class Output(Struct, frozen=True):
    """How to answer: the media type, whether pretty, and as what: the object itself, a Table or its metadata."""

    media_type: str = JSON
    form: str = OBJECT
    version: str = "v1"
    pretty: bool = False
    profile: str = ""


@lru_cache(maxsize=512)
def output_of(accept: str, *, transforms: bool = True, stream: bool = False) -> Output:
    """The first acceptable clause by quality and order; NotAcceptable where there is none.

    `transforms`: whether Tables and metadata alone can be had here.
    """
    if not accept:
        return Output()
    for media_type, parameters in _clauses(accept):
        if media_type not in ("*/*", "application/*", JSON, YAML):
            continue
        found = _accepted(YAML if media_type == YAML else JSON, parameters, transforms)
        if found is not None and not (stream and found.media_type == YAML):
            return found
    raise NotAcceptable.of(STREAMED if stream else ACCEPTED)


def _accepted(media_type: str, parameters: dict[str, str], transforms: bool) -> Output | None:
    form = parameters.get("as")
    if form is not None and not (
        transforms and form in _FORMS and parameters.get("g") == _META and parameters.get("v") in ("v1", "v1beta1")
    ):
        return None
    if parameters.get("stream", "watch") not in ("", "watch"):
        return None
    return Output(media_type, form or OBJECT, parameters.get("v", "v1"), parameters.get("pretty") == "1", parameters.get("profile", ""))


def _clauses(accept: str) -> list[tuple[str, dict[str, str]]]:
    """(media type, parameters) of an Accept header, the most wanted first."""
    found: list[tuple[float, int, str, dict[str, str]]] = []
    for position, clause in enumerate(accept.split(",")):
        media_type, *rest = (part.strip() for part in clause.split(";"))
        parameters: dict[str, str] = {}
        quality = 1.0
        for parameter in rest:
            key, _, value = parameter.partition("=")
            value = value.strip().strip('"')
            if key.strip() == "q":
                try:
                    quality = float(value)
                except ValueError:
                    quality = 0.0
            else:
                parameters[key.strip().lower()] = value
        if quality > 0:
            found.append((-quality, position, media_type.lower(), parameters))
    found.sort(key=lambda each: each[:2])
    return [(media_type, parameters) for _, _, media_type, parameters in found]


def clauses(accept: str) -> list[tuple[str, dict[str, str]]]:
    """(media type, parameters) of an Accept header, the most wanted first, for those that serve other types too."""
    return _clauses(accept)


@lru_cache(maxsize=64)
def input_type(content_type: str) -> str:
    """JSON (also where nothing is said), YAML or protobuf; UnsupportedMediaType."""
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type in ("", JSON):
        return JSON
    if media_type in (YAML, PROTOBUF):
        return media_type
    raise UnsupportedMediaType.of((*ACCEPTED, PROTOBUF))


def patch_type(content_type: str, allowed: tuple[str, ...]) -> str:
    """The patch's media type; UnsupportedMediaType for one that isn't served here."""
    media_type = content_type.partition(";")[0].strip()
    if media_type not in allowed:
        raise UnsupportedMediaType.of(allowed)
    return media_type
