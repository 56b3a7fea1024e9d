"""A migration plan made by choices: each step that a text changes, what each decision would do, and the document.

Nothing is chosen for anybody. The document is written from what was chosen, and stays a text that people may edit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import Annotated, Literal

from fastapi import APIRouter
from fastapi.concurrency import run_in_threadpool
from pydantic import Field

from api.deps import Here, Services, Who, now
from api.migrations import (
    AT_ONCE,
    FEWEST,
    PlanIn,
    compiled_at,
    coordinates,
    is_private,
    parted,
    plan_of,
    target_of,
    told_if_many,
)
from api.views import Closed, when
from protocol.kernel import Protocol
from protocol.migrating.choices import Foretold, Offered, foretold, offered, open_duties
from protocol.migrating.hindrances import SENTENCES, Code
from protocol.migrating.plan import Clock, Plan
from protocol.migrating.route import Route
from protocol.migrating.writing import with_lines
from protocol.names import OpaqueId, Slug
from protocol.serial import dump_protocol, protocol_hash
from protocol.state import CaseState
from protocol.text.reading import place_of, read
from store import protocols
from store.migrating import runs
from store.session import Connection
from workflows import client as cases

router = APIRouter()

Words = Annotated[str, Field(max_length=1_000)]
Ways = dict[OpaqueId, dict[Clock, Offered]]


class LineIn(Closed):
    """What was chosen for one step: the same words as in the plan's document."""

    clock: Clock | None = None
    close: Literal["not owed"] | None = None
    passed: Literal["open", "waive"] | None = None
    stays: Literal["yes"] | None = None
    to: Slug | None = None
    because: Words = ""


class ChoicesIn(PlanIn):
    """A text, the plan's document so far, and what was chosen for each step since."""

    chosen: dict[Slug, LineIn] = Field(default_factory=dict, max_length=500)


class DecisionOut(Closed):
    """What one decision would do to a step's open duties; None where too few to be told.

    ``earliest`` and ``latest``: between what they would be due, of a confidential agency's step left out. ``reason``:
    some need one. ``late``: those that would be overdue as they arrive. ``says``: why some cannot be decided so.
    """

    clock: Clock
    same: int | None
    sooner: int | None
    later: int | None
    late: int | None
    earliest: datetime | None
    latest: datetime | None
    reason: bool
    cannot: int | None
    says: str


class ChoiceOut(Closed):
    """A step about which the plan decides. ``kind``: its terms change, or it is gone, or it is new.

    ``clause`` is its number in the text it stands in, ``line`` that of its line in the plan's document. ``decided`` is
    what the document says of it; empty while it says nothing.
    """

    step: Slug
    kind: Literal["changed", "gone", "brought"]
    clause: int
    open: int | None
    line: int | None
    decided: str
    because: str
    decisions: list[DecisionOut]


class ChoicesOut(Closed):
    """The document as it stands, each step to be decided, those that are not, and what a gone step may become."""

    plan: str
    rows: list[ChoiceOut]
    undecided: list[Slug]
    steps: list[Slug]


@router.post("/protocols/{slug}/choices")
async def choose(slug: Slug, asked: ChoicesIn, here: Here, who: Who) -> ChoicesOut:
    """What may be decided of the open duties of each step that a text changes; the plan's document as chosen."""
    coordinates(who)
    new = await target_of(here, slug, asked)
    said = {name: _line(each) for name, each in asked.chosen.items()}
    written = asked.plan if asked.plan is not None and asked.plan.strip() else ""
    document = with_lines(written, slug, {name: line for name, line in said.items() if line})
    ways, found = await _foreseen(here, new)
    plans = [plan_of(document or None, dump_protocol(each[Clock.RESTART].bare.old), new) for each in ways.values()]
    return _choices(new, document, plans[0] if plans else Plan(migration=slug), ways, found)


def _line(each: LineIn) -> dict[str, str]:
    chosen = each.model_dump(exclude_none=True)
    decided = {name: str(value) for name, value in chosen.items() if name != "because" and value}
    return {**decided, **({"because": each.because.strip()} if each.because.strip() else {})}


async def _foreseen(here: Services, new: Protocol) -> tuple[Ways, list[tuple[OpaqueId, CaseState]]]:
    """The ways that open cases would take, and each of them as it is now; without any, the way of a case to come."""
    data = dump_protocol(new)
    target = protocol_hash(data)
    rows = await here.read(lambda connection: runs.to_move(connection, new.id, target))
    hashes = {row.protocol_hash for row in rows} or await here.read(partial(_before, slug=new.id, target=target))
    ways: Ways = {}
    for each in sorted(hashes):
        old = await here.read(partial(compiled_at, hash_=each))
        ways[each] = await run_in_threadpool(offered, old, data, new.id)
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(case_id: str) -> tuple[OpaqueId, CaseState] | None:
        async with turns:
            look = await cases.glance(here.client, case_id)
        return None if look is None or look.protocol_hash not in ways else (look.protocol_hash, look.state)

    looks = await asyncio.gather(*(one(row.case_id) for row in rows if row.status == "open"))
    return ways, [each for each in looks if each is not None]


