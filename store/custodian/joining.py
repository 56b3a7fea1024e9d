"""Bringing an agency's keys home: from this machine to the keyholder the agency runs."""

from __future__ import annotations

from protocol.errors import HandoffError
from runtime.settings import Settings
from store import vault
from store.custodian import remote
from store.custodian.keys import KeyFolder
from store.custodian.port import Custodian, KeyCard
from store.custodian.remote import Code
from store.custodian.safes import options_of, safe_of
from store.session import Database


def join(settings: Settings, text: str) -> KeyCard:
    """Enrol this installation at the keyholder that gave a one-time code, and hand the agency's keys over to it.

    What was sealed before opens there; what is sealed from now on goes to a key that was never on this machine. The
    keys are deleted here once the keyholder has them and opens what they open. The custodian of this machine may
    have them in its memory until Handoff is started again.

    Raises:
        HandoffError: as ``remote.enrol``; ``ENGINE_SHARE`` when the keyholder gives another engine share than these
            keys, and nothing is deleted then.
    """
    settings.make_folders()
    agency = Code.read(text).agency
    keys = KeyFolder(settings.custodian_keys, safe_of(options_of(settings)))
    seeds = keys.seeds(agency)
    share = keys.engine_share(agency) if seeds else None
    keyholder: Custodian = remote.enrol(settings.keyholders, text, seeds)
    if share is not None and keyholder.engine_share(agency) != share:
        raise HandoffError("ENGINE_SHARE", f"the keyholder of {agency} does not open what its keys here open")
    for release in keys.closed():
        # What was taken back, or seen the once it could be, stays shut there as well.
        keyholder.revoke(agency, release)
    card = keyholder.describe(agency)
    database = Database(settings.database_url)
    try:
        vault.learn_card(database, card)
    finally:
        database.close()
    keys.drop(agency)
    return card
