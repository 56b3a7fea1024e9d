"""Lockout that is no weapon: hostile tries shut out strangers, never the telephone of the person they are aimed at."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import select

from protocol.errors import HandoffError
from store import ids, rotas
from store.accounts import lockout, signing
from store.audit import SITE
from store.audit.chain import header
from store.audit.sealing import Detail, open_detail, open_keys
from store.audit.tables import audit_key, audit_row
from store.custodian.port import Grant
from store.session import Database
from tests.store.accounts import HOUR, KEY, MINUTE, NOW, SECOND, Enrolled, enrolled
from tests.store.conftest import SITE_KEY
from tests.store.streams import advocacy
from tests.store.test_accounts import code_of

TRIES = 20_000
EVERY = SECOND // 20
"""Microseconds between two hostile tries: a thousand seconds of them."""


def wrong(who: Enrolled, device: str | None = None) -> signing.Attempt:
    return signing.Attempt(login=who.login, password="not this one at all", code="000000", device=device)


def shut(database: Database, who: Enrolled, now: int, device: str | None = None) -> None:
    for number in range(5):
        assert "SIGN_IN" == code_of(database, wrong(who, device), now + number)
    assert "LOCKED_OUT" == code_of(database, wrong(who, device), now + 5)


def test_twenty_thousand_hostile_tries_shut_nobody_out(fresh: Callable[[], Database]) -> None:
    """The known device gets in every time; of the hostile tries at most five are judged in any ten minutes."""
    database = fresh()
    who = enrolled(database)
    device = signing.sign_in(database, KEY, who.attempt(NOW), NOW).device
    judged: list[int] = []
    known = 0
    begin = NOW + MINUTE
    # A try that may not be judged ends here, before any password is compared.
    with database.write() as connection:
        for number in range(TRIES):
            at = begin + number * EVERY
            count = lockout.count_of(connection, KEY, who.login, who.person_id, f"made-up-{number}")
            if lockout.begin(connection, count, at) is None:
                judged.append(at)
    for minute in range(TRIES * EVERY // MINUTE):
        at = begin + minute * MINUTE
        known += code_of(database, who.attempt(at, device), at) == ""
    assert TRIES * EVERY // MINUTE == known
    assert 10 == len(judged)
    assert max(sum(at <= each < at + lockout.WINDOW for each in judged) for at in judged) <= 5


def test_five_wrong_tries_shut_that_device_and_no_other(database: Database) -> None:
    """A known device that is shut says so, opens after ten minutes, and the others were never shut."""
    who = enrolled(database)
    first = signing.sign_in(database, KEY, who.attempt(NOW), NOW).device
    at = NOW + MINUTE
    second = signing.sign_in(database, KEY, who.attempt(at), at).device
    at += MINUTE
    shut(database, who, at, first)
    assert "" == code_of(database, who.attempt(at, second), at)
    with pytest.raises(HandoffError, match="try again in 10 min"):
        signing.sign_in(database, KEY, who.attempt(at + MINUTE, first), at + 5)
    later = at + 10 * MINUTE + 5
    assert "" == code_of(database, who.attempt(later, first), later)


def test_unknown_names_are_shut_like_known_ones(database: Database) -> None:
    """Six tries answer alike whether anybody has the name; and on a device of somebody else, as on none."""
    who, other = enrolled(database), enrolled(database, "backup@example.org", "backup")
    device = signing.sign_in(database, KEY, other.attempt(NOW), NOW).device
    for each in (who, replace(who, login="nobody@example.org")):
        shut(database, each, NOW, device)
    assert "" == code_of(database, other.attempt(NOW + MINUTE, device), NOW + MINUTE)


def test_a_right_try_gives_attackers_no_more(database: Database) -> None:
    """Signing in on a new device takes back that try alone, not the wrong ones of strangers before it."""
    who = enrolled(database)
    for number in range(4):
        assert "SIGN_IN" == code_of(database, wrong(who), NOW + number)
    assert "" == code_of(database, who.attempt(NOW), NOW + 10)
    assert ["SIGN_IN", "LOCKED_OUT"] == [code_of(database, wrong(who), NOW + each) for each in (20, 21)]


def test_a_one_time_code_opens_and_a_wrong_one_does_not(database: Database) -> None:
    """Shut out at night she takes the paper from her purse; guessing codes opens nothing."""
    who = enrolled(database)
    shut(database, who, NOW)
    at = NOW + MINUTE
    guess = replace(who.attempt(at), code="AAAA-AAAA-AAAA-AAAA")
    assert "LOCKED_OUT" == code_of(database, guess, at)
    assert "" == code_of(database, replace(who.attempt(at), code=who.codes[0]), at)
    assert "" == code_of(database, who.attempt(at), at + 1)


def test_a_supervisor_opens(database: Database) -> None:
    """Every count of the person is open at once."""
    who = enrolled(database)
    shut(database, who, NOW)
    with database.write() as connection:
        lockout.open_all(connection, who.person_id)
    assert "" == code_of(database, who.attempt(NOW), NOW + 10)


def test_locked_out_on_duty_is_not_answering(database: Database) -> None:
    """While the advocate on the rota cannot get in, her deputy is on duty; signed in, or unlocked, she is again."""
    who, backup = enrolled(database), enrolled(database, "backup@example.org", "backup")
    device = signing.sign_in(database, KEY, who.attempt(NOW), NOW).device
    with database.write() as connection:
        rotas.add_duty(connection, "advocate", who.person_id, NOW, NOW + 12 * HOUR)
        rotas.add_duty(connection, "backup", backup.person_id, NOW, NOW + 12 * HOUR)

    def on_duty(at: int) -> list[str]:
        with database.read() as connection:
            return [each.id for each in rotas.on_duty(connection, advocacy(), "advocate", at)]

    assert [who.person_id] == on_duty(NOW)
    at = NOW + HOUR
    shut(database, who, at)
    assert [who.person_id] == on_duty(at + MINUTE)
    shut(database, who, at, device)
    assert [backup.person_id] == on_duty(at + MINUTE)
    assert [who.person_id] == on_duty(at + 10 * MINUTE + 5)


def test_nothing_tells_an_unknown_name_by_its_time(database: Database) -> None:
    """A try of an unknown name takes as long as a wrong one of a known name: both compare a password (25 ms)."""
    who = enrolled(database)
    took: dict[str, list[float]] = {who.login: [], "nobody@example.org": []}
    for turn in range(12):
        for login, times in took.items():
            began = time.perf_counter()
            assert "SIGN_IN" == code_of(database, replace(wrong(who), login=login), NOW + turn * 3 * MINUTE)
            times.append(time.perf_counter() - began)
    known, unknown = (min(times) for times in took.values())
    assert 0.6 < unknown / known < 1.7


def test_what_was_decided_is_written_down_and_what_was_typed_is_not(database: Database) -> None:
    """Sign-in, denial, lockout and unlocking say who, and whether it was a known device; never a name or password."""
    who = enrolled(database)
    before = len(written(database))
    shut(database, who, NOW)
    code_of(database, replace(who.attempt(NOW), code=who.codes[0]), NOW + 10)
    found = [(each.action, each.allowed, each.person, each.reason) for each in written(database)[before:]]
    denied = ("sign-in", False, who.person_id, "wrong")
    assert [
        *[denied] * 5,
        ("lockout", False, who.person_id, "strangers"),
        ("unlock", True, who.person_id, "one-time-code"),
        ("sign-in", True, who.person_id, "password"),
    ] == found
    typed = (who.login, "not this one at all", *who.codes)
    assert not [each for each in typed if each in str(written(database))]


def written(database: Database) -> list[Detail]:
    """What the site's chain says, opened with the site's own key."""
    with database.read() as connection:
        site, _ = ids.site_of(connection)
        keys = connection.execute(select(audit_key)).all()
        rows = connection.execute(select(audit_row).where(audit_row.c.chain == SITE).order_by(audit_row.c.n)).all()
    opened = open_keys(SITE_KEY, Grant(person="", agency=""), site, keys)
    found = []
    for row in rows:
        bound = header(row.chain, row.n, row.at, row.agency, row.kind, row.request, row.key, bytes(row.about))
        detail = open_detail(opened[row.key], bytes(row.sealed), bound)
        assert detail is not None
        found.append(detail)
    return found
