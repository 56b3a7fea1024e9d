"""Facts into rows: once each, in any cutting, and again from nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select, update

from protocol.errors import HandoffError
from protocol.facts import Fact, FactBody, SlotFilled
from store import tables
from store.edge_tables import notice_receipt
from store.fold import fold
from store.projector import Batch, project
from store.rebuild import fingerprint, rebuild
from store.session import Database
from tests.store.streams import START, advocacy, opened, publish, store, wander

FEW = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def printed(database: Database) -> str:
    """The fingerprint of a database's read model."""
    with database.read() as connection:
        return fingerprint(connection)


def test_every_kind_of_fact_has_its_function() -> None:
    """No fact can come that nobody folds."""
    kinds = get_args(get_args(FactBody)[0])
    assert [each for each in kinds if fold.dispatch(each) is fold.dispatch(object)] == []


@FEW
@given(seed=st.integers(0, 10_000), data=st.data())
def test_batches_may_be_cut_repeated_and_delivered_again(
    fresh: Callable[[], Database], seed: int, data: st.DataObject
) -> None:
    """However the same facts are cut, repeated and shuffled within a batch, the read model is the same."""
    play = wander(advocacy(), seed)
    whole, cut = fresh(), fresh()
    hash_ = publish(whole)
    publish(cut)
    assert store(whole, play, hash_) == len(play.facts)
    done = 0
    while done < len(play.facts):
        again = data.draw(st.integers(0, done))
        end = data.draw(st.integers(done + 1, len(play.facts)))
        batch = data.draw(st.permutations(play.facts[again:end])) if end - again < 12 else play.facts[again:end]
        done = store(cut, play, hash_, [*batch, *batch[:3]])
        assert done == end
    assert store(cut, play, hash_, play.facts[:5]) == len(play.facts)
    assert printed(cut) == printed(whole)


@FEW
@given(seeds=st.lists(st.integers(0, 10_000), min_size=2, max_size=4, unique=True), size=st.integers(3, 20))
def test_cases_written_together_are_as_written_alone(
    fresh: Callable[[], Database], seeds: list[int], size: int
) -> None:
    """However many cases share a transaction, a case in it more than once included, the read model is the same."""
    alone, together = fresh(), fresh()
    hash_ = publish(alone)
    publish(together)
    plays = [wander(advocacy(), seed, f"case-{seed}") for seed in seeds]
    for each in plays:
        store(alone, each, hash_)
    parts = [
        Batch(each.case_id, each.protocol, hash_, each.facts[start : start + size])
        for start in range(0, max(len(each.facts) for each in plays), size)
        for each in plays
    ]
    with together.write() as connection:
        answers = project(connection, [each for each in parts if each.facts])
    assert answers == [each.facts[-1].seq for each in parts if each.facts]
    assert printed(together) == printed(alone)


@FEW
@given(seeds=st.lists(st.integers(0, 10_000), min_size=1, max_size=4, unique=True))
def test_a_rebuild_gives_the_same_bytes(fresh: Callable[[], Database], seeds: list[int]) -> None:
    """The read model is a fold over facts and nothing else."""
    database = fresh()
    hash_ = publish(database)
    for seed in seeds:
        play = wander(advocacy(), seed, f"case-{seed}")
        for start in range(0, len(play.facts), 7):
            store(database, play, hash_, play.facts[start : start + 7])
    steps: list[tuple[int, int]] = []
    report = rebuild(database, lambda done, total: steps.append((done, total)))
    assert report.before == report.after == printed(database)
    assert report.cases == len(seeds)
    assert steps == [(number, len(seeds)) for number in range(1, len(seeds) + 1)]


def test_a_rebuild_repairs_a_damaged_read_model(database: Database) -> None:
    """What a hand or a fault changed in the read model is gone after a rebuild, on either database."""
    play = wander(advocacy(), 7)
    store(database, play, publish(database))
    before = printed(database)
    with database.write() as connection:
        connection.execute(update(tables.task).values(step="wrong", taken_at=None))
        connection.execute(update(tables.fact).values(owner=None))
    report = rebuild(database)
    assert (report.before != before, report.after) == (True, before)


def test_a_rebuild_keeps_what_no_fact_tells(database: Database) -> None:
    """Case codes and who read a notice survive."""
    play = wander(advocacy(), 7)
    store(database, play, publish(database))
    with database.write() as connection:
        notice_id = connection.execute(select(tables.notice.c.id).limit(1)).scalar_one()
        connection.execute(insert(notice_receipt).values(notice_id=notice_id, person_id="p", read_at=START))
        code = connection.execute(select(tables.case_file.c.code)).scalar_one()
    rebuild(database)
    with database.read() as connection:
        assert connection.execute(select(tables.case_file.c.code)).scalar_one() == code
        assert connection.execute(
            select(tables.notice.c.id).join(notice_receipt, notice_receipt.c.notice_id == tables.notice.c.id)
        ).scalar_one() == notice_id  # fmt: skip


def test_a_gap_changes_nothing(database: Database) -> None:
    """Facts with one missing before them are refused whole."""
    play = opened(advocacy())
    hash_ = publish(database)
    store(database, play, hash_, play.facts[:2])
    before = printed(database)
    with pytest.raises(HandoffError) as caught:
        store(database, play, hash_, play.facts[3:])
    assert caught.value.code == "FACT_GAP"
    assert printed(database) == before


def test_an_empty_batch_is_nothing(database: Database) -> None:
    """A batch without facts leaves the case at its last fact."""
    play = opened(advocacy())
    hash_ = publish(database)
    store(database, play, hash_)
    assert store(database, play, hash_, []) == len(play.facts)


def test_a_half_written_batch_is_not_there(database: Database) -> None:
    """Facts, read model and notices come together or not at all."""
    play = opened(advocacy())
    hash_ = publish(database)
    bad = Fact(seq=len(play.facts) + 1, at=START, recorded=START, body=SlotFilled(slot="no-such-slot", ref="r"))
    with pytest.raises(KeyError):
        store(database, play, hash_, [*play.facts, bad])
    with database.read() as connection:
        assert connection.execute(select(tables.fact)).all() == []
        assert connection.execute(select(tables.case_file)).all() == []


def test_a_rebuild_without_its_protocol_changes_nothing(database: Database) -> None:
    """Facts of a version that is not there cannot be folded, so the old read model stays."""
    play = opened(advocacy())
    with database.write() as connection:
        project(connection, [Batch("case-1", play.protocol, "0" * 64, play.facts)])
    before = printed(database)
    with pytest.raises(HandoffError) as caught:
        rebuild(database)
    assert caught.value.code == "UNKNOWN_PROTOCOL"
    assert printed(database) == before


def test_codes_have_no_letters_that_are_mistaken(database: Database) -> None:
    """Eight characters, none of 0 O 1 I L U, one code for each case."""
    hash_ = publish(database)
    for number in range(12):
        store(database, opened(advocacy(), f"case-{number}"), hash_)
    with database.read() as connection:
        codes = connection.execute(select(tables.case_file.c.code)).scalars().all()
    assert len(set(codes)) == 12
    assert {len(each) for each in codes} == {8}
    assert not set("".join(codes)) & set("0O1ILU")