def _before(connection: Connection, *, slug: Slug, target: OpaqueId) -> set[OpaqueId]:
    """The text in force, or if that is the target the version before it."""
    current = protocols.in_force(connection).get(slug)
    known = [each.hash for each in protocols.versions(connection, slug) if each.hash != target]
    if current is not None and current.hash != target:
        return {current.hash}
    return set(known[:1])


def _choices(
    new: Protocol, document: str, plan: Plan, ways: Ways, found: list[tuple[OpaqueId, CaseState]]
) -> ChoicesOut:
    at = now()
    told = [each for hash_, state in found for each in foretold(ways[hash_], state, at)]
    routes = [each[Clock.RESTART].bare for each in ways.values()]
    duties = [step for hash_, state in found for step in open_duties(ways[hash_][Clock.RESTART].bare, state)]
    general = "clock" in plan.model_fields_set
    rows = [
        ChoiceOut(
            step=name,
            kind=kind,
            clause=side.step[name].position + 1,
            open=_count(sum(each == name for each in duties), private=is_private(side, name)),
            line=_line_of(document, name) if name in plan.steps else None,
            decided=_decided(plan, name, general=general and kind == "changed"),
            because=plan.steps[name].because or "" if name in plan.steps else "",
            decisions=list(_decisions(new, name, told)) if kind == "changed" else [],
        )
        for name, kind, side in _to_decide(new, routes)
    ]
    return ChoicesOut(
        plan=document,
        rows=rows,
        undecided=[each.step for each in rows if not each.decided and each.kind != "brought" and each.open != 0],
        steps=[each.id for each in new.steps],
    )


def _line_of(document: str, name: Slug) -> int:
    return place_of(read(document), ("steps", name), at_key=True).line


def _to_decide(
    new: Protocol, routes: Iterable[Route]
) -> Iterable[tuple[Slug, Literal["changed", "gone", "brought"], Protocol]]:
    """The steps of both texts that a plan may have to say something of, each with the text that it stands in."""
    seen: set[Slug] = set()
    for each in routes:
        kinds: Mapping[Literal["changed", "gone", "brought"], tuple[Protocol, set[Slug]]] = {
            "changed": (new, set(each.changed)),
            "gone": (each.renamed, {s.id for s in each.renamed.steps if s.id not in new.step and s.stands_for is None}),
            "brought": (new, {s.id for s in new.steps if s.id not in each.renamed.step}),
        }
        for kind, (side, names) in kinds.items():
            for name in sorted(names - seen, key=lambda one: side.step[one].position):
                seen.add(name)
                yield name, kind, side


def _decided(plan: Plan, name: Slug, *, general: bool) -> str:
    line = plan.steps.get(name)
    if line is not None:
        known = (line.clock, line.close, line.passed, line.to, "stays" if line.stays else None)
        said = next((str(each) for each in known if each is not None), "")
        if said:
            return said
    return str(plan.clock) if general else ""


def _decisions(new: Protocol, name: Slug, told: list[Foretold]) -> Iterable[DecisionOut]:
    private = is_private(new, name)
    for clock in Clock:
        of = [each for each in told if each.step == name and each.clock is clock]
        made = [each for each in of if each.code is None]
        hidden = private and len(of) < FEWEST
        dues = [each.due for each in made if each.due is not None]
        deltas = [each.due - each.due_was for each in made if each.due is not None and each.due_was is not None]
        moves = [sum(each < 0 for each in deltas), sum(each > 0 for each in deltas)]
        numbers = (len(made) - sum(moves), *moves, len(of) - len(made))
        parts: list[int | None] = [None] * 4 if hidden else parted(numbers, private=private)
        same, sooner, later, cannot = parts
        codes = sorted({each.code for each in of if each.code is not None})
        yield DecisionOut(
            clock=clock,
            same=same,
            sooner=sooner,
            later=later,
            # That a confidential agency's duty is overdue is its own to know, however many they are.
            late=None if private else sum(_overdue(each) for each in made),
            earliest=None if private else when(min(dues, default=None)),
            latest=None if private else when(max(dues, default=None)),
            reason=any(each.reason for each in of) and not hidden,
            cannot=cannot,
            says="" if hidden else " ".join(SENTENCES[Code(each)].format(place=name) for each in codes),
        )


def _overdue(each: Foretold) -> bool:
    return each.due is not None and each.due_was is not None and each.due <= now()


def _count(number: int, *, private: bool) -> int | None:
    """A count; of a confidential agency's step none under five, and of none at all neither."""
    return None if private and number == 0 else told_if_many(number, private=private)
