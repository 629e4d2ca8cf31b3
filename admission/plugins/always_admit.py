"""AlwaysAdmit: lets everything through.  Deprecated, and kept for configurations that name it.

Upstream: `plugin/pkg/admission/admit`.
"""

from __future__ import annotations

import logging

from admission.attributes import Attributes, Operation

log = logging.getLogger(__name__)


class AlwaysAdmit:
    name = "AlwaysAdmit"

    def __init__(self) -> None:
        log.warning("admission plugin %s is deprecated: take it out of --enable-admission-plugins", self.name)

    def handles(self, operation: Operation) -> bool:  # noqa: ARG002 - a Plugin's signature
        return True

    def admit(self, attributes: Attributes) -> None:
        """Changes nothing."""

    def validate(self, attributes: Attributes) -> None:
        """Refuses nothing."""
