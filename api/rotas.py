"""Rotas: who is on duty, cover asked and given, the hours at which nobody is, and a calendar of one's own shifts.

Everybody sees their own agency's rota. Coordinators see of every agency which roles nobody answers for and when, and no
name; nothing here depends on any case.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from api import staff
from api.deps import Here, Who, now
from api.once import Once
from api.rota_views import (
    Done,
    FeedOut,
    FindingOut,
    GapOut,
    GapsOut,
    PartIn,
    RotasOut,
    ShiftIn,
    ShiftOut,
    UnfilledOut,
    away_of,
    gap_out,
    rota_out,
    rung_roles,
    shifts_out,
    unfilled_out,
)
from api.views import instant, when
from protocol.checks import cover
from protocol.errors import HandoffError
from protocol.kernel import Protocol
from protocol.names import Slug
from protocol.state import Instant
from store import feeds, people, protocols, rotas
from store.accounts.decisions import decided
from store.notices import covering, watching
from store.notices.watching import AHEAD, HOUR
from store.policy import STEWARD, Subject, SubjectKind
from store.rotas import Shift
from store.session import Connection

router = APIRouter(prefix="/rotas", route_class=Once)
MOST_DAYS = AHEAD // (24 * HOUR)
FARTHEST = 400 * 24 * HOUR
"""Microseconds ahead for which a shift may be entered."""


@router.get("")
async def mine(here: Here, who: Who) -> RotasOut:
    """The rotas of one's own agency, from now for fourteen days."""
    at, able = now(), here.posting.able
    _person(who)

    def ask(connection: Connection) -> RotasOut:
        texts = list(protocols.texts(connection).values())
        names = people.names(connection, who.agency)
        found = [
            rota_out(connection, who, protocol, role, at, able, names)
            for role, protocol in rung_roles(texts, who.agency).items()
        ]
        return RotasOut(
            since=when(at),
            until=when(at + AHEAD),
            able=tuple(sorted(able)),
            arranges=_arranges(connection, who),
            items=sorted(found, key=lambda each: (not each.by_rota, each.role)),
            feed_since=when(feeds.made_at(connection, who.person_id)),
        )

    return await here.read(ask)


@router.get("/gaps")
async def gaps(here: Here, who: Who) -> GapsOut:
    """Where nobody on duty can be reached: of all agencies for coordinators, of their own for leads and stewards."""
    at, able = now(), here.posting.able

    def ask(connection: Connection) -> GapsOut:
        _must_look_around(connection, who)
        items: dict[tuple[Slug, Slug], list[GapOut]] = {}
        findings: list[FindingOut] = []
        for protocol in protocols.texts(connection).values():
            away = {role: away_of(connection, protocol, role, at, able) for role in cover.rung(protocol)}
            seen = {role for role in away if who.coordinates or protocol.role[role].agency == who.agency}
            for role in seen:
                items.setdefault(
                    (protocol.role[role].agency, role), [gap_out(protocol, role, each) for each in away[role]]
                )
            if who.coordinates:
                said = watching.judged(protocol, away)
                findings += [FindingOut(protocol=protocol.id, code=each.code, says=each.says) for each in said]
        return GapsOut(
            since=when(at),
            until=when(at + AHEAD),
            able=tuple(sorted(able)),
            items=[each for key in sorted(items) for each in items[key]],
            findings=findings,
        )

    return await here.read(ask)


@router.get("/unfilled")
async def unfilled(
    here: Here, who: Who, *, days: Annotated[int, Query(ge=1, le=MOST_DAYS)] = MOST_DAYS
) -> list[UnfilledOut]:
    """Where rotas have no shift: of all agencies for coordinators, of their own for leads and stewards."""
    at = now()

    def ask(connection: Connection) -> list[UnfilledOut]:
        _must_look_around(connection, who)
        texts = list(protocols.texts(connection).values())
        found = watching.unfilled(connection, texts, at, at + days * 24 * HOUR)
        seen = {key: each for key, each in found.items() if who.coordinates or key[0] == who.agency}
        return [unfilled_out(*key, protocol, each) for key, (protocol, empty) in sorted(seen.items()) for each in empty]

    return await here.read(ask)


def _must_look_around(connection: Connection, who: Subject) -> None:
    if not who.coordinates and not _arranges(connection, who):
        raise HandoffError("NOT_YOURS", "coordinators, leads and stewards see where nobody answers")


