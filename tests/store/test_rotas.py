"""Rotas: shifts, cover, who is rung over days to come, and the times at which nobody on duty can be."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from random import Random

import pytest

from protocol.checks.cover import HOURS, rung
from protocol.engine import clocks
from protocol.errors import HandoffError
from store import demonstration, feeds, people, rotas
from store.notices import reach, watching
from store.notices.resolving import How
from store.notices.watching import AHEAD, Watch
from store.session import Database
from tests.store.streams import HOUR, START, advocacy

ZONE = "America/Chicago"
ABLE = frozenset(("text", "email"))
Fresh = Callable[[], Database]


@pytest.fixture
def house(fresh: Fresh) -> tuple[Database, dict[str, str]]:
    """A database with placeholder people and a second advocate, all of whom a text reaches; their ids by name."""
    database = fresh()
    with database.write() as connection:
        demonstration.seed(connection, advocacy())
        people.add_person(connection, name="Advocate Two", agency_id="advocacy", roles=("advocate",))
        found = {each.name: each.id for each in people.people(connection, agency_id="advocacy")}
        for number, id_ in enumerate(found.values()):
            phone = f"+1555010{number:04}"
            reach.choose(connection, id_, language="en", email=None, phone=phone, channels=("text",), quiet=None)
    return database, found


def refused(code: str, act: Callable[[], object]) -> None:
    """It is not done, for this reason."""
    with pytest.raises(HandoffError) as caught:
        act()
    assert caught.value.code == code


def test_whoever_says_yes_first_covers_and_until_then_nobody_is_let_go(house: tuple[Database, dict[str, str]]) -> None:
    """The shift stays its person's while cover is asked; with a yes it is the other's, and a second yes comes late."""
    database, ids = house
    one, two = ids["Advocate One"], ids["Advocate Two"]
    with database.write() as connection:
        third = people.add_person(connection, name="Advocate Three", agency_id="advocacy", roles=("advocate",))
        shift = rotas.fill(connection, "advocate", one, START, START + 12 * HOUR)
        found = rotas.shift_of(connection, "advocacy", shift)
        refused("ROTA_NOT_ASKED", lambda: rotas.cover(connection, found, two, START))
        rotas.ask_cover(connection, found, START + 6 * HOUR, START + 12 * HOUR, START)

        def on(hours: int) -> list[str]:
            return [each.name for each in rotas.on_duty(connection, advocacy(), "advocate", START + hours * HOUR)]

        assert (["Advocate One"], ["Advocate One"]) == (on(1), on(7))
        asked = rotas.shift_of(connection, "advocacy", shift)
        rotas.cover(connection, asked, two, START)
        assert (["Advocate One"], ["Advocate Two"], []) == (on(1), on(7), [e for e in on(7) if e == "Advocate One"])
        refused("ROTA_NOT_ASKED", lambda: rotas.cover(connection, asked, third.id, START))
        (mine,) = rotas.shifts_of(connection, two, START, START + 24 * HOUR)
        assert (mine.covers, mine.starts_at) == (one, START + 6 * HOUR)
        refused(
            "ROTA_COVERED", lambda: rotas.fill(connection, "advocate", third.id, START + 7 * HOUR, START + 8 * HOUR)
        )
        refused("UNKNOWN_SHIFT", lambda: rotas.shift_of(connection, "police", shift))


def test_a_weekly_shift_stays_at_its_local_time(house: tuple[Database, dict[str, str]]) -> None:
    """Eight in the evening is eight in the evening when the clocks change; a rota is not entered for years."""
    _ = house
    first = clocks.local_instant(ZONE, 739_550, 20 * 60, last=False)
    spans = rotas.weekly(ZONE, first, first + 12 * HOUR, 26)
    assert {20} == {clocks.moment(start, ZONE).hour for start, _ in spans}
    assert 2 == len({clocks.moment(start, ZONE).utcoffset() for start, _ in spans})
    refused("ROTA_WEEKS", lambda: rotas.weekly(ZONE, first, first + HOUR, 27))


def test_a_role_of_another_agency_with_the_same_name_is_not_rung(house: tuple[Database, dict[str, str]]) -> None:
    """A rota is an agency's: whoever is on duty elsewhere under the same word is nobody here."""
    database, ids = house
    with database.write() as connection:
        people.add_agency(connection, "elsewhere", "Elsewhere", confidential=False)
        other = people.add_person(connection, name="A Other", agency_id="elsewhere", roles=("advocate",))
        rotas.add_duty(connection, "advocate", other.id, START, START + HOUR)
        rotas.add_duty(connection, "advocate", ids["Advocate One"], START, START + HOUR)
        assert ["Advocate One"] == [e.name for e in rotas.on_duty(connection, advocacy(), "advocate", START)]


