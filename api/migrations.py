"""Open cases under a newer text: what it would do to them, and the runs that move them. For coordinators, in counts.

Which case stays, and about which of a confidential agency's steps, is that agency's alone: others see counts, and none
under five (council.md section 3).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import partial
from secrets import SystemRandom, token_hex
from typing import Annotated

from fastapi import APIRouter
from fastapi.concurrency import run_in_threadpool
from pydantic import Field

from api.deps import Here, Services, Who, now
from api.moving import carry_texts
from api.once import Once
from api.views import Closed, when
from protocol.compiling.compiler import compile_text
from protocol.errors import HandoffError
from protocol.kernel import Protocol
from protocol.migrating import watching
from protocol.migrating.effect import Class, Effect, effect
from protocol.migrating.hindrances import SENTENCES, Code
from protocol.migrating.plan import Plan, read_plan
from protocol.migrating.route import Route, route
from protocol.migrating.watching import Because
from protocol.names import OpaqueId, Slug
from protocol.serial import dump_protocol, load_protocol, protocol_hash
from store import labels, protocols
from store.migrating import runs
from store.migrating.runs import Outcome, Run, Stage
from store.policy import Subject
from store.session import Connection
from workflows import client as cases

router = APIRouter(route_class=Once)

FEWEST = 5
"""No count about a confidential agency's steps is told under this."""
AT_ONCE = 16


class PlanIn(Closed):
    """A text and a plan for it: a published ``version``, or a draft's ``text``; without either the one in force."""

    version: int | None = None
    text: Annotated[str, Field(max_length=300_000)] | None = None
    plan: Annotated[str, Field(max_length=100_000)] | None = None


class PlaceOut(Closed):
    """A place of the text where something is to be decided; ``cases`` is None where they are too few to be told."""

    code: Code
    place: str
    says: str
    cases: int | None


class StepOut(Closed):
    """How the due times of a step's open duties move; None as in ``PlaceOut``. ``most`` is in minutes."""

    step: Slug
    same: int | None
    sooner: int | None
    later: int | None
    most_sooner: int
    most_later: int
    newly_told: list[Slug]
    no_longer_told: list[Slug]


class DuesOut(Closed):
    """How the due times of all open duties move, as far as ``StepOut`` tells of them.

    ``late`` are those that are overdue as they arrive, of confidential agencies none.
    """

    same: int
    sooner: int
    later: int
    late: int


class EffectOut(Closed):
    """What becomes of the open cases. ``classes`` are counts; ``unreached`` are cases that did not answer now.

    Cases that are open as far as everybody may know are counted as open: one that has ended is unaffected.
    """

    target: str
    open: int
    dues: DuesOut
    classes: dict[Class, int]
    places: list[PlaceOut]
    steps: list[StepOut]
    unreached: int


class RunOut(Closed):
    """A run. ``moved`` are those that are done with as far as everybody may know.

    Among them are cases of which a confidential agency alone knows that they ended, or, if few, that they stay.
    ``because``: why it stopped by itself, which ``says`` is a sentence of; both empty if it did not. ``gone_on``: how
    many cases of each class must go on before the rest follows, while that is waited for.
    """

    run: str
    protocol: Slug
    target: str
    stage: Stage
    because: Because | None
    says: str
    waits_until: datetime | None
    gone_on: int | None
    ordered_at: datetime | None
    cases: int
    moved: int
    to_do: int
    ended: int
    stay: int
    returned: int
    places: list[PlaceOut]


@router.post("/protocols/{slug}/effect")
async def foresee(slug: Slug, asked: PlanIn, here: Here, who: Who) -> EffectOut:
    """What a text and a plan would do to every open case now; nothing is changed."""
    coordinates(who)
    return await foreseen(here, await target_of(here, slug, asked), asked.plan)


