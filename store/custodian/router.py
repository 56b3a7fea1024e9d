"""Which agency's keys are kept where: with its keyholder, if it has enrolled one, else on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from protocol.names import OpaqueId, Slug
from runtime.settings import Settings
from store.custodian import remote
from store.custodian.local import LocalCustodian
from store.custodian.port import Custodian, Grant, Item, KeyCard, Order, Pane, Place, Receipt, Shown, Wrap
from store.custodian.remote import RemoteCustodian
from store.releases.document import Release, Ticket


class Custodians:
    """``port.Custodian`` for every agency. One keyholder that is down is down for its own agency alone.

    Args:
        local: who keeps the keys of agencies without a keyholder.
        folder: what this installation knows of keyholders; read on each call, so that enrolling needs no new start.
    """

    def __init__(self, local: LocalCustodian, folder: Path) -> None:
        self.local = local
        self._folder = folder

    def of(self, agency: Slug) -> Custodian:
        """Who keeps an agency's keys."""
        kept = self._folder / f"{agency}.json"
        return RemoteCustodian(self._folder, agency) if kept.exists() else self.local

    def sign_in(self, agency: Slug, name: str, password: str, code: str) -> str:
        """See ``port.Custodian``."""
        return self.of(agency).sign_in(agency, name, password, code)

    def describe(self, agency: Slug) -> KeyCard:
        """See ``port.Custodian``."""
        return self.of(agency).describe(agency)

    def open(self, grant: Grant, why: Slug, items: Sequence[Item]) -> tuple[bytes, ...]:
        """See ``port.Custodian``."""
        return self.of(grant.agency).open(grant, why, items)

    def break_glass(self, grant: Grant, pane: Pane) -> None:
        """See ``port.Custodian``."""
        self.of(grant.agency).break_glass(grant, pane)

    def share(self, grant: Grant, items: Sequence[Item], to: KeyCard) -> tuple[Wrap, ...]:
        """See ``port.Custodian``."""
        return self.of(grant.agency).share(grant, items, to)

    def forget(self, order: Order) -> Receipt:
        """See ``port.Custodian``."""
        return self.of(order.owner).forget(order)

    def engine_share(self, agency: Slug) -> bytes:
        """See ``port.Custodian``."""
        return self.of(agency).engine_share(agency)

    def rotate(self, agency: Slug) -> KeyCard:
        """See ``port.Custodian``."""
        return self.of(agency).rotate(agency)

    def rewrap(self, agency: Slug, records: Sequence[tuple[Place, Wrap]]) -> tuple[Wrap, ...]:
        """See ``port.Custodian``."""
        return self.of(agency).rewrap(agency, records)

    def identity(self, agency: Slug) -> bytes:
        """See ``port.Custodian``."""
        return self.of(agency).identity(agency)

    def sign(self, grant: Grant, release: Release) -> bytes:
        """See ``port.Custodian``."""
        return self.of(grant.agency).sign(grant, release)

    def vouch(self, grant: Grant, ticket: Ticket) -> bytes:
        """See ``port.Custodian``."""
        return self.of(grant.agency).vouch(grant, ticket)

    def open_released(self, shown: Shown, why: Slug, items: Sequence[Item]) -> tuple[bytes, ...]:
        """See ``port.Custodian``."""
        return self.of(shown.release.owner).open_released(shown, why, items)

    def revoke(self, owner: Slug, release: OpaqueId) -> None:
        """See ``port.Custodian``."""
        self.of(owner).revoke(owner, release)

    def answers(self) -> bool:
        """Whether the custodian of this machine can be reached."""
        return self.local.answers()

    def keyholders(self) -> dict[Slug, bool]:
        """Each keyholder, and whether it answers."""
        return {each: RemoteCustodian(self._folder, each).answers() for each in remote.enrolled(self._folder)}


def custodians(settings: Settings) -> Custodians:
    """The custodians of an installation."""
    return Custodians(LocalCustodian(settings.custodian_dir), settings.keyholders)
