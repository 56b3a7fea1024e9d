"""Keys kept safe on this machine: shut in a token, brought back with paper cards, and the yearly drill with them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from protocol.errors import HandoffError
from protocol.names import Slug
from runtime.settings import Settings
from store.custodian import escrow
from store.custodian.escrow import Card, Escrow
from store.custodian.keyholder import KEYS
from store.custodian.keyholding import folder_of
from store.custodian.keys import KeyFolder
from store.custodian.safes import options_of, safe_of


def keys_of(settings: Settings, agency: Slug) -> KeyFolder:
    """The keys of an agency on this machine: its keyholder's, if it is here, else the installation's.

    Raises:
        HandoffError: ``NO_KEYS``; ``TOKEN_DOWN``.
    """
    for folder in (folder_of(settings, agency) / KEYS, settings.custodian_keys):
        if any(folder.glob(f"{agency}.*.seed")):
            return KeyFolder(folder, safe_of(options_of(settings)))
    raise HandoffError("NO_KEYS", f"there are no keys of {agency} on this machine")


def protect(settings: Settings) -> int:
    """Shut all keys on this machine in the token that the settings name; how many were open.

    Raises:
        HandoffError: ``NO_TOKEN`` when they name none; as ``KeyFolder.protect``.
    """
    options = options_of(settings)
    if options is None:
        raise HandoffError("NO_TOKEN", "set HANDOFF_PKCS11_MODULE, _TOKEN and _PIN_FILE: they name the token")
    safe = safe_of(options)
    holders = settings.key_dir / "keyholder"
    folders = [settings.custodian_keys, *(each / KEYS for each in sorted(holders.glob("*")))]
    return sum(KeyFolder(each, safe).protect() for each in folders if each.is_dir())


def cards(settings: Settings, agency: Slug, *, need: int, of: int) -> tuple[Path, Escrow, tuple[Card, ...]]:
    """New paper cards for an agency's keys, and where the file is that goes with them."""
    keys = keys_of(settings, agency)
    return keys.escrow_file(agency), *keys.make_cards(agency, need=need, of=of)


def recover(settings: Settings, file: Path, texts: Sequence[str], *, here: bool) -> tuple[Slug, int]:
    """Bring keys back with cards, to the agency's keyholder or (``here``) to this installation; how many were lost.

    Raises:
        HandoffError: as ``escrow.open_`` and ``KeyFolder.put_back``.
    """
    found = escrow.read(file)
    seeds = escrow.open_(found, [Card.read(each) for each in texts])
    settings.make_folders()
    folder = settings.custodian_keys if here else folder_of(settings, found.agency) / KEYS
    keys = KeyFolder(folder, safe_of(options_of(settings)))
    return found.agency, keys.put_back(found.agency, seeds)


def drill(settings: Settings, file: Path, texts: Sequence[str]) -> tuple[Slug, int]:
    """Look whether cards would bring back what is here, and change nothing; how many keys they opened.

    Raises:
        HandoffError: as ``escrow.open_``; ``ESCROW_OLD`` when a key is here that the file has not; ``OTHER_KEYS``.
    """
    found = escrow.read(file)
    seeds = escrow.open_(found, [Card.read(each) for each in texts])
    keys = keys_of(settings, found.agency)
    keys.check_home(found.agency, seeds)
    if {epoch for epoch, _ in keys.seeds(found.agency)} - {epoch for epoch, _ in seeds}:
        raise HandoffError("ESCROW_OLD", f"{file} does not have every key that is here: copy it anew to each card")
    return found.agency, len(seeds)