async def foreseen(here: Services, new: Protocol, plan: str | None) -> EffectOut:
    """What a text and a plan would do to every open case now.

    Raises:
        SpecError: the plan is not written as one.
    """
    data = dump_protocol(new)
    target = protocol_hash(data)
    found = await here.read(lambda connection: runs.to_move(connection, new.id, target))
    texts = {each: await here.read(partial(compiled_at, hash_=each)) for each in {row.protocol_hash for row in found}}
    plans = {each: plan_of(plan, texts[each], new) for each in texts}
    ways = {each: route(texts[each], data, plans[each].dump()) for each in texts}
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(case_id: str, status: str) -> tuple[Route, Effect] | None:
        if status != "open":
            return ways[next(iter(ways))], Effect(kind=Class.UNAFFECTED)
        async with turns:
            look = await cases.glance(here.client, case_id)
        way = None if look is None else ways.get(look.protocol_hash)
        return None if way is None or look is None else (way, await run_in_threadpool(effect, way, look.state, now()))

    effects = [
        each for each in await asyncio.gather(*(one(row.case_id, row.status) for row in found)) if each is not None
    ]
    return _effect_out(new, target, effects, len(found))


@router.post("/protocols/{slug}/migrations", status_code=201)
async def order(slug: Slug, asked: PlanIn, here: Here, who: Who) -> RunOut:
    """Order a run: every open case of the protocol follows a published version by the plan, a first share first."""
    coordinates(who)
    if asked.text is not None:
        raise HandoffError("DRAFT_TEXT", "cases follow a published version: publish the text, then order the run")
    run, case_ids = await prepared(here, await target_of(here, slug, asked), asked.plan, who.person_id)
    await here.write(lambda connection: runs.order(connection, run, case_ids))
    await run_in_threadpool(carry_texts, here.database, run)
    return await here.read(lambda connection: _run_out(connection, run.id))


async def prepared(here: Services, new: Protocol, plan: str | None, by: OpaqueId) -> tuple[Run, list[OpaqueId]]:
    """A run to a text by a plan, and the cases it would move, in the order they do; nothing is ordered yet."""
    target = protocol_hash(dump_protocol(new))
    rows = await here.read(lambda connection: runs.to_move(connection, new.id, target))
    texts = [await here.read(partial(compiled_at, hash_=each)) for each in {row.protocol_hash for row in rows}]
    plans = [plan_of(plan, each, new) for each in texts] or [Plan(migration=new.id)]
    run = Run(
        id=token_hex(8),
        slug=new.id,
        target=target,
        plan=plans[0],
        stage=Stage.FIRST,
        waits_until=None,
        ordered_at=now(),
        ordered_by=by,
    )
    # The first share is drawn: the oldest cases, or the newest, would be no sample.
    case_ids = [each.case_id for each in rows]
    SystemRandom().shuffle(case_ids)
    here.answered.forget(new.id)
    return run, case_ids


@router.get("/protocols/{slug}/migrations")
async def every(slug: Slug, here: Here, who: Who) -> list[RunOut]:
    """The runs of a protocol, newest first."""
    coordinates(who)
    return await here.read(lambda connection: [_run_out(connection, each.id) for each in runs.every(connection, slug)])


@router.get("/migrations/{run}")
async def one(run: OpaqueId, here: Here, who: Who) -> RunOut:
    """How far a run is."""
    coordinates(who)
    return await here.read(lambda connection: _run_out(connection, run))


@router.post("/migrations/{run}/stop")
async def stop(run: OpaqueId, here: Here, who: Who) -> RunOut:
    """Move no further case; those that moved stay."""
    return await _change(here, who, run, runs.stop)


@router.post("/migrations/{run}/go-on")
async def go_on(run: OpaqueId, here: Here, who: Who) -> RunOut:
    """Move the rest now, without waiting longer after the first share or after a stop."""
    return await _change(here, who, run, lambda connection, id_: runs.go_on(connection, id_, now()))


@router.post("/migrations/{run}/undo")
async def undo(run: OpaqueId, here: Here, who: Who) -> RunOut:
    """Let every case that moved go back to where it was, less what people did meanwhile."""
    return await _change(here, who, run, runs.take_back)


