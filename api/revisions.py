"""A council's revisions: drafts, what is said and voted on them, what becomes of them. No text comes in force else.

Everybody signed in reads them; they hold texts, votes and reasons and nothing of any case.
"""

from __future__ import annotations

import re
from datetime import datetime

from fastapi import APIRouter

from api.deciding import compiled, undecided
from api.deps import Here, Services, Who, now
from api.migrations import EffectOut, foreseen
from api.once import Once
from api.revision_views import ActIn, CouncilIn, CouncilOut, DraftIn, NewIn, RevisionOut, council_out, revision_out
from protocol.council import acts, standing
from protocol.council.acts import Act, Weighed
from protocol.engine import clocks
from protocol.errors import HandoffError
from protocol.kernel import Protocol
from protocol.names import Slug
from protocol.revising.changes import Tag
from protocol.revising.diff import diff
from protocol.revising.lines import Line, line_changes
from protocol.state import Instant
from store import ids, protocols
from store.policy import Subject, SubjectKind
from store.revisions import keeping
from store.revisions.keeping import Draft, Revision
from store.session import Connection

router = APIRouter(route_class=Once)
CODE = re.compile(r"\b[2-9A-HJKMNP-TV-Z]{4}-?[2-9A-HJKMNP-TV-Z]{4}\b")

KINDS = {
    "comment": acts.Kind.COMMENTED,
    "answer": acts.Kind.ANSWERED,
    "vote": acts.Kind.VOTED,
    "recuse": acts.Kind.RECUSED,
    "consent": acts.Kind.CONSENTED,
    "veto": acts.Kind.VETOED,
    "sign": acts.Kind.SIGNED,
    "sign-way-back": acts.Kind.REVERT_SIGNED,
    "observe": acts.Kind.OBSERVED,
    "withdraw": acts.Kind.WITHDRAWN,
}


@router.post("/council", status_code=201)
async def found(body: CouncilIn, here: Here, who: Who) -> CouncilOut:
    """Found the council, once: from then on texts come into force by its decision alone."""
    if not who.coordinates:
        raise HandoffError("NOT_YOURS", "a coordinator gives an installation its council")
    return council_out(await here.write(lambda connection: keeping.found_council(connection, body.rules, now(), who)))


@router.get("/council")
async def council(here: Here, who: Who) -> CouncilOut:
    """The council's rules."""
    _ = who
    return council_out(await here.read(keeping.the_rules))


@router.post("/revisions", status_code=201)
async def begin(body: NewIn, here: Here, who: Who) -> RevisionOut:
    """Begin a draft of a protocol; of one that was never published its text must be given."""
    _member(who)

    def change(connection: Connection) -> Revision:
        keeping.the_rules(connection)
        current = protocols.in_force(connection).get(body.protocol)
        text = body.text if body.text is not None or current is None else current.source
        if text is None:
            raise HandoffError("UNKNOWN_PROTOCOL", f"no protocol called {body.protocol} is in force: give its text")
        draft = Draft(
            number=0,
            slug=body.protocol,
            base=current.hash if current else "",
            text=text,
            plan=body.plan,
            aims=body.aims,
            emergency=body.emergency,
            effective_at=_instant(body.effective_at),
            sponsor=who.agency,
            by=who.person_id,
            touched_at=0,
        )
        return keeping.one(connection, keeping.begin(connection, draft, now()).number, now())

    return await shown(here, await here.write(change))


@router.get("/revisions")
async def every(here: Here, who: Who, protocol: Slug | None = None) -> list[RevisionOut]:
    """All revisions, or a protocol's, newest first."""
    _ = who
    found = await here.read(lambda connection: keeping.every(connection, now(), protocol))
    return [await shown(here, each) for each in found]


@router.get("/revisions/{number}")
async def one(number: int, here: Here, who: Who) -> RevisionOut:
    """A revision as it stands now."""
    _ = who
    return await shown(here, await here.read(lambda connection: keeping.one(connection, number, now())))


@router.put("/revisions/{number}")
async def write(number: int, body: DraftIn, here: Here, who: Who) -> RevisionOut:
    """Write a draft anew, held against the text in force now; what was voted counts no longer once it is submitted."""

    def change(connection: Connection) -> Revision:
        before = keeping.one(connection, number, now())
        sponsors(before, who)
        if before.standing.state not in standing.ANEW:
            raise HandoffError("NOT_NOW", f"this revision is {before.standing.state.value}: begin another one")
        draft = before.draft
        current = protocols.in_force(connection).get(draft.slug)
        fresh = Draft(
            number=number,
            slug=draft.slug,
            base=current.hash if current else "",
            text=draft.text if body.text is None else body.text,
            plan=body.plan,
            aims=body.aims,
            emergency=body.emergency,
            effective_at=_instant(body.effective_at),
            sponsor=draft.sponsor,
            by=draft.by,
            touched_at=0,
        )
        keeping.write_anew(connection, fresh, now())
        return keeping.one(connection, number, now())

    return await shown(here, await here.write(change))


@router.get("/revisions/{number}/lines")
async def lines(number: int, here: Here, who: Who) -> list[Line]:
    """The lines of the text that a revision adds and removes, held against what it was written on."""
    _ = who
    draft = (await here.read(lambda connection: keeping.one(connection, number, now()))).draft
    if not draft.base:
        return list(line_changes("", draft.text))
    base = await here.read(lambda connection: protocols.by_hash(connection, draft.base))
    return list(line_changes(base.source, draft.text))


