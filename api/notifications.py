"""How I am reached, whether my agency can be, and what a gateway hands on: answers, and what became of a message."""

from __future__ import annotations

import hmac
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request
from pydantic import Field

from api.deps import Here, Services, Who, now
from api.once import Once
from api.tasks import take_up
from api.views import Closed, when
from protocol.errors import HandoffError
from protocol.languages import DEFAULT
from protocol.state import Instant
from runtime.limits import Limit
from runtime.posting.config import Answers, secret
from store import people
from store.notices import errands, reach, replies, summary
from store.notices.errands import Kind
from store.notices.reach import CHANNELS, Quiet, Reach
from store.notices.replies import Reply, Wish
from store.policy import Subject
from store.session import Connection

router = APIRouter(prefix="/notifications", route_class=Once)
gateway = APIRouter(prefix="/notifications")

REPLIES = Limit(per_second=20 / 3600, burst=10)
"""Replies of one number: a code has three digits, so that many guesses an hour lead to no notice of another's."""

TESTS = Limit(per_second=5 / 3600, burst=5)
STOP = frozenset(("STOP", "STOPALL", "UNSUBSCRIBE", "BAJA", "ALTO"))
"""What carriers take for a wish to get no more texts: the number reaches nobody then."""

Minute = Annotated[int, Field(ge=0, lt=reach.DAY)]


class Hours(Closed):
    """Quiet hours: minutes of a local day, which may run past midnight."""

    start: Minute
    end: Minute


class Dead(Closed):
    """A channel that reaches me no more, and since when that is known."""

    channel: str
    since: datetime | None


class Mine(Closed):
    """How I am reached: the first channel at once, the second two minutes later.

    ``able`` are the channels of this installation. Quiet hours hold my own reminders; never a duty or an escalation.
    """

    language: str
    phone: str | None
    email: str | None
    channels: tuple[str, ...]
    quiet: Hours | None
    able: tuple[str, ...]
    dead: list[Dead]
    tested_at: datetime | None


class Choice(Closed):
    """How I want to be reached, whole."""

    language: str = DEFAULT
    email: str | None = Field(None, max_length=reach.MOST_EMAIL)
    phone: str | None = Field(None, max_length=20)
    channels: tuple[str, ...] = ("text", "email")
    quiet: Hours | None = None


class Unreached(Closed):
    """Somebody of my agency whom a channel reaches no more."""

    person: str
    name: str
    channel: str
    since: datetime | None


class State(Closed):
    """Of my agency: duties that wait for somebody to take them, those of which nobody was told, dead addresses."""

    able: tuple[str, ...]
    waiting: int
    untold: int
    dead: list[Unreached]


class Tested(Closed):
    """What is being tested; look at your telephone and your mail."""

    channels: tuple[str, ...]


class Taken(Closed):
    """A gateway is told no more than that its request was read."""

    ok: bool = True


@router.get("/mine")
async def mine(here: Here, who: Who) -> Mine:
    """How I am reached."""
    return _mine(here, await here.read(lambda connection: _reach(connection, who)))


@router.put("/mine")
async def choose(body: Choice, here: Here, who: Who) -> Mine:
    """Say how to be reached."""
    quiet = None if body.quiet is None else Quiet(start=body.quiet.start, end=body.quiet.end)

    def change(connection: Connection) -> Reach:
        return reach.choose(
            connection,
            who.person_id,
            language=body.language,
            email=body.email,
            phone=body.phone,
            channels=body.channels,
            quiet=quiet,
        )

    return _mine(here, await here.write(change))


@router.post("/mine/test", status_code=202)
async def test(here: Here, who: Who) -> Tested:
    """Send me a text by each of my channels; those that reached nobody are tried again."""
    at = now()
    here.limits.take(("test", who.person_id), TESTS, at)

    def begin(connection: Connection) -> tuple[str, ...]:
        reach.revive(connection, who.person_id, at)
        ways = _reach(connection, who).ways(here.posting.able)
        if ways:
            errands.add(connection, [(errands.new(who.agency, Kind.TEST, at, person=who.person_id), None)])
        return ways

    return Tested(channels=await here.write(begin))


@router.get("/status")
async def status(here: Here, who: Who) -> State:
    """Whether my agency is reached."""
    found = await here.read(lambda connection: summary.of_agency(connection, who.agency, now()))
    return State(
        able=_able(here),
        waiting=found.waiting,
        untold=found.untold,
        dead=[
            Unreached(person=each.person_id, name=each.name, channel=each.channel, since=when(each.since))
            for each in found.dead
        ],
    )


