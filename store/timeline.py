"""What happened in a case, as far as a subject may know: each audience has its own dense numbering."""

from __future__ import annotations

import json
from dataclasses import dataclass

from pydantic import JsonValue
from sqlalchemy import Connection, select

from protocol.names import OpaqueId, Slug
from protocol.state import Instant
from store.cases import seen
from store.keyring.sealing import opened
from store.policy import Subject, only_if, visible, wholly
from store.tables import case_file, fact

OUTSIDE_WORDS = {"step-delivered": "delivered", "taken-up": "taken-up", "told": "not-taken-up"}
"""What outsiders see of a confidential agency's facts, by kind."""

COUNTS_HIDDEN = frozenset({"kind", "instance", "page", "repeat", "ref", "step", "unfinished"})
"""Parts of a fact that are said elsewhere, or whose numbers count what others may not see."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineRow:
    """One thing that happened. With ``full`` false, ``at`` and ``recorded`` are the same and ``data`` is empty."""

    number: int
    full: bool
    at: Instant
    recorded: Instant
    kind: str
    lane: Slug | None
    agency: Slug | None
    step: Slug | None
    task_id: str | None
    data: dict[str, JsonValue]


def timeline(connection: Connection, subject: Subject, case_id: OpaqueId) -> tuple[TimelineRow, ...]:
    """The facts of a case that the subject may see, in the order they were recorded.

    Raises:
        HandoffError: ``NOT_FOUND``.
    """
    known = seen(connection, subject, case_id)
    full = wholly(fact, subject)
    rows = connection.execute(
        select(
            full.label("full"),
            fact.c.case_id,
            fact.c.seq,
            only_if(full, fact.c.sealed),
            only_if(full, fact.c.at),
            fact.c.recorded,
            fact.c.kind,
            fact.c.lane,
            fact.c.agency,
            fact.c.step,
            fact.c.task_id,
            only_if(full, fact.c.body),
        )
        .join_from(fact, case_file, fact.c.case_id == case_file.c.case_id)
        .where(fact.c.case_id == known.case_id, visible(fact, subject, case_file.c.protocol_hash))
        .order_by(fact.c.seq)
    ).all()
    return tuple(
        TimelineRow(
            number=number,
            full=bool(row["full"]),
            at=row["at"] if row["full"] else row["recorded"],
            recorded=row["recorded"],
            kind=row["kind"] if row["full"] else OUTSIDE_WORDS[row["kind"]],
            lane=row["lane"],
            agency=row["agency"],
            step=row["step"],
            task_id=row["task_id"],
            data=_data(row["body"]) if row["full"] else {},
        )
        for number, row in enumerate(opened("fact", connection, rows), start=1)
    )


def _data(body: str) -> dict[str, JsonValue]:
    return {name: value for name, value in json.loads(body).items() if name not in COUNTS_HIDDEN}
