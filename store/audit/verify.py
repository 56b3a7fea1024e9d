"""Looking whether the audit is whole: every row, every key, every head, and against heads that somebody kept.

Found are rows altered, taken out, put in another order or cut off behind a head, and heads that are not those which
were given out. What was added after the last head and taken away before the next leaves no trace: five minutes at
most.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection, and_, func, not_, or_, select
from sqlalchemy.sql import exists

from protocol.names import OpaqueId
from store import ids
from store.audit import merkle, sealing
from store.audit.chain import beginning, hash_of, header
from store.audit.checkpoints import Checkpoint, checkpoints, every
from store.audit.countersigned import Countersigned, differing
from store.audit.heads import FIRST, Head, head_of
from store.audit.site_key import is_signed
from store.audit.tables import audit_checkpoint, audit_head, audit_key, audit_leaf, audit_row
from store.session import Database

AT_ONCE = 5_000
COLUMNS = ("chain", "n", "at", "agency", "kind", "request", "about", "key", "sealed", "prev", "hash")
Link = tuple[str, int, int, bytes]
"""Chain, number, instant and hash of a row."""

NONE: Link = ("", 0, 0, b"")


class Wrong(StrEnum):
    """What is wrong with an audit; stable codes."""

    ROW_ALTERED = "ROW_ALTERED"
    ROW_MISSING = "ROW_MISSING"
    ROW_DOES_NOT_FOLLOW = "ROW_DOES_NOT_FOLLOW"
    ROW_BACK_IN_TIME = "ROW_BACK_IN_TIME"
    CHAIN_CUT = "CHAIN_CUT"
    CHAIN_REWRITTEN = "CHAIN_REWRITTEN"
    CHECKPOINT_FALSE = "CHECKPOINT_FALSE"
    KEY_ALTERED = "KEY_ALTERED"
    KEY_MISSING = "KEY_MISSING"
    HEAD_ALTERED = "HEAD_ALTERED"
    HEAD_MISSING = "HEAD_MISSING"
    HEAD_REWRITTEN = "HEAD_REWRITTEN"
    OPEN_UNMATCHED = "OPEN_UNMATCHED"
    COUNTERSIGN_FALSE = "COUNTERSIGN_FALSE"


SENTENCES = {
    Wrong.ROW_ALTERED: "what it says was altered",
    Wrong.ROW_MISSING: "rows before it are not there",
    Wrong.ROW_DOES_NOT_FOLLOW: "it does not follow from the row before it",
    Wrong.ROW_BACK_IN_TIME: "it is older than the row before it",
    Wrong.CHAIN_CUT: "a head says that the chain had this row; it is not there",
    Wrong.CHAIN_REWRITTEN: "a head says that this row was another",
    Wrong.CHECKPOINT_FALSE: "rows before it were dropped without a signed checkpoint of a time that allows it",
    Wrong.KEY_ALTERED: "a key that details are sealed with was altered",
    Wrong.KEY_MISSING: "the key its detail is sealed with is not there",
    Wrong.HEAD_ALTERED: "this head was altered, or is not signed by the site's key",
    Wrong.HEAD_MISSING: "a head is not there",
    Wrong.HEAD_REWRITTEN: "this head is not the one that was kept",
    Wrong.OPEN_UNMATCHED: "a protected value was opened and no row says so",
    Wrong.COUNTERSIGN_FALSE: "an agency's signature under this head is not its own",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaw:
    """One thing wrong. ``chain`` is empty where it is about a head or a key; ``n`` is the row's or head's number."""

    wrong: Wrong
    chain: str = ""
    n: int = 0

    def says(self) -> str:
        """It in a sentence."""
        where = f"Row {self.n} of {self.chain}" if self.chain else f"Head {self.n}" if self.n else "The audit"
        return f"{where}: {SENTENCES[self.wrong]}."


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What was looked at and what is wrong; nothing wrong: ``flaws`` is empty.

    ``vouched``: agencies whose signature holds, the newest head that each has signed, and the key it signed with.
    """

    rows: int
    chains: int
    heads: int
    flaws: tuple[Flaw, ...]
    vouched: tuple[tuple[str, int, str], ...] = ()


