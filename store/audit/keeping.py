"""What an installation does about its audit by itself: looks at it, drops what was kept long enough."""

from __future__ import annotations

from protocol.state import Instant
from store import ids
from store.audit import breaches
from store.audit.checkpoints import DAY, candidates, checkpoints, let_go
from store.audit.heads import Cut
from store.audit.site_key import SiteKey
from store.audit.verify import Chains, Flaw, Verdict, Wrong, verify
from store.session import Database


def looked_at(database: Database, key: SiteKey, now: Instant) -> tuple[Verdict, int]:
    """Verify everything and write down what is wrong; the verdict, and how much of it was not known before."""
    verdict = verify(database, key.public)
    return verdict, breaches.record(database, verdict.flaws, now)


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