@router.get("/revisions/{number}/effect")
async def effect(number: int, here: Here, who: Who) -> EffectOut:
    """What the draft and its plan would do to every open case now, in counts."""
    found = await here.read(lambda connection: keeping.one(connection, number, now()))
    rules = await here.read(keeping.the_rules)
    if not (who.coordinates or rules.votes_for(who.agency, who.roles)):
        raise HandoffError("NOT_YOURS", "coordinators and electors see what a draft does to open cases")
    return await foreseen(here, await compiled(here, found.draft), found.draft.plan)


@router.post("/revisions/{number}/submit")
async def submit(number: int, here: Here, who: Who) -> RevisionOut:
    """Let a draft be checked and, if it is clean, be commented and voted on.

    Refused are a text with findings, one that changes nothing, and a plan that leaves a case undecided.
    """
    found = await here.read(lambda connection: keeping.one(connection, number, now()))
    sponsors(found, who)
    new = await compiled(here, found.draft)
    changes = await here.read(lambda connection: _changes(connection, found.draft, new))
    if found.draft.plan is not None and (left := await undecided(here, new, found.draft.plan)):
        raise HandoffError("PLAN_UNDECIDED", f"the plan does not say what becomes of some open cases: {left}")
    act = Act(
        kind=acts.Kind.SUBMITTED,
        at=now(),
        by=who.person_id,
        agency=who.agency,
        bundle=found.draft.bundle,
        changes=changes,
        emergency=found.draft.emergency,
        effective_at=found.draft.effective_at,
    )
    return await shown(here, await here.write(lambda connection: keeping.add(connection, number, act, who.roles)))


@router.post("/revisions/{number}/acts")
async def do(number: int, body: ActIn, here: Here, who: Who) -> RevisionOut:
    """Comment, vote, agree, veto, sign, withdraw: whatever may be done with a revision now."""
    _member(who)
    kind = KINDS[body.act]
    act = Act(
        kind=kind,
        at=now(),
        by=who.person_id,
        agency=who.agency,
        bundle=body.bundle,
        choice=body.choice,
        units=tuple(body.units),
        says=body.says,
        seat=body.seat,
        answers=body.answers,
        verdict=body.verdict,
    )

    def change(connection: Connection) -> Revision:
        before = keeping.one(connection, number, act.at)
        _may(before, act, who)
        _no_case(connection, body.says)
        return keeping.add(connection, number, act, who.roles)

    return await shown(here, await here.write(change))


def _changes(connection: Connection, draft: Draft, new: Protocol) -> tuple[Weighed, ...]:
    """What a draft changes. A protocol that was not there is one change, to which all its agencies must agree."""
    if draft.base:
        if protocols.current(connection, draft.slug).hash != draft.base:
            says = "another text came into force while this was written: compare with it, and write the draft anew"
            raise HandoffError("NOT_ON_BASE", says)
        old = protocols.by_hash(connection, draft.base).protocol
        return acts.weighed(old, new, diff(old, new))
    everybody = tuple(sorted(new.agency))
    says = f"{new.title} is new, and obliges {', '.join(everybody)}."
    unit = f"protocol:{new.id}"
    return (Weighed(unit=unit, code="D04", tag=Tag.MOVES, says=says, consent=everybody, owners=everybody),)


def _instant(said: datetime | None) -> Instant | None:
    return None if said is None else clocks.instant(said)


def _member(who: Subject) -> None:
    if who.kind is not SubjectKind.PERSON:
        raise HandoffError("NOT_YOURS", "people decide on texts; records systems do not")


def sponsors(found: Revision, who: Subject) -> None:
    """Let nobody on but those of the agency that wrote a draft, and coordinators.

    Raises:
        HandoffError: ``NOT_YOURS``.
    """
    _member(who)
    if who.agency != found.draft.sponsor and not who.coordinates:
        raise HandoffError("NOT_YOURS", f"{found.draft.sponsor} writes this draft; comment on it, or begin your own")


def _may(found: Revision, act: Act, who: Subject) -> None:
    if act.kind is acts.Kind.WITHDRAWN:
        sponsors(found, who)
    if act.kind in {acts.Kind.ANSWERED, acts.Kind.OBSERVED} and not who.coordinates:
        raise HandoffError("NOT_YOURS", "the council's coordinator answers comments and says what figures show")
    asked = act.answers is not None and 0 <= act.answers < len(found.acts) and found.acts[act.answers]
    if act.kind is acts.Kind.ANSWERED and (not asked or asked.kind is not acts.Kind.COMMENTED):
        raise HandoffError("NO_COMMENT", "an answer names the comment that it answers, by its number")
    if act.kind is acts.Kind.VOTED and act.choice is None:
        raise HandoffError("ACT_INCOMPLETE", "a vote is for, against or abstain")
    if act.kind is acts.Kind.OBSERVED and act.verdict is None:
        raise HandoffError("ACT_INCOMPLETE", "say met, not-met or cannot-tell")


def _no_case(connection: Connection, says: str) -> None:
    for each in CODE.findall(says.upper()):
        if ids.case_of_code(connection, each.replace("-", "")) is not None:
            raise HandoffError("CASE_NAMED", "leave out the code of the case: a council speaks of texts")


async def shown(here: Services, found: Revision) -> RevisionOut:
    """A revision as everybody may read it."""
    return revision_out(await here.read(keeping.the_rules), found)