def coordinates(who: Subject) -> None:
    """Let nobody but a coordinator go on.

    Raises:
        HandoffError: ``NOT_YOURS``.
    """
    if not who.coordinates:
        raise HandoffError("NOT_YOURS", "only a coordinator moves cases to another text")


async def _change(
    here: Services, who: Subject, run: OpaqueId, change: Callable[[Connection, OpaqueId], object]
) -> RunOut:
    coordinates(who)
    await here.write(lambda connection: change(connection, run))
    return await here.read(lambda connection: _run_out(connection, run))


async def target_of(here: Services, slug: Slug, asked: PlanIn) -> Protocol:
    """The text that is asked about, compiled.

    Raises:
        SpecError: a draft has findings.
        HandoffError: ``OTHER_PROTOCOL``, ``UNKNOWN_PROTOCOL``.
    """
    if asked.text is not None:
        text = asked.text
        others = {name: each.protocol for name, each in (await here.read(protocols.in_force)).items()}
        compiled = await run_in_threadpool(lambda: compile_text(text, today=datetime.now(UTC).date(), others=others))
        if compiled.protocol.id != slug:
            raise HandoffError("OTHER_PROTOCOL", f"this text is of {compiled.protocol.id}, not of {slug}")
        return compiled.protocol
    if asked.version is None:
        return (await here.read(lambda connection: protocols.current(connection, slug))).protocol
    known = await here.read(lambda connection: protocols.versions(connection, slug))
    found = next((each for each in known if asked.version == each.version), None)
    if found is None:
        raise HandoffError("UNKNOWN_PROTOCOL", f"no such version of {slug} has been published")
    return found.protocol


def compiled_at(connection: Connection, *, hash_: OpaqueId) -> bytes:
    """The compiled text that cases with this hash run on."""
    return protocols.by_hash(connection, hash_).compiled


def plan_of(written: str | None, old: bytes, new: Protocol) -> Plan:
    """A plan as it was written; without one, the general rules.

    Raises:
        SpecError: it is not written as one.
    """
    if written is None:
        return Plan(migration=new.id)
    return read_plan(written, load_protocol(old), new)


# Counts


def is_private(protocol: Protocol, place: str) -> bool:
    """Whether only a confidential agency knows what is open at a place."""
    if place in protocol.field:
        return labels.field_owner(protocol, place) is not None
    return place in protocol.step and labels.step_owner(protocol, place) is not None


def told_if_many(number: int, *, private: bool) -> int | None:
    """A count, or None where it is of a confidential agency and under five."""
    return None if private and 0 < number < FEWEST else number


def parted(numbers: Sequence[int], *, private: bool) -> list[int | None]:
    """The parts of one whole; none of them where any is too few, or it would follow from the rest."""
    few = private and any(0 < each < FEWEST for each in numbers)
    return [None if few else each for each in numbers]


def places_out(protocol: Protocol, found: Iterable[tuple[Code, str]]) -> list[PlaceOut]:
    """Why cases stay, and how many at each place."""
    return [
        PlaceOut(
            code=code,
            place=place,
            says=SENTENCES[code].format(place=place),
            cases=told_if_many(number, private=is_private(protocol, place)),
        )
        for (code, place), number in sorted(Counter(found).items())
    ]


