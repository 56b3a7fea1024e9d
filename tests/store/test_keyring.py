"""Case keys: random, wrapped under shares no file of the operator holds, destroyed one by one."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import product
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from protocol.errors import HandoffError
from store.keyring import CODEC, Keyring, engagement, shred
from store.keyring.tables import case_key, make
from store.session import Database
from tests.store.rings import SEED, Steady, ring

BOTH = ("advocacy", "shelter")
PURPOSES = (CODEC, engagement("advocacy"), engagement("shelter"), engagement("-"), shred("advocacy", "served"))


@pytest.fixture
def keys(database_url: str) -> Keyring:
    """A keyring, once on SQLite and once on PostgreSQL."""
    return ring(database_url)


def again(keys: Keyring, custodian: Steady | None = None) -> Keyring:
    """Another process on the same keys."""
    return ring(keys._database.url, custodian)


def code(ask: Callable[[], object]) -> str:
    with pytest.raises(HandoffError) as caught:
        ask()
    return caught.value.code


def test_a_key_is_made_once_and_found_by_every_process(keys: Keyring) -> None:
    """A key is 32 random bytes, the same in another process, another for each case and purpose."""
    made = {(case, each): keys.key(case, each, BOTH) for case, each in product(("a", "b"), PURPOSES)}

    assert {len(each) for each in made.values()} == {32}
    assert len(set(made.values())) == len(made)
    other = again(keys)
    assert made == {place: other.key(*place) for place in made}


def test_processes_that_make_a_key_at_once_get_the_same(keys: Keyring) -> None:
    """Twenty threads of four processes ask for a new case's key together, and there is one."""
    rings = [keys, *(again(keys) for _ in range(3))]
    with ThreadPoolExecutor(20) as pool:
        found = list(pool.map(lambda number: rings[number % 4].key("a", CODEC, BOTH), range(20)))

    assert len(set(found)) == 1


def test_a_case_begins_with_the_keys_it_needs(keys: Keyring) -> None:
    """One key for what Temporal stores, one for each confidential agency, and none for a case that never began."""
    keys.begin("a", BOTH)

    with keys._database.read() as connection:
        rows = connection.execute(select(case_key.c.purpose, case_key.c.under)).all()
    assert {tuple(each) for each in rows} == {
        ("codec", "advocacy,shelter"),
        ("engagement:advocacy", "advocacy"),
        ("engagement:shelter", "shelter"),
    }
    assert keys.key("a", shred("police", "court")) != keys.key("a", CODEC)
    assert code(lambda: keys.key("b", CODEC)) == "UNKNOWN_KEY"


def test_without_the_share_no_key_opens(keys: Keyring) -> None:
    """With keys.db and the site's own key, but another agency's seed, no confidential key opens."""
    for each in PURPOSES:
        keys.key("a", each, BOTH)
    thief = again(keys, Steady(b"b" * len(SEED)))

    assert {code(partial(thief.key, "a", each)) for each in PURPOSES} == {"KEY_SPOILED"}


def test_a_row_moved_to_another_case_or_purpose_does_not_open(keys: Keyring) -> None:
    """A wrapped key opens in its own place only."""
    keys.key("a", CODEC, BOTH)
    with keys._database.write() as connection:
        connection.execute(update(case_key).values(case_id="b"))

    assert code(lambda: again(keys).key("b", CODEC)) == "KEY_SPOILED"


def test_a_process_that_starts_without_the_keyholder_is_locked_and_others_go_on(keys: Keyring) -> None:
    """Only what the silent keyholder's agency has a part in is locked; it opens when the keyholder is back."""
    keys.begin("a", ("advocacy",))
    keys.begin("b", ())
    away = Steady()
    away.here = False
    late = again(keys, away)

    assert late.shares.open(("advocacy",)) == ("advocacy",)
    assert code(lambda: late.key("a", CODEC)) == "ENGINE_LOCKED"
    assert late.key("b", CODEC) == keys.key("b", CODEC)
    assert late.shares.locked() == ("advocacy",)
    late.warm([("a", CODEC), ("b", CODEC)])

    away.here = True
    late.shares._tried.clear()
    assert late.key("a", CODEC) == keys.key("a", CODEC)


def test_a_silent_keyholder_is_not_asked_at_every_turn(keys: Keyring) -> None:
    """A hundred cases wait for one question, and not for a hundred."""
    away = Steady()
    away.here = False
    late = again(keys, away)

    for number in range(100):
        assert code(partial(late.key, f"{number}", CODEC, ("advocacy",))) == "ENGINE_LOCKED"
    assert away.asked == ["advocacy"]


def test_a_destroyed_key_never_comes_back(keys: Keyring) -> None:
    """It is counted once, is gone from memory and from the database, and none is made in its place."""
    keys.begin("a", BOTH)
    purposes = [engagement("advocacy"), shred("advocacy", "served")]

    assert not keys.shredded("a", purposes[0])
    assert (keys.destroy("a", purposes), keys.destroy("a", purposes)) == (1, 0)
    for who, each in product((keys, again(keys)), purposes):
        assert who.shredded("a", each)
        assert code(partial(who.key, "a", each, BOTH)) == "KEY_DESTROYED"
    assert keys.key("a", engagement("shelter"))
    with keys._database.read() as connection:
        living = select(func.count()).where(case_key.c.wrapped.is_not(None))
        assert connection.execute(living).scalar_one() == 2


def test_a_destroyed_key_is_in_no_file(tmp_path: Path) -> None:
    """Its wrapped bytes are in neither SQLite's file nor its log afterwards; those of a living key are."""
    keys = ring(f"sqlite:///{tmp_path / 'keys.db'}")
    keys.begin("a", BOTH)
    with keys._database.read() as connection:
        rows = connection.execute(select(case_key.c.purpose, case_key.c.wrapped)).all()
    wrapped = {row.purpose: bytes(row.wrapped) for row in rows}
    keys.destroy("a", [CODEC])

    found = b"".join(each.read_bytes() for each in tmp_path.iterdir())
    assert {each for each, bytes_ in wrapped.items() if bytes_ in found} == {
        engagement("advocacy"),
        engagement("shelter"),
    }


def test_many_keys_are_read_in_one_go(keys: Keyring) -> None:
    """What was warmed needs no database any more."""
    places = [(f"{number}", CODEC) for number in range(300)]
    made = {place: keys.key(*place, BOTH) for place in places}
    other = again(keys)
    other.warm(places)

    assert made == {place: other.cached(*place) for place in places}


def test_the_tables_are_made_by_whoever_comes_first(database_url: str) -> None:
    """Several processes that start together all find them."""
    with ThreadPoolExecutor(4) as pool:
        for each in pool.map(lambda _: _made(database_url), range(8)):
            each.close()
    assert ring(database_url).key("a", CODEC, ()) == ring(database_url).key("a", CODEC)


def _made(url: str) -> Database:
    database = Database(url)
    make(database)
    return database
