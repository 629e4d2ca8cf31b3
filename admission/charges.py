"""What a write costs elsewhere: changes of other objects that are committed with the written one, or the write is not done.

A plugin that has judged a write by the state of another object, such as a quota, puts a Charge to the attributes.  When the write is
committed, the charge is settled on that object as it is then, which may refuse it after all, and what it changes is one transaction with
the object itself: no moment, and no process's end, comes between the two.  A dry run settles nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from cluster.api.names import GroupResource, Object

if TYPE_CHECKING:
    from admission.attributes import Attributes


class Ledger(Protocol):
    """What charges are settled on: objects as they are stored, with what charges before this one have changed."""

    def list(self, resource: GroupResource, namespace: str) -> Sequence[Object]:
        """All objects of a resource in a namespace, in the version that is stored; never change them."""
        ...

    def put(self, resource: GroupResource, obj: Object) -> None:
        """In place of the one of that name, which was listed."""
        ...


class Charge(Protocol):
    """One plugin's charge for one write."""

    @property
    def plugin(self) -> str:
        """Who denies what is not settled."""
        ...

    @property
    def attributes(self) -> Attributes:
        """The write that it is for."""
        ...

    @property
    def account(self) -> str:
        """Charges to one account, of whatever writes, may be settled and committed together."""
        ...

    def settle(self, ledger: Ledger) -> None:
        """A StatusError where the write is denied as things are now; the ledger is then as it was."""
        ...
