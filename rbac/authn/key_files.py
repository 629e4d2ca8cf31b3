"""The keys of service-account tokens as their files have them, read again when a file changes.

So keys are rotated without logging anyone out and without a restart: the old public key stays in a file, the new private key
takes the old one's place.  A process that is told of a token whose key it does not know looks at the files at once, so that it does not
matter which process has seen the change first.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from cluster.api.followed_file import FollowedFiles, read_file
from rbac.authn.keys import PublicKey, TokenKeys, load_public_keys

log = logging.getLogger(__name__)
CHECK_SECONDS: Final = 2.0
"""How often the files are looked at; a key that was taken away verifies nothing after that."""


class KeyFiles:
    """Implements KeySource.  A change that cannot be read is logged, and leaves the keys as they were."""

    def __init__(self, signing: Path, verifying: Callable[[], Iterable[Path]], *, clock: Callable[[], float] = time.monotonic) -> None:
        """`verifying` lists the files with keys beside the signing one.  OSError, ValueError where a file cannot be used."""
        self._signing = signing
        self._verifying = verifying
        self._clock = clock
        self._followed = FollowedFiles(self._files, clock)
        self._contents = self._read()
        self._keys = _keys(self._contents)
        self._next = clock() + CHECK_SECONDS

    def current(self) -> TokenKeys:
        return self._keys if self._clock() < self._next else self.refreshed()

    def refreshed(self) -> TokenKeys:
        self._next = self._clock() + CHECK_SECONDS
        try:
            contents = self._read() if self._followed.is_due() else self._contents
            if contents != self._contents:
                self._contents = contents
                self._keys = _keys(contents)
                log.warning("service-account keys were read again: %d verify tokens", len(self._keys.public))
        except (OSError, ValueError) as error:
            log.warning("service-account keys were not read again: %s", error)
        return self._keys

    def _files(self) -> list[Path]:
        return [self._signing, *self._verifying()]

    def _read(self) -> list[tuple[Path, bytes]]:
        """The files and what they hold, the signing key's first."""
        return [(file, read_file(file)) for file in self._files()]


def _keys(contents: Sequence[tuple[Path, bytes]]) -> TokenKeys:
    """ValueError that names the file."""
    (signing, private), *verifying = contents
    public: list[PublicKey] = []
    for file, data in verifying:
        try:
            public += load_public_keys(data)
        except ValueError as error:
            raise ValueError(f'"{file}": {error}') from error
    try:
        return TokenKeys.of(private, public)
    except ValueError as error:
        raise ValueError(f'"{signing}": {error}') from error
