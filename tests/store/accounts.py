"""People with accounts, for the tests of sign-in: enrolled as they would be, on a clock that is passed in."""

from __future__ import annotations

from dataclasses import dataclass

import pyotp

from protocol.state import Instant
from store import people
from store.accounts import enrolling
from store.accounts.signing import Attempt
from store.session import Database

KEY = bytes(range(32))
NOW: Instant = 1_800_000_000_000_000
SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
PASSWORD = "heron lantern gravel ninety"


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolled:
    """Somebody with an account, and what only they have."""

    person_id: str
    login: str
    secret: str
    codes: tuple[str, ...]

    def number(self, now: Instant) -> str:
        """What the authenticator shows."""
        return pyotp.TOTP(self.secret).at(now // SECOND)

    def attempt(self, now: Instant, device: str | None = None, password: str = PASSWORD) -> Attempt:
        """A right try, unless another password is given."""
        return Attempt(login=self.login, password=password, code=self.number(now), device=device)


def enrolled(
    database: Database, login: str = "advocate@example.org", role: str = "advocate", agency: str = "advocacy"
) -> Enrolled:
    """One person of an agency, enrolled an hour before NOW."""
    before = NOW - HOUR
    with database.write() as connection:
        people.add_agency(connection, agency, agency, confidential=agency == "advocacy")
        added = people.add_person(connection, name=f"{role} Placeholder", agency_id=agency, roles=(role,))
        link = enrolling.make_link(connection, added.id, before)
        begun = enrolling.begin(connection, KEY, link, login, before)
    number = pyotp.TOTP(begun.secret).at(before // SECOND)
    codes = enrolling.finish(
        database, KEY, enrolling.Chosen(link=link, login=login, password=PASSWORD, code=number), before
    )
    return Enrolled(person_id=added.id, login=login, secret=begun.secret, codes=codes)
