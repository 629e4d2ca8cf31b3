"""AlwaysDeny: refuses every write.  Deprecated, and kept for configurations that name it.

Upstream: `plugin/pkg/admission/deny`.
"""

from __future__ import annotations

import logging

from admission.attributes import Attributes, Operation
from admission.denial import forbidden

log = logging.getLogger(__name__)


class AlwaysDeny:
    name = "AlwaysDeny"

    def __init__(self) -> None:
        log.warning("admission plugin %s is deprecated: take it out of --enable-admission-plugins", self.name)

    def handles(self, operation: Operation) -> bool:  # noqa: ARG002 - a Plugin's signature
        return True

    def admit(self, attributes: Attributes) -> None:
        """Forbidden, whatever is written: being the last to mutate, it lets every other plugin speak first."""
        raise forbidden(attributes, "admission control is denying all modifications")

    validate = admit
