"""What an agency reported, newest first: what arrived, and of which case it became a part."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, select

from protocol.names import OpaqueId, Slug
from protocol.state import Instant
from store.keyring.sealing import opened
from store.policy import Subject, visible, wholly
from store.tables import case_file, fact


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportView:
    """One event that arrived. ``at``: when it happened; ``recorded``: when it arrived."""

    case_id: OpaqueId
    code: str
    slug: Slug
    event: Slug
    at: Instant
    recorded: Instant
    person: OpaqueId | None


def reports(connection: Connection, subject: Subject, *, limit: int) -> tuple[ReportView, ...]:
    """The newest events that the subject's agencies reported, of real cases it may see."""
    mine = {subject.agency, *subject.sources}
    rows = connection.execute(
        select(fact, case_file.c.code, case_file.c.slug)
        .join_from(fact, case_file, fact.c.case_id == case_file.c.case_id)
        .where(fact.c.kind == "event-recorded", fact.c.agency.in_(mine), case_file.c.practice.is_(False))
        .where(visible(fact, subject, case_file.c.protocol_hash), wholly(fact, subject))
        .order_by(fact.c.recorded.desc(), fact.c.case_id, fact.c.seq)
        .limit(limit)
    ).all()
    return tuple(_view(row, found) for row, found in zip(rows, opened("fact", connection, rows), strict=True))


def _view(row: Row[Any], found: dict[str, Any]) -> ReportView:
    said = json.loads(found["body"])
    return ReportView(
        case_id=row.case_id,
        code=row.code,
        slug=row.slug,
        event=said["event"],
        at=found["at"],
        recorded=found["recorded"],
        person=said.get("person"),
    )
