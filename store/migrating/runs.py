"""Runs: ordered once for every open case of a protocol, worked off in portions, stopped, taken back; counted.

What is to be done is here alone, so a run goes on where it was whatever died; that a case moves once is the case's own
doing (its move has the run's id). Portions are leased: two processes take different cases.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, func, insert, or_, select, update

from protocol.errors import HandoffError
from protocol.migrating.plan import FirstShare, Plan, load_plan
from protocol.migrating.watching import Because, halts, soaked
from protocol.names import OpaqueId, Slug
from protocol.state import Instant
from store import people, protocols
from store.migrating import watched
from store.migrating.tables import migration_item, migration_run
from store.notices import errands
from store.notices.errands import Kind
from store.tables import case_file, protocol_carried

SECOND = 1_000_000
LEASE = 60 * SECOND
"""How long a portion is left to the process that took it."""
MOST_TRIES = 5
PORTION = 50


class Stage(StrEnum):
    """Where a run stands: the first share moves, it is waited after it, the rest moves; stopped, going back, over."""

    FIRST = "first-share"
    WAITING = "waiting"
    REST = "rest"
    STOPPED = "stopped"
    BACK = "going-back"
    OVER = "over"
    TAKEN_BACK = "taken-back"


class Outcome(StrEnum):
    """What became of a case. ``DUE_SOON`` and ``AGAIN`` are tried again; ``BACK`` waits to be taken back."""

    TODO = "todo"
    MOVED = "moved"
    HINDERED = "hindered"
    ENDED = "ended"
    DUE_SOON = "due-soon"
    AGAIN = "again"
    UNREACHED = "unreached"
    BACK = "back"
    RETURNED = "returned"
    STAYS = "stays"


WAITING = {
    Stage.FIRST: (Outcome.TODO, Outcome.DUE_SOON, Outcome.AGAIN),
    Stage.REST: (Outcome.TODO, Outcome.DUE_SOON, Outcome.AGAIN),
    Stage.BACK: (Outcome.BACK,),
}
"""What is still to be done, in each stage in which something is."""

UNDER_WAY = (Stage.FIRST, Stage.WAITING, Stage.REST, Stage.BACK)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run. ``target`` is the hash of the newer text; ``waits_until`` when the rest follows the first share.

    ``because``: why it stopped by itself.
    """

    id: OpaqueId
    slug: Slug
    target: OpaqueId
    plan: Plan
    stage: Stage
    waits_until: Instant | None
    ordered_at: Instant
    ordered_by: OpaqueId
    because: Because | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One case of a run. ``was`` is the text it ran on when the run was ordered."""

    run: OpaqueId
    case_id: OpaqueId
    was: OpaqueId
    tries: int


def order(connection: Connection, run: Run, chance: Sequence[OpaqueId]) -> int:
    """Keep a run and its cases; how many they are. ``chance`` is every case that is to move, in the order they do.

    Raises:
        HandoffError: ``RUN_UNDER_WAY`` while another run of this protocol is not over; ``RUN_UNKNOWN_TEXT``.
    """
    known = migration_run.c
    under_way = connection.execute(select(known.id).where(known.slug == run.slug, known.stage.in_(UNDER_WAY))).scalar()
    if under_way is not None:
        raise HandoffError("RUN_UNDER_WAY", f"cases of {run.slug} are being moved by run {under_way}; stop it first")
    connection.execute(
        insert(migration_run).values(
            id=run.id,
            slug=run.slug,
            target=run.target,
            plan=run.plan.dump().decode(),
            stage=run.stage.value,
            waits_until=None,
            ordered_at=run.ordered_at,
            ordered_by=run.ordered_by,
            because=None,
            since=run.ordered_at,
            usual=watched.usual(connection, run.slug, run.ordered_at),
            answers=0,
            refused=0,
        )
    )
    was = {each.case_id: each.protocol_hash for each in to_move(connection, run.slug, run.target)}
    ordered = [each for each in chance if each in was]
    first = first_share(run.plan.first, len(ordered))
    rows = [
        {
            "run": run.id,
            "case_id": case_id,
            "was": was[case_id],
            "first": number < first,
            "result": Outcome.TODO.value,
            "tries": 0,
            "not_before": 0,
        }
        for number, case_id in enumerate(ordered)
    ]
    if rows:
        connection.execute(insert(migration_item), rows)
    return len(rows)


def first_share(first: FirstShare, cases: int) -> int:
    """How many cases move first."""
    return min(cases, max(first.least, min(first.most, int(cases * first.share))))


def to_move(connection: Connection, slug: Slug, target: OpaqueId) -> list[Row[Any]]:
    """The cases of a protocol that run on another text than the target and are open as far as everybody may know.

    Whose end is a confidential agency's to know is among them when it has ended (``status``): otherwise their number
    would tell others that it has.
    """
    carried = select(protocol_carried.c.hash).where(protocol_carried.c.base == target)
    wanted = select(case_file.c.case_id, case_file.c.protocol_hash, case_file.c.status).where(
        case_file.c.slug == slug,
        case_file.c.practice.is_(False),
        or_(case_file.c.status == "open", case_file.c.status_owner.is_not(None)),
        case_file.c.protocol_hash != target,
        case_file.c.protocol_hash.not_in(carried),
    )
    return list(connection.execute(wanted.order_by(case_file.c.case_id)))


def one(connection: Connection, run: OpaqueId) -> Run:
    """A run.

    Raises:
        HandoffError: ``UNKNOWN_RUN``.
    """
    row = connection.execute(select(migration_run).where(migration_run.c.id == run)).first()
    if row is None:
        raise HandoffError("UNKNOWN_RUN", "there is no such run")
    return _run(row)


def every(connection: Connection, slug: Slug | None = None) -> tuple[Run, ...]:
    """Every run, newest first."""
    wanted = select(migration_run).order_by(migration_run.c.ordered_at.desc(), migration_run.c.id)
    rows = connection.execute(wanted if slug is None else wanted.where(migration_run.c.slug == slug))
    return tuple(_run(row) for row in rows)


def under_way(connection: Connection) -> tuple[Run, ...]:
    """The runs in which something is to be done, or waited for."""
    return tuple(each for each in every(connection) if each.stage in WAITING or each.stage is Stage.WAITING)


def take(connection: Connection, run: Run, now: Instant, most: int = PORTION) -> tuple[Item, ...]:
    """The next portion of a run, leased to the caller; the caller commits."""
    item = migration_item.c
    ready = (item.run == run.id, item.result.in_(WAITING.get(run.stage, ())), item.not_before <= now)
    wanted = select(migration_item).where(*ready).order_by(item.not_before, item.case_id).limit(most)
    if run.stage is Stage.FIRST:
        wanted = wanted.where(item.first)
    rows = connection.execute(wanted.with_for_update(skip_locked=True)).all()
    found = tuple(Item(run=each.run, case_id=each.case_id, was=each.was, tries=each.tries) for each in rows)
    if found:
        leased = item.case_id.in_([each.case_id for each in found])
        connection.execute(update(migration_item).where(item.run == run.id, leased).values(not_before=now + LEASE))
    return found


def record(  # noqa: PLR0913 - what became of one case
    connection: Connection,
    each: Item,
    outcome: Outcome,
    now: Instant,
    *,
    code: str | None = None,
    place: str | None = None,
    kind: str | None = None,
    wait: int = 0,
) -> None:
    """Keep what became of a case (of which ``kind`` it was then); one tried again is so after ``wait`` microseconds."""
    tries = each.tries + (outcome is Outcome.AGAIN)
    if outcome is Outcome.AGAIN and tries >= MOST_TRIES:
        outcome = Outcome.UNREACHED
    item = migration_item.c
    connection.execute(
        update(migration_item)
        .where(item.run == each.run, item.case_id == each.case_id)
        .values(result=outcome.value, code=code, place=place, kind=kind, tries=tries, not_before=now + wait, at=now)
    )


def counts(connection: Connection, run: OpaqueId) -> dict[Outcome, int]:
    """How many cases of a run came to what; those that none did are left out."""
    item = migration_item.c
    rows = connection.execute(select(item.result, func.count()).where(item.run == run).group_by(item.result)).all()
    return {Outcome(result): int(number) for result, number in rows}


def moved(connection: Connection, run: OpaqueId) -> tuple[Item, ...]:
    """The cases of a run that moved and are not going back."""
    item = migration_item.c
    wanted = select(migration_item).where(item.run == run, item.result == Outcome.MOVED.value).order_by(item.case_id)
    rows = connection.execute(wanted)
    return tuple(Item(run=each.run, case_id=each.case_id, was=each.was, tries=each.tries) for each in rows)


def hindered(connection: Connection, run: OpaqueId) -> tuple[tuple[OpaqueId, str, str], ...]:
    """The cases that did not move, or not back: why and about which place of the text."""
    item = migration_item.c
    stay = (Outcome.HINDERED, Outcome.UNREACHED, Outcome.STAYS)
    wanted = select(item.case_id, item.code, item.place).where(item.run == run, item.result.in_(stay))
    return tuple((each.case_id, each.code or "", each.place or "") for each in connection.execute(wanted))


def advance(connection: Connection, run: Run, now: Instant) -> Run:
    """Go to the next stage if nothing is left to do in this one, or stop; the run as it stands now."""
    stage, because = _next(connection, run, now)
    if stage is run.stage:
        return run
    until = now + run.plan.first.then_wait * SECOND if stage is Stage.WAITING else None
    _set(connection, run.id, stage, until, because)
    if because is not None:
        _tell(connection, run.ordered_by, now)
    return replace(run, stage=stage, waits_until=until, because=because)


def _tell(connection: Connection, ordered_by: OpaqueId, now: Instant) -> None:
    """Let whoever ordered a run know that it stopped by itself."""
    who = people.subject_of(connection, ordered_by)
    if who is not None:
        errands.add(connection, [(errands.new(who.agency, Kind.STOPPED, now, person=ordered_by), None)])


def _next(connection: Connection, run: Run, now: Instant) -> tuple[Stage, Because | None]:
    if run.stage in (Stage.FIRST, Stage.WAITING, Stage.REST):
        stayed = (Outcome.HINDERED.value, Outcome.UNREACHED.value)
        seen = watched.seen(connection, run.id, now, stayed, (Outcome.MOVED.value,))
        because = halts(run.plan.stop, seen)
        if because is not None:
            return Stage.STOPPED, because
    if run.stage is Stage.WAITING:
        return _waited(connection, run, now)
    if run.stage not in WAITING:
        return run.stage, None
    item = migration_item.c
    left = select(func.count()).where(item.run == run.id, item.result.in_(WAITING[run.stage]))
    if run.stage is Stage.FIRST:
        left = left.where(item.first)
    if connection.execute(left).scalar_one():
        return run.stage, None
    if run.stage is Stage.FIRST:
        found = counts(connection, run.id)
        rest = sum(found.get(each, 0) for each in WAITING[Stage.REST])
        return Stage.WAITING if rest else Stage.OVER, None
    return Stage.OVER if run.stage is Stage.REST else Stage.TAKEN_BACK, None


def _waited(connection: Connection, run: Run, now: Instant) -> tuple[Stage, Because | None]:
    """The rest follows once it was waited long enough and the first cases have gone on."""
    if run.waits_until is None:
        return Stage.REST, None
    since = run.waits_until - run.plan.first.then_wait * SECOND
    if run.plan.first.gone_on and now >= run.waits_until:
        done = soaked(run.plan.first, watched.soak(connection, run.id, since, now, Outcome.MOVED.value))
    else:
        done = True if now >= run.waits_until else None
    if done is False:
        return Stage.STOPPED, Because.NOT_GONE_ON
    return Stage.REST if done else Stage.WAITING, None


def stop(connection: Connection, run: OpaqueId) -> None:
    """Let no further case move; those that have moved stay where they are."""
    _change(connection, run, UNDER_WAY, Stage.STOPPED)


def go_on(connection: Connection, run: OpaqueId, now: Instant) -> None:
    """Move the rest now: after the first share without waiting, or after a stop. What may stop it counts anew."""
    _change(connection, run, (Stage.WAITING, Stage.STOPPED), Stage.REST)
    chosen = update(migration_run).where(migration_run.c.id == run)
    connection.execute(chosen.values(since=now, answers=0, refused=0))


def take_back(connection: Connection, run: OpaqueId) -> int:
    """Let every case that moved go back; how many they are."""
    _change(connection, run, (Stage.FIRST, Stage.WAITING, Stage.REST, Stage.STOPPED, Stage.OVER), Stage.BACK)
    item = migration_item.c
    moved = update(migration_item).where(item.run == run, item.result == Outcome.MOVED.value)
    return connection.execute(moved.values(result=Outcome.BACK.value, not_before=0, tries=0)).rowcount


def _change(connection: Connection, run: OpaqueId, allowed: tuple[Stage, ...], to: Stage) -> None:
    found = one(connection, run)
    if found.stage not in allowed:
        raise HandoffError("RUN_STAGE", f"this run is {found.stage.value.replace('-', ' ')}; that cannot be done now")
    _set(connection, run, to, None)


def _set(
    connection: Connection, run: OpaqueId, stage: Stage, until: Instant | None, because: Because | None = None
) -> None:
    chosen = update(migration_run).where(migration_run.c.id == run)
    connection.execute(chosen.values(stage=stage.value, waits_until=until, because=because))


def texts(connection: Connection, run: Run) -> dict[OpaqueId, bytes]:
    """The compiled texts that a run's cases came from, and the one they go to, by hash."""
    item = migration_item.c
    hashes = connection.execute(select(item.was).where(item.run == run.id).distinct()).scalars()
    return {each: protocols.by_hash(connection, each).compiled for each in {*hashes, run.target}}


def _run(row: Row[tuple[object, ...]]) -> Run:
    return Run(
        id=row.id,
        slug=row.slug,
        target=row.target,
        plan=load_plan(row.plan.encode()),
        stage=Stage(row.stage),
        waits_until=row.waits_until,
        ordered_at=row.ordered_at,
        ordered_by=row.ordered_by,
        because=None if row.because is None else Because(row.because),
    )