def verify(
    database: Database, public: bytes, kept: Sequence[Head] = (), signed: Sequence[Countersigned] = ()
) -> Verdict:
    """Look at everything, changing nothing.

    Args:
        database: the installation's.
        public: the site's public key, from its holder or from a file of kept heads.
        kept: heads that somebody kept elsewhere; what the database says of them must be the same.
        signed: heads that agencies have signed.
    """
    with database.read() as connection:
        return look(connection, public, kept, signed)


def look(
    connection: Connection, public: bytes, kept: Sequence[Head] = (), signed: Sequence[Countersigned] = ()
) -> Verdict:
    """As ``verify``, on an open connection."""
    site, _ = ids.site_of(connection)
    checked = Chains(site, public, checkpoints(connection))
    flaws = list(checked.flaws(connection))
    flaws += _points(connection, site, public)
    flaws += _keys(connection)
    flaws += _orphans(connection)
    flaws += _heads(connection, site, public)
    flaws += _compared(connection, site, kept)
    wrong = dict(differing(connection, site, signed))
    flaws += [Flaw(wrong=UNVOUCHED[why], n=each.n) for each, why in wrong.items()]
    vouched = {each.agency: (each.agency, each.n, each.key) for each in signed if each not in wrong}
    return Verdict(
        rows=checked.rows,
        chains=checked.chains,
        heads=connection.execute(select(func.count()).select_from(audit_head)).scalar_one(),
        flaws=tuple(dict.fromkeys(flaws)),
        vouched=tuple(vouched.values()),
    )


UNVOUCHED = {True: Wrong.COUNTERSIGN_FALSE, None: Wrong.HEAD_MISSING, False: Wrong.HEAD_REWRITTEN}
"""What is wrong where an agency's signature does not hold."""


class Chains:
    """Goes through chains row by row."""

    def __init__(self, site: OpaqueId, public: bytes, known: dict[str, Checkpoint]) -> None:
        self.rows = 0
        self.chains = 0
        self._site = site
        self._public = public
        self._known = known

    def flaws(self, connection: Connection, only: str | None = None) -> Iterator[Flaw]:
        """What is wrong with every chain, or with one; leaves are compared with the rows they are of."""
        wanted = (
            select(*(audit_row.c[name] for name in COLUMNS), audit_leaf.c.salt, audit_leaf.c.leaf)
            .outerjoin(audit_leaf, and_(audit_leaf.c.chain == audit_row.c.chain, audit_leaf.c.length == audit_row.c.n))
            .order_by(audit_row.c.chain, audit_row.c.n)
        )
        if only is not None:
            wanted = wanted.where(audit_row.c.chain == only)
        before = NONE
        with connection.execute(wanted.execution_options(yield_per=AT_ONCE)) as found:
            for row in found:
                # Unpacked once: there may be millions.
                chain, n, at, agency, kind, request, about, key, sealed, prev, hash_, salt, leaf = row
                self.rows += 1
                this = (chain, n, at, hash_)
                if before[0] != chain:
                    self.chains += 1
                    yield from self._first(this, prev)
                elif n != before[1] + 1 or prev != before[3] or at < before[2]:
                    yield from _following(before, this, prev)
                clear = header(chain, n, at, agency, kind, request, key, about)
                if hash_of(prev, clear, sealed) != hash_:
                    yield Flaw(wrong=Wrong.ROW_ALTERED, chain=chain, n=n)
                if leaf is not None and merkle.leaf_of(salt, chain, n, hash_) != leaf:
                    yield Flaw(wrong=Wrong.CHAIN_REWRITTEN, chain=chain, n=n)
                before = this

    def _first(self, this: Link, prev: bytes) -> Iterator[Flaw]:
        """A chain begins with its first row, or with the last of those a checkpoint let go."""
        chain, n, at, hash_ = this
        point = self._known.get(chain)
        if n == 1:
            if prev != beginning(self._site, chain):
                yield Flaw(wrong=Wrong.ROW_DOES_NOT_FOLLOW, chain=chain, n=1)
        elif point is None or point.n < n:
            yield Flaw(wrong=Wrong.ROW_MISSING, chain=chain, n=n)
        elif point.n > n or not point.lets_go(self._site, self._public, at, hash_):
            yield Flaw(wrong=Wrong.CHECKPOINT_FALSE, chain=chain, n=n)