def _effect_out(new: Protocol, target: str, found: list[tuple[Route, Effect]], asked: int) -> EffectOut:
    classes: dict[Class, int] = {}
    protocol = found[0][0].onto if found else new
    hidden = 0
    for kind in Class:
        of = [each for _, each in found if each.kind is kind]
        private = [each for each in of if each.hindrance is not None and is_private(protocol, each.hindrance.place)]
        few = 0 < len(private) < FEWEST
        classes[kind] = len(of) - (len(private) if few else 0)
        hidden += len(private) if few else 0
    # What only a confidential agency knows of a case is told of no single one: it moves as far as others may know.
    unaffected = classes[Class.UNAFFECTED]
    secret = labels.ending_owner(protocol) is not None
    if secret and 0 < unaffected < FEWEST:
        classes[Class.UNAFFECTED], hidden = 0, hidden + unaffected
    classes[Class.SAFE] = classes[Class.SAFE] + hidden
    safe = classes[Class.SAFE]
    if secret and 0 < safe < FEWEST and classes[Class.UNAFFECTED]:
        classes[Class.SAFE], classes[Class.UNAFFECTED] = safe + classes[Class.UNAFFECTED], 0
    why = [(each.hindrance.code, each.hindrance.place) for _, each in found if each.hindrance is not None]
    names = sorted({m.step for _, e in found for m in e.moved})
    steps = [each for each in (_step_out(protocol, name, found) for name in names) if each is not None]
    at = now()
    overdue = [m for _, e in found for m in e.moved if m.due is not None and m.due <= at]
    return EffectOut(
        target=target,
        open=asked,
        dues=DuesOut(
            same=sum(each.same or 0 for each in steps),
            sooner=sum(each.sooner or 0 for each in steps),
            later=sum(each.later or 0 for each in steps),
            late=sum(not is_private(protocol, each.step) for each in overdue),
        ),
        classes=classes,
        places=[each for each in places_out(protocol, why) if each.cases is not None],
        steps=steps,
        unreached=asked - len(found),
    )


def _step_out(protocol: Protocol, name: Slug, found: list[tuple[Route, Effect]]) -> StepOut | None:
    """How a step's duties fare; nothing of a confidential agency's with fewer than five."""
    duties = [m for _, e in found for m in e.moved if m.step == name]
    if is_private(protocol, name) and len(duties) < FEWEST:
        return None
    private = is_private(protocol, name)
    deltas = [m.due - m.due_was for m in duties if m.due is not None and m.due_was is not None]
    sooner, later = ([each for each in deltas if (each < 0) == before and each] for before in (True, False))
    known = protocol.known_as.get(name, name)
    numbers = (len(duties) - len(sooner) - len(later), len(sooner), len(later))
    same, many_sooner, many_later = parted(numbers, private=private)
    return StepOut(
        step=known,
        same=same,
        sooner=many_sooner,
        later=many_later,
        most_sooner=0 if same is None else -min(sooner, default=0) // 60_000_000,
        most_later=0 if same is None else max(later, default=0) // 60_000_000,
        newly_told=sorted({t.role for _, e in found for t in e.newly_told if t.step == known}),
        no_longer_told=sorted({t.role for _, e in found for t in e.no_longer_told if t.step == known}),
    )


def _run_out(connection: Connection, run: OpaqueId) -> RunOut:
    found = runs.one(connection, run)
    protocol = protocols.by_hash(connection, found.target).protocol
    counts = runs.counts(connection, run)
    stay = [(Code(code), place) for _, code, place in runs.hindered(connection, run) if code]
    private = [each for each in stay if is_private(protocol, each[1])]
    few = len(private) if 0 < len(private) < FEWEST else 0
    ended, secret = counts.get(Outcome.ENDED, 0), labels.ending_owner(protocol) is not None
    to_do = sum(counts.get(each, 0) for each in (Outcome.TODO, Outcome.AGAIN, Outcome.DUE_SOON, Outcome.BACK))
    stays = sum(counts.get(each, 0) for each in (Outcome.HINDERED, Outcome.UNREACHED, Outcome.STAYS))
    return RunOut(
        run=found.id,
        protocol=found.slug,
        target=found.target,
        stage=found.stage,
        because=found.because,
        says="" if found.because is None else watching.SENTENCES[found.because],
        waits_until=when(found.waits_until),
        gone_on=(found.plan.first.gone_on or None) if found.stage is Stage.WAITING else None,
        ordered_at=when(found.ordered_at),
        cases=sum(counts.values()),
        moved=counts.get(Outcome.MOVED, 0) + few + (ended if secret else 0),
        to_do=to_do,
        ended=0 if secret else ended,
        stay=stays - few,
        returned=counts.get(Outcome.RETURNED, 0),
        places=[each for each in places_out(protocol, stay) if each.cases is not None],
    )
