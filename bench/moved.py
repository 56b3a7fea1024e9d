"""What became of the cases of ``bench.migrating``: read from the database, and printed."""

from __future__ import annotations

import re
import statistics
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select

from protocol.engine.clocks import MINUTE
from protocol.state import Instant
from store.migrating.tables import migration_item
from store.session import Database
from store.tables import case_file, fact, protocol_carried, task

KEPT = r"-k[0-9a-f]{8}$"
"""How the name of a step ends whose duty kept older terms: it is of a row of its own (docs/decisions/0024)."""

SHORTEST = 5 * MINUTE
"""The referral's window in the shortest of the texts."""

Duties = dict[tuple[str, int], tuple[object, ...]]


def duties(database: Database) -> Duties:
    """Every duty's step, owner, due time and where it stands."""
    wanted = (task.c.step, task.c.lane, task.c.agency, task.c.status, task.c.due_at, task.c.outcome, task.c.missed_at)
    with database.read() as connection:
        rows = connection.execute(select(task.c.case_id, task.c.instance, *wanted)).all()
    return {(row[0], row[1]): (_named(row[2]), *row[3:]) for row in rows}


def _named(step: str) -> str:
    """A step as its text calls it."""
    return re.sub(KEPT, "", step)


def as_before(before: Duties, after: Duties) -> None:
    """How many duties are as they were before the move, and what of the others happened meanwhile."""
    other = {each for each in before if after.get(each) != before[each]}
    lived = {each for each in other if each in after and _lived(before[each], after[each])}
    print(
        f"cases that differ less what people did: {len({case for case, _ in other - lived})};"
        f" duties before {len(before)}: as they were {len(before) - len(other)},"
        f" answered or late meanwhile {len(lived)}, otherwise {len(other - lived)};"
        f" new of answers {len(after.keys() - before.keys())}"
    )


def _lived(was: tuple[object, ...], is_: tuple[object, ...]) -> bool:
    """Whether it was answered, taken up or missed, and is otherwise as it was."""
    return was[:3] == is_[:3] and was[3:4] + was[5:] != is_[3:4] + is_[5:]


def standing(database: Database, run: dict[str, Any]) -> None:
    """On which text the run's cases stand, and what became of them."""
    time.sleep(3)
    with database.read() as connection:
        of = select(migration_item.c.case_id).where(migration_item.c.run == run["run"])
        base = func.coalesce(protocol_carried.c.base, case_file.c.protocol_hash)
        joined = case_file.outerjoin(protocol_carried, protocol_carried.c.hash == case_file.c.protocol_hash)
        wanted = select(base, func.count()).select_from(joined).where(case_file.c.case_id.in_(of)).group_by(base)
        texts = {hash_[:8]: number for hash_, number in connection.execute(wanted)}
        item = migration_item.c
        results = connection.execute(
            select(item.result, item.code, func.count()).where(item.run == run["run"]).group_by(item.result, item.code)
        ).all()
    print(f"    texts {texts}, target {run['target'][:8]}; {[tuple(each) for each in results]}")


def last_window(database: Database) -> Instant:
    """When the last of the referrals' windows runs out."""
    with database.read() as connection:
        wanted = select(func.max(task.c.due_at)).where(task.c.step.like("referral%"), task.c.ended_at.is_(None))
        return connection.execute(wanted).scalar() or 0


def escalations(database: Database, moving: Sequence[tuple[Instant, Instant]]) -> None:
    """What came of the referrals' windows: each that ran out is missed once, not before its time, and told once.

    ``moving`` says from when until when cases moved: how many windows ran out meanwhile is printed too.
    """
    of_referrals = fact.c.step.like("referral%")
    with database.read() as connection:
        facts = connection.execute(
            select(fact.c.case_id, fact.c.kind, fact.c.at, fact.c.recorded, fact.c.body)
            .where(fact.c.kind.in_(("window-missed", "told")), of_referrals)
            .order_by(fact.c.case_id, fact.c.seq)
        ).all()
        tasks = connection.execute(
            select(task.c.case_id, task.c.delivered_at, task.c.due_at, task.c.ended_at).where(
                task.c.step.like("referral%")
            )
        ).all()
    missed = Counter(each.case_id for each in facts if each.kind == "window-missed")
    told = Counter(each.case_id for each in facts if each.kind == "told" and '"tell-sergeant"' in each.body)
    ran_out = {each.case_id for each in tasks if each.ended_at is None or each.ended_at > each.due_at}
    since = {each.case_id: each.delivered_at for each in tasks}
    windows = [each for each in facts if each.kind == "window-missed"]
    early = sum(each.recorded < each.at or each.at < since[each.case_id] + SHORTEST for each in windows)
    meanwhile = sum(began <= each.at < ended for each in windows for began, ended in moving)
    late = sorted((each.recorded - each.at) / 1e6 for each in windows)
    cut = statistics.quantiles(late, n=100) if len(late) > 1 else [0.0] * 99
    print(
        f"referrals {len(tasks)}, windows run out {len(ran_out | missed.keys())}, "
        f"{meanwhile} of them while cases moved: "
        f"missed escalations {len(ran_out - missed.keys()) + len(missed.keys() - told.keys())}, early {early}, "
        f"doubled {sum(each > 1 for each in missed.values()) + sum(each > 1 for each in told.values())}; "
        f"late p50 {cut[49]:.1f} s, p99 {cut[98]:.1f} s, max {max(late, default=0):.1f} s"
    )