def _following(before: Link, this: Link, prev: bytes) -> Iterator[Flaw]:
    chain, n, at, _ = this
    if n != before[1] + 1:
        yield Flaw(wrong=Wrong.ROW_MISSING, chain=chain, n=n)
    elif prev != before[3]:
        yield Flaw(wrong=Wrong.ROW_DOES_NOT_FOLLOW, chain=chain, n=n)
    if at < before[2]:
        yield Flaw(wrong=Wrong.ROW_BACK_IN_TIME, chain=chain, n=n)


def _points(connection: Connection, site: OpaqueId, public: bytes) -> Iterator[Flaw]:
    for each in every(connection):
        if not is_signed(public, each.statement(site), each.signature):
            yield Flaw(wrong=Wrong.CHECKPOINT_FALSE, chain=each.chain, n=each.n)


def _keys(connection: Connection) -> Iterator[Flaw]:
    for row in connection.execute(select(audit_key).execution_options(yield_per=AT_ONCE)):
        if sealing.key_id(dict(row._mapping)) != row.id:
            yield Flaw(wrong=Wrong.KEY_ALTERED)
    there = exists().where(audit_key.c.id == audit_row.c.key)
    lost = select(audit_row.c.chain, audit_row.c.n).where(not_(there)).order_by(audit_row.c.chain, audit_row.c.n)
    for row in connection.execute(lost):
        yield Flaw(wrong=Wrong.KEY_MISSING, chain=row.chain, n=row.n)


def _orphans(connection: Connection) -> Iterator[Flaw]:
    """Leaves of rows that are not there, but for those a checkpoint let go."""
    there = exists().where(audit_row.c.chain == audit_leaf.c.chain, audit_row.c.n == audit_leaf.c.length)
    dropped = exists().where(audit_checkpoint.c.chain == audit_leaf.c.chain, audit_checkpoint.c.n > audit_leaf.c.length)
    lost = select(audit_leaf.c.chain, audit_leaf.c.length).where(not_(or_(there, dropped)))
    for row in connection.execute(lost.order_by(audit_leaf.c.chain, audit_leaf.c.length)):
        yield Flaw(wrong=Wrong.CHAIN_CUT, chain=row.chain, n=row.length)


def _heads(connection: Connection, site: OpaqueId, public: bytes) -> Iterator[Flaw]:
    """Each head follows from the one before, is signed, and its root is that of the leaves up to it."""
    heads = connection.execute(select(audit_head).order_by(audit_head.c.n)).all()
    wanted = select(audit_leaf)
    wanted = wanted.order_by(audit_leaf.c.head, audit_leaf.c.place).execution_options(yield_per=AT_ONCE)
    tree, number, previous = merkle.Tree(), 0, FIRST
    with connection.execute(wanted) as found:
        leaves = iter(found)
        leaf = next(leaves, None)
        for head in map(head_of, heads):
            if head.n != number + 1:
                yield Flaw(wrong=Wrong.HEAD_MISSING, n=number + 1)
            whole = head.n != number + 1 or head.previous == previous
            while leaf is not None and leaf.head <= head.n:
                whole = whole and leaf.head == head.n and 0 <= leaf.place <= len(tree)
                if 0 <= leaf.place <= len(tree):
                    node = merkle.placed(bytes(leaf.salt), leaf.chain, leaf.length, bytes(leaf.leaf))
                    tree.put(leaf.place, node)
                leaf = next(leaves, None)
            if not whole or tree.root() != head.root or not head.is_signed_by(public, site):
                yield Flaw(wrong=Wrong.HEAD_ALTERED, n=head.n)
            number, previous = head.n, head.digest(site)
        if leaf is not None:
            yield Flaw(wrong=Wrong.HEAD_MISSING, n=leaf.head)


def _compared(connection: Connection, site: OpaqueId, kept: Sequence[Head]) -> Iterator[Flaw]:
    """The heads here are those which somebody kept."""
    if not kept:
        return
    here = {row.n: head_of(row) for row in connection.execute(select(audit_head))}
    for each in kept:
        found = here.get(each.n)
        if found is None:
            yield Flaw(wrong=Wrong.HEAD_MISSING, n=each.n)
        elif found.digest(site) != each.digest(site):
            yield Flaw(wrong=Wrong.HEAD_REWRITTEN, n=each.n)
