"""What an installation does about its audit by itself: looks at it, drops what was kept long enough."""

from __future__ import annotations

from pathlib import Path

from protocol.errors import HandoffError
from protocol.state import Instant
from runtime.settings import Settings
from store import ids
from store.audit import breaches, countersigned, kept
from store.audit.checkpoints import DAY, candidates, checkpoints, let_go
from store.audit.heads import Cut
from store.audit.site_key import FILE, SiteKey, of_folder
from store.audit.verify import Chains, Flaw, Verdict, Wrong, verify
from store.session import Database


def looked_at(database: Database, key: SiteKey, now: Instant) -> tuple[Verdict, int]:
    """Verify everything and write down what is wrong; the verdict, and how much of it was not known before."""
    verdict = verify(database, key.public)
    return verdict, breaches.record(database, verdict.flaws, now)


def judged(settings: Settings, file: Path | None, now: Instant, signed: Path | None = None) -> Verdict:
    """Verify an installation's audit, also against heads kept, or signed by agencies, in a file.

    What is wrong starts the breach path.

    Raises:
        HandoffError: ``HEADS_FILE``, ``HEADS_DIFFER``, ``COUNTERSIGNED_FILE``; ``NO_HEADS`` when neither file nor
            site's key is here; ``DATABASE_``.
    """
    held = None if file is None else kept.read(file)
    if file is not None and held is None:
        raise HandoffError("HEADS_FILE", f"there is no file {file}")
    if held is None and not (settings.engine_keys / FILE).exists():
        says = "the site's key is not here, so nobody's signature can be told: give --heads FILE"
        raise HandoffError("NO_HEADS", says)
    public = of_folder(settings.engine_keys).public if held is None else held.key
    database = Database(settings.database_url)
    try:
        found = () if signed is None else countersigned.read(signed)
        verdict = verify(database, public, () if held is None else held.heads, found)
        breaches.record(database, verdict.flaws, now)
    finally:
        database.close()
    return verdict


def found_cut(database: Database, cut: tuple[Cut, ...], now: Instant) -> int:
    """Write down chains that were found cut while a head was made."""
    flaws = [Flaw(wrong=Wrong.CHAIN_CUT, chain=each.chain, n=each.length) for each in cut]
    return breaches.record(database, flaws, now)


def prune(database: Database, key: SiteKey, years: int, now: Instant) -> int:
    """Drop rows older than so many years, of chains that are whole; how many rows went."""
    with database.read() as connection:
        site, _ = ids.site_of(connection)
        points = candidates(connection, now - years * 365 * DAY)
        known = checkpoints(connection)
        # A chain with a flaw is evidence: nothing of it goes.
        whole = [
            each
            for each in points
            if next(Chains(site, key.public, known).flaws(connection, only=each.chain), None) is None
        ]
    return sum(let_go(database, key, each, now) for each in whole)