def test_what_is_shown_is_who_is_rung_and_a_dead_telephone_is_a_gap(house: tuple[Database, dict[str, str]]) -> None:
    """Between shifts, and while the telephone of who is on duty reaches nobody, others are rung and it is a gap."""
    database, ids = house
    with database.write() as connection:
        for start, name in ((0, "Advocate One"), (12, "Advocate Two")):
            rotas.fill(connection, "advocate", ids[name], START + start * HOUR, START + (start + 10) * HOUR)

        def seen() -> list[tuple[str, float, list[str]]]:
            found = watching.watches(connection, advocacy(), "advocate", START, START + 24 * HOUR, ABLE)
            return [(e.how, (e.ends_at - e.starts_at) / HOUR, [p.name for p in e.people]) for e in found]

        both = ["Advocate One", "Advocate Two"]
        assert seen() == [
            (How.DUTY, 10, ["Advocate One"]),
            (How.ROLE, 2, both),
            (How.DUTY, 10, ["Advocate Two"]),
            (How.ROLE, 2, both),
        ]
        reach.mark_dead(connection, ids["Advocate One"], "text", START)
        assert seen()[:2] == [(How.ROLE, 10, ["Backup One"]), (How.ROLE, 2, ["Advocate Two"])]


@pytest.mark.parametrize("seed", range(6))
def test_what_no_shift_fills_is_a_gap_where_everybody_is_reached(
    house: tuple[Database, dict[str, str]], seed: int
) -> None:
    """Whatever shifts there are, of a role or its deputies: the quick answer has the hours that routing gives."""
    database, ids = house
    chance, protocol, until = Random(seed), advocacy(), START + 7 * 24 * HOUR
    with database.write() as connection:
        for _ in range(seed * 3):
            role, name = chance.choice(
                [("advocate", "Advocate One"), ("advocate", "Advocate Two"), ("backup", "Backup One")]
            )
            start = START + chance.randrange(-12, 7 * 24) * HOUR
            rotas.add_duty(connection, role, ids[name], start, start + chance.randrange(1, 30) * HOUR)
        found = watching.unfilled(connection, [protocol], START, until)
        assert {role for _, role in found} == {"advocate", "backup", "supervisor"}
        for (_, role), (_, empty) in found.items():
            all_of = watching.watches(connection, protocol, role, START, until, ABLE)
            gaps = watching.gaps(protocol, role, all_of)
            assert merged(empty) == merged(gaps), role


def merged(found: Iterable[Watch]) -> list[tuple[int, int]]:
    """Stretches, those that touch as one."""
    made: list[tuple[int, int]] = []
    for each in found:
        if made and made[-1][1] == each.starts_at:
            made[-1] = (made[-1][0], each.ends_at)
        else:
            made.append((each.starts_at, each.ends_at))
    return made


def test_the_proof_counts_the_same_gaps(house: tuple[Database, dict[str, str]]) -> None:
    """An hour counts as covered only if somebody is there for all of it; a role nobody reaches at all is said."""
    database, ids = house
    protocol = advocacy()
    with database.write() as connection:
        away = {}
        for role in rung(protocol):
            found = watching.watches(connection, protocol, role, START, START + AHEAD, ())
            away[role] = watching.gaps(protocol, role, found)
        assert {"advocate", "backup", "supervisor"} == {role for role, found in away.items() if found}
        assert watching.judged(protocol, away) == ()
        for id_ in ids.values():
            reach.mark_dead(connection, id_, "text", START)
        for role in away:
            found = watching.watches(connection, protocol, role, START, START + AHEAD, ABLE)
            away[role] = watching.gaps(protocol, role, found)
        assert "NOBODY_HOLDS" in {each.code for each in watching.judged(protocol, away)}
    assert HOURS == 168


def test_a_calendar_opens_with_its_last_secret_only(house: tuple[Database, dict[str, str]]) -> None:
    """A new address ends the one before; ended, or its person gone, it shows nothing."""
    database, ids = house
    one = ids["Advocate One"]
    with database.write() as connection:
        first, second = feeds.make(connection, one, START), feeds.make(connection, one, START)
        assert (None, one) == (feeds.whose(connection, first), feeds.whose(connection, second))
        people.deactivate(connection, one)
        assert feeds.whose(connection, second) is None
        assert feeds.end(connection, one)