@router.post("/{role}/shifts", status_code=201)
async def put(role: Slug, body: ShiftIn, here: Here, who: Who) -> list[ShiftOut]:
    """Put somebody on duty: oneself, or (leads and stewards) anybody of the agency who has the role."""
    start, end, at = instant(body.starts_at), instant(body.ends_at), now()
    whom = body.person or who.person_id
    if end <= at or end > at + FARTHEST:
        raise HandoffError("ROTA_WHEN", "a shift ends in the future, within 400 days")

    def change(connection: Connection) -> list[ShiftOut]:
        protocol = _known(connection, who, role)
        if whom != who.person_id:
            _must_arrange(connection, who)
        named = people.one(connection, whom)
        if named.agency != who.agency or not named.active:
            raise HandoffError("UNKNOWN_PERSON", "there is no such person in your agency")
        spans = rotas.weekly(watching.zone_of(protocol, role), start, end, body.weeks)
        made = [rotas.fill(connection, role, whom, *span, beside=body.beside) for span in spans]
        _noted(connection, who, "put", at)
        return shifts_out(connection, who, [rotas.shift_of(connection, who.agency, each) for each in made])

    return await here.write(change)


@router.post("/shifts/{shift}/cover")
async def ask_cover(shift: str, body: PartIn, here: Here, who: Who) -> ShiftOut:
    """Ask for cover of one's shift, or a part of it; who could give it is told. One stays on until a yes."""
    at = now()

    def change(connection: Connection) -> ShiftOut:
        found = _own(connection, who, shift)
        since = found.starts_at if body.starts_at is None else instant(body.starts_at)
        until = found.ends_at if body.ends_at is None else instant(body.ends_at)
        id_ = rotas.ask_cover(connection, found, since, until, at)
        wanted = rotas.shift_of(connection, who.agency, id_)
        covering.ask(connection, wanted, here.posting.able, at)
        return shifts_out(connection, who, [wanted])[0]

    return await here.write(change)


@router.post("/shifts/{shift}/keep")
async def keep(shift: str, here: Here, who: Who) -> ShiftOut:
    """Ask for cover no more."""

    def change(connection: Connection) -> ShiftOut:
        rotas.keep(connection, _own(connection, who, shift))
        return shifts_out(connection, who, [rotas.shift_of(connection, who.agency, shift)])[0]

    return await here.write(change)


@router.post("/shifts/{shift}/yes")
async def say_yes(shift: str, here: Here, who: Who) -> ShiftOut:
    """Say yes to somebody who asks for cover: the shift is the asker's from now on."""
    at = now()
    _person(who)

    def change(connection: Connection) -> ShiftOut:
        rotas.cover(connection, rotas.shift_of(connection, who.agency, shift), who.person_id, at)
        _noted(connection, who, "cover", at)
        return shifts_out(connection, who, [rotas.shift_of(connection, who.agency, shift)])[0]

    return await here.write(change)


@router.post("/shifts/{shift}/remove")
async def remove(shift: str, here: Here, who: Who) -> Done:
    """Take a shift out: for leads and stewards. Its person, who may not leave a gap, asks for cover instead."""
    at = now()

    def change(connection: Connection) -> None:
        _must_arrange(connection, who)
        rotas.remove(connection, rotas.shift_of(connection, who.agency, shift))
        _noted(connection, who, "remove", at)

    await here.write(change)
    return Done()


@router.post("/feed", status_code=201)
async def feed(here: Here, who: Who) -> FeedOut:
    """A new secret address for one's calendar; the one before it ends."""
    _person(who)
    token = await here.write(lambda connection: feeds.make(connection, who.person_id, now()))
    return FeedOut(url=f"{here.settings.origin}/calendar/{token}.ics")


@router.post("/feed/end")
async def end_feed(here: Here, who: Who) -> Done:
    """Let the address of one's calendar show nothing any more."""
    return Done(done=await here.write(lambda connection: feeds.end(connection, who.person_id)))


def _known(connection: Connection, who: Subject, role: Slug) -> Protocol:
    """The text that knows a role of the asker's agency."""
    found = rung_roles(protocols.texts(connection).values(), who.agency).get(role)
    if found is None:
        raise HandoffError("UNKNOWN_ROLE", f"your agency has no role called {role} that is rung")
    if not found.role[role].by_rota:
        raise HandoffError("ROTA_NONE", f"{role} has no rota: everybody who has the role is on duty")
    return found


def _own(connection: Connection, who: Subject, shift: str) -> Shift:
    found = rotas.shift_of(connection, who.agency, shift)
    if found.person_id != who.person_id:
        raise HandoffError("NOT_YOURS", f"this shift is {found.name}'s")
    return found


def _arranges(connection: Connection, who: Subject) -> bool:
    return STEWARD in who.roles or not staff.leads(connection, who.agency).isdisjoint(who.roles)


def _must_arrange(connection: Connection, who: Subject) -> None:
    if not _arranges(connection, who):
        raise HandoffError("NOT_YOURS", "a lead or the steward of your agency arranges other people's shifts")


def _person(who: Subject) -> None:
    if who.kind is not SubjectKind.PERSON:
        raise HandoffError("NOT_YOURS", "people are on duty; records systems are not")


def _noted(connection: Connection, who: Subject, what: str, at: Instant) -> None:
    decided(connection, "rota", at, person=who.person_id, agency=who.agency, reason=what)
