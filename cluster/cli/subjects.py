"""Subjects as arguments."""

from __future__ import annotations

from cluster.api.names import Object
from cluster.api.subjects import parse_subject
from cluster.cli.failure import CommandError


def subject_of(text: str) -> Object:
    """See `parse_subject`; CommandError."""
    try:
        return parse_subject(text)
    except ValueError as error:
        raise CommandError(str(error)) from error
