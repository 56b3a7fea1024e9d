"""What goes on around a case's tasks, read from its facts: its linked cases, and lanes whose clocks stand still."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection, exists, func, not_, or_, select

from protocol.names import OpaqueId, Slug
from protocol.state import Instant
from store.keyring.sealing import opened
from store.policy import Subject, wholly
from store.tables import case_file, fact

LINKS = ("link-started", "linked-case-started", "link-noticed")
PAUSES = ("lane-paused", "lane-resumed")


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkView:
    """A case that another began with ``event``; ``link`` None: of the same protocol.

    When it opened, and ended, is None where that has not happened or is not the reader's to know.
    """

    seq: int = field(compare=False, repr=False)
    """The fact that says so, which the linked case's id is made from. Never shown: it counts what is hidden."""
    link: Slug | None
    event: Slug
    started_at: Instant
    opened_at: Instant | None = None
    ended_at: Instant | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LanePauseView:
    """A lane whose clocks stand still, until an instant at the latest."""

    lane: Slug
    since: Instant
    until: Instant


def links(connection: Connection, subject: Subject, case_id: OpaqueId) -> tuple[LinkView, ...]:
    """The linked cases a case began, as far as the subject may know, first to last."""
    found: list[LinkView] = []
    for row, body in _facts(connection, subject, case_id, LINKS):
        if row["kind"] != "link-noticed":
            link = body.get("link")
            found.append(LinkView(seq=row["seq"], link=link, event=body["event"], started_at=row["at"]))
            continue
        # One linked case of a link at a time: a notice is about the last.
        place = max(number for number, each in enumerate(found) if each.link == body["link"])
        told = {"ended_at": row["at"]} if body["ended"] else {"opened_at": row["at"]}
        found[place] = replace(found[place], **told)
    return tuple(found)


def unopened(connection: Connection) -> dict[tuple[Slug, Slug], int]:
    """How many linked cases of open cases have not opened yet, by the protocol and the link that began them.

    Those that a confidential agency's act began are not counted: that is not the operator's to know.
    """
    started, noticed = fact.alias("started"), fact.alias("noticed")
    since = exists().where(
        noticed.c.case_id == started.c.case_id,
        noticed.c.kind == "link-noticed",
        noticed.c.step == started.c.step,
        noticed.c.seq > started.c.seq,
    )
    rows = connection.execute(
        select(case_file.c.slug, started.c.step, func.count())
        .join_from(started, case_file, started.c.case_id == case_file.c.case_id)
        .where(started.c.kind == "link-started", case_file.c.status == "open", not_(since))
        .group_by(case_file.c.slug, started.c.step)
    )
    return {(slug, link): count for slug, link, count in rows}


def lane_pauses(connection: Connection, subject: Subject, case_id: OpaqueId) -> tuple[LanePauseView, ...]:
    """The lanes of a case whose clocks stand still, as far as the subject may know."""
    found: dict[Slug, LanePauseView] = {}
    for row, body in _facts(connection, subject, case_id, PAUSES):
        lane = body["lane"]
        found.pop(lane, None)
        if row["kind"] == "lane-paused":
            found[lane] = LanePauseView(lane=lane, since=row["at"], until=body["until"])
    return tuple(found.values())


def _facts(
    connection: Connection, subject: Subject, case_id: OpaqueId, kinds: tuple[str, ...]
) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    # Of what is sealed the kind is, too.
    maybe = or_(fact.c.kind.in_(kinds), fact.c.sealed.is_not(None))
    rows = connection.execute(
        select(fact).where(fact.c.case_id == case_id, maybe, wholly(fact, subject)).order_by(fact.c.seq)
    ).all()
    found = [row for row in opened("fact", connection, rows) if row["kind"] in kinds]
    return [(row, json.loads(row["body"])) for row in found]
