"""The facts of a finished case for whoever may know all of them, and whether enough others went the same way."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, select

from protocol.errors import HandoffError
from protocol.facts import CaseEnded, Fact, PartErased
from protocol.kernel import Protocol
from protocol.scenarios.retelling import Path, path
from store import protocols
from store.cases import seen
from store.keyring.sealing import opened
from store.policy import Subject, wholly
from store.projector import BODY
from store.tables import case_file, fact

FEWEST = 5
"""Cases that went the same way: with fewer, a story might be known again (council.md section 6)."""
MOST = 1_000
"""Of the cases that were opened last, how many are looked through."""
PORTION = 50
OPEN = "open"


def whole(connection: Connection, who: Subject, case: str) -> tuple[Protocol, tuple[Fact, ...]]:
    """A case's text and every fact of it, for a lead of the one agency that keeps it confidential, or of any.

    Raises:
        HandoffError: ``NOT_FOUND``; ``NOT_YOURS`` for who may not know all of it, or leads no agency of it;
            ``CASE_OPEN``; ``CASE_ERASED``; ``NOT_RETOLD`` for a case that moved between texts.
    """
    known = seen(connection, who, case)
    rows = connection.execute(
        select(fact, wholly(fact, who).label("full")).where(fact.c.case_id == known.case_id).order_by(fact.c.seq)
    ).all()
    protocol = protocols.by_hash(connection, known.protocol_hash).protocol
    agency = protocol.agency.get(who.agency)
    private = {each.id for each in protocol.agencies if each.confidential}
    # By the text first: what is asked of the case must not tell whether a confidential agency did anything in it.
    if (
        agency is None
        or not set(agency.leads) & set(who.roles)
        or private - {who.agency}
        or not all(r.full for r in rows)
    ):
        raise HandoffError("NOT_YOURS", "a lead of the agency that keeps all of a case confidential tells it again")
    if known.status == OPEN:
        raise HandoffError("CASE_OPEN", "only a case that has ended is told again")
    if len({row.protocol_hash for row in rows}) > 1:
        raise HandoffError("NOT_RETOLD", "this case moved from one text to another: write that story by hand")
    facts = _facts(connection, rows)
    if any(isinstance(each.body, PartErased) for each in facts):
        raise HandoffError("CASE_ERASED", "a part of this case was erased, so its story is gone")
    return protocol, facts


def companions(connection: Connection, who: Subject, protocol: Protocol, way: Path) -> int:
    """How many ended cases of a protocol went this way, counted up to the fewest that are enough."""
    chosen = select(case_file.c.case_id).where(case_file.c.slug == protocol.id, case_file.c.practice.is_(False))
    cases = connection.execute(chosen.order_by(case_file.c.opened_at.desc()).limit(MOST)).scalars().all()
    found = 0
    for begun in range(0, len(cases), PORTION):
        portion = cases[begun : begun + PORTION]
        # Of what a confidential agency did even the kind is sealed, so each fact is opened to be told apart.
        rows = connection.execute(
            select(fact).where(fact.c.case_id.in_(portion), wholly(fact, who)).order_by(fact.c.case_id, fact.c.seq)
        ).all()
        for _, group in groupby(rows, key=lambda row: row.case_id):
            facts = _facts(connection, [*group])
            found += path(facts) == way and any(isinstance(each.body, CaseEnded) for each in facts)
        if found >= FEWEST:
            return FEWEST
    return found


def _facts(connection: Connection, rows: Sequence[Any]) -> tuple[Fact, ...]:
    return tuple(
        Fact(seq=row["seq"], at=row["at"], recorded=row["recorded"], body=BODY.validate_json(row["body"]))
        for row in opened("fact", connection, rows)
    )


def enough(connection: Connection, who: Subject, protocol: Protocol, way: Path) -> None:
    """Let a case be told again if enough others went the same way.

    Raises:
        HandoffError: ``RARE_PATH``.
    """
    if companions(connection, who, protocol, way) < FEWEST:
        raise HandoffError("RARE_PATH", f"fewer than {FEWEST} cases went this way: its story could be known again")
