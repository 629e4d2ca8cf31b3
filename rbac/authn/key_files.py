"""The keys of service-account tokens as their files have them, read again when a file changes.

So keys are rotated without logging anyone out and without a restart: the old public key stays in a file, the new private key
takes the old one's place.  A process that is told of a token whose key it does not know looks at the files at once, so that it does not
matter which process has seen the change first.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from rbac.authn.keys import PublicKey, TokenKeys, load_public_keys

log = logging.getLogger(__name__)
CHECK_SECONDS: Final = 2.0
"""How often the files are looked at; a key that was taken away verifies nothing after that."""
_Look = tuple[tuple[str, int, int, int], ...]


class KeyFiles:
    """Implements KeySource.  A change that cannot be read is logged, and leaves the keys as they were."""

    def __init__(self, signing: Path, verifying: Callable[[], Iterable[Path]], *, clock: Callable[[], float] = time.monotonic) -> None:
        """`verifying` lists the files with keys beside the signing one.  OSError, ValueError where a file cannot be used."""
        self._signing = signing
        self._verifying = verifying
        self._clock = clock
        self._seen = self._look()
        self._keys = self._read()
        self._next = clock() + CHECK_SECONDS

    def current(self) -> TokenKeys:
        return self._keys if self._clock() < self._next else self.refreshed()

    def refreshed(self) -> TokenKeys:
        self._next = self._clock() + CHECK_SECONDS
        try:
            look = self._look()
            if look != self._seen:
                self._seen = look
                self._keys = self._read()
                log.warning("service-account keys were read again: %d verify tokens", len(self._keys.public))
        except (OSError, ValueError) as error:
            log.warning("service-account keys were not read again: %s", error)
        return self._keys

    def _files(self) -> list[Path]:
        return [self._signing, *self._verifying()]

    def _look(self) -> _Look:
        """What tells that a file is another one."""
        stats = [(str(file), file.stat()) for file in self._files()]
        return tuple((name, stat.st_mtime_ns, stat.st_size, stat.st_ino) for name, stat in stats)

    def _read(self) -> TokenKeys:
        public: list[PublicKey] = []
        for file in self._verifying():
            try:
                public += load_public_keys(file.read_bytes())
            except ValueError as error:
                raise ValueError(f'"{file}": {error}') from error
        try:
            return TokenKeys.of(self._signing.read_bytes(), public)
        except ValueError as error:
            raise ValueError(f'"{self._signing}": {error}') from error