@gateway.post("/answers", include_in_schema=False)
async def answers(request: Request, here: Here) -> Taken:
    """What somebody answered by text or key, or what became of a message; only the gateway may say so."""
    how = here.posting.answers
    shown = request.headers.get("authorization", "").removeprefix("Bearer ")
    if how is None or not hmac.compare_digest(shown.encode(), secret(how.secret_file).encode()):
        raise HandoffError("BAD_TOKEN", "this is for the gateway of texts, with its secret")
    said = _said(request.headers.get("content-type", ""), await request.body(), how)
    if said is None:
        raise HandoffError("ANSWER_FORM", "a gateway sends JSON or a form, as the notices file says")
    at = now()
    if said.status is not None:
        await _report(here, said, how, at)
    elif said.phone is not None and said.text is not None:
        here.limits.take(("reply", said.phone), REPLIES, at)
        await _reply(here, said.phone, said.text, said.about, at)
    return Taken()


@dataclass(frozen=True, slots=True)
class _Said:
    phone: str | None
    text: str | None
    about: str | None
    status: str | None


def _said(kind: str, body: bytes, how: Answers) -> _Said | None:
    """What a gateway sent; None if it is neither JSON nor a form."""
    try:
        found = json.loads(body) if "json" in kind else dict(parse_qsl(body.decode(), strict_parsing=True))
    except ValueError:
        return None
    if not isinstance(found, dict):
        return None
    names = (how.sender, how.text, how.about, how.status)
    phone, text, about, status = (None if found.get(each) is None else str(found[each])[:200] for each in names)
    return _Said(phone, text, about, status)


async def _report(here: Services, said: _Said, how: Answers, at: Instant) -> None:
    """Delivery is kept apart from receipt: it stops nothing."""
    if said.about is None or said.status not in {*how.delivered, *how.dead}:
        return
    about, delivered = said.about, said.status in how.delivered
    await here.write(lambda connection: replies.reported(connection, about, said.phone, delivered=delivered, now=at))


async def _reply(here: Services, phone: str, text: str, about: str | None, at: Instant) -> None:
    """Do what was answered, and say so by text; a number that is nobody's hears nothing."""
    if text.strip().upper() in STOP:
        await here.write(lambda connection: _stop(connection, phone, at))
        return
    found = await here.read(lambda connection: replies.read(connection, phone, text, at, about=about))
    if found is None:
        await here.write(lambda connection: _unknown(connection, phone, at))
        return
    kind = await _pass_on(here, found, at) if found.wish is Wish.PASS else await _take(here, found)
    await here.write(lambda connection: replies.answer(connection, found, kind, at))


async def _take(here: Services, found: Reply) -> Kind:
    """Take the duty up for whoever answered; which text they get."""
    if found.task_id is None:
        return _late(found)
    task = found.task_id
    who = await here.read(lambda connection: people.subject_of(connection, found.person))
    if who is None:
        return Kind.OVER
    try:
        # One command however often the same is answered.
        await take_up(here, who, task, DEFAULT, f"reply|{found.errand.id}|{found.person}")
    except HandoffError as error:
        if error.code.startswith(("DATABASE_", "TEMPORAL_", "UNANSWERED", "TOO_MANY")):
            raise
        return Kind.TAKEN if error.code == "TAKEN" else Kind.OVER
    return Kind.CONFIRMED


async def _pass_on(here: Services, found: Reply, at: Instant) -> Kind:
    if found.task_id is None:
        return _late(found)
    await here.write(lambda connection: replies.passed(connection, found.errand.id, found.person, at))
    return Kind.PASSED


def _late(found: Reply) -> Kind:
    """The answer came after somebody had it, or after it was over."""
    if found.taken_by is None:
        return Kind.OVER
    return Kind.CONFIRMED if found.taken_by == found.person else Kind.TAKEN


def _unknown(connection: Connection, phone: str, at: Instant) -> None:
    """No notice has this code; told once for all who carry the telephone."""
    for each in reach.with_phone(connection, phone)[:1]:
        person = people.one(connection, each)
        errands.add(connection, [(errands.new(person.agency, Kind.UNKNOWN, at, person=each), None)])


def _stop(connection: Connection, phone: str, at: Instant) -> None:
    for each in reach.with_phone(connection, phone):
        reach.mark_dead(connection, each, "text", at)


def _reach(connection: Connection, who: Subject) -> Reach:
    found = reach.of(connection, [who.person_id]).get(who.person_id)
    return Reach(person_id=who.person_id, email=None) if found is None else found


def _mine(here: Services, found: Reach) -> Mine:
    return Mine(
        language=found.language,
        phone=found.phone,
        email=found.email,
        channels=found.channels,
        quiet=None if found.quiet is None else Hours(start=found.quiet.start, end=found.quiet.end),
        able=_able(here),
        dead=[Dead(channel=channel, since=when(since)) for channel, since in found.dead],
        tested_at=when(found.tested_at),
    )


def _able(here: Services) -> tuple[str, ...]:
    return tuple(each for each in CHANNELS if each in here.posting.able)
