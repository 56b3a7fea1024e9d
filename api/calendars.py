"""A person's shifts for their own calendar, at a secret address: times and one neutral word, no role and no agency."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

from fastapi import APIRouter, Request, Response
from icalendar import Calendar, Event

from api.deps import Here, now
from api.identity import address
from protocol.engine import clocks
from protocol.state import Instant
from runtime import limits
from store import feeds, rotas
from store.notices.watching import HOUR
from store.policy import unknown
from store.rotas import Shift
from store.session import Connection

router = APIRouter(include_in_schema=False)
BEFORE, AFTER = 14 * 24 * HOUR, 120 * 24 * HOUR
"""Microseconds back and ahead that a calendar gets."""


@router.get("/calendar/{token}.ics")
async def calendar(token: str, request: Request, here: Here) -> Response:
    """The shifts of whoever has this address. It signs nobody in and shows nothing else."""
    at = now()
    here.limits.take(("stranger", address(request)), limits.STRANGER, at)

    def ask(connection: Connection) -> tuple[Shift, ...] | None:
        person_id = feeds.whose(connection, token)
        return None if person_id is None else rotas.shifts_of(connection, person_id, at - BEFORE, at + AFTER)

    found = await here.read(ask)
    if found is None:
        raise unknown("calendar")
    return Response(written(found, here.posting.sender, at), media_type="text/calendar; charset=utf-8")


def written(found: tuple[Shift, ...], word: str, at: Instant) -> bytes:
    """Shifts as iCalendar (RFC 5545). ``word``: what each is called, the one notices begin with as well."""
    made = Calendar()
    made.add("prodid", f"-//{word}//EN")
    made.add("version", "2.0")
    made.add("x-wr-calname", word)
    made.add("refresh-interval", timedelta(hours=1), parameters={"value": "DURATION"})
    for each in found:
        event = Event()
        # The id of a shift stays inside: a calendar is kept by others.
        event.add("uid", hashlib.sha256(f"calendar|{each.id}".encode()).hexdigest()[:32])
        event.add("summary", word)
        event.add("dtstamp", _moment(at))
        event.add("dtstart", _moment(each.starts_at))
        event.add("dtend", _moment(each.ends_at))
        made.add_component(event)
    return bytes(made.to_ical())


def _moment(at: Instant) -> datetime:
    return clocks.moment(at).astimezone(UTC).replace(microsecond=0)
