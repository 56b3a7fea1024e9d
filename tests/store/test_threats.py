"""Imminent threat, break-glass and shields: a second person, few hours, and nothing that is not written down."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import insert

from store import people, protocols, vault
from store.custodian.port import Pane
from store.edge_tables import person, person_role
from store.plain import Plain
from store.policy import Subject
from store.policy.values import may_open
from store.releases import acts, filing, glass, log, opening, shields, threats, words
from store.releases.acts import Wanted
from store.releases.document import DAY, HOUR, MINUTE, Ground
from store.releases.filing import Filed
from store.releases.glass import Glass, Reason
from store.releases.words import Says
from tests.store.releasing import CANARY, House, house, on_sqlite
from tests.store.test_releases import code_of

REASON = Plain("canary of the reason")
WANTED = Wanted(agency="police", role="sergeant", fields=("safe-numbers",), until=0, ground=Ground.THREAT_TO_LIFE)
SERGEANT = {
    "id": "sergeant-1", "name": "Sergeant One", "agency": "police", "kind": "person", "email": None, "sources": "[]",
    "token_hash": "-", "active": True,
}  # fmt: skip
PROFILE = ("case-conference", "mandated-report")
HEARD = replace(WANTED, ground=Ground.CASE_CONFERENCE, person="sergeant-1")


@pytest.fixture
def made(template: Path, tmp_path: Path) -> Iterator[House]:
    """The house on SQLite with advocacy's keys, and a legal profile, at its keyholder."""
    with (
        on_sqlite(template, tmp_path) as database,
        tempfile.TemporaryDirectory() as run,
        house(database, tmp_path, Path(run), keyholder=True, grounds=PROFILE) as found,
    ):
        yield found


def asked(made: House, wanted: Wanted = WANTED, reason: Plain | None = REASON) -> Filed:
    """An advocate asks."""
    who = made.who("advocate", "advocacy", "advocate")
    return threats.ask(made.database, made.custodian, who, "case-1", wanted, reason=reason, now=made.now)


def lawfully(made: House, wanted: Wanted = HEARD, grounds: Sequence[str] = PROFILE) -> Filed:
    """An advocate asks on a ground of the law, where the installation's profile names these."""
    who = made.who("advocate", "advocacy", "advocate")
    with made.database.write() as connection:
        known = people.subject_of(connection, "sergeant-1")
        if known is None:
            connection.execute(insert(person).values(SERGEANT))
            connection.execute(insert(person_role).values(person_id="sergeant-1", role="sergeant"))
    return threats.ask(
        *(made.database, made.custodian, who, "case-1", wanted), reason=REASON, now=made.now, grounds=grounds
    )


def say(made: House, filed: Filed, who: Subject, *, yes: bool) -> Filed:
    """Somebody answers."""
    return threats.answer(made.database, made.custodian, who, filed.release.id, yes=yes, now=made.now)


def supervisor(made: House) -> Subject:
    """Who leads."""
    return made.who("supervisor", "advocacy", "supervisor")


def sergeant(made: House) -> Subject:
    """Who has to be told."""
    return made.who("sergeant", "police", "sergeant")


def look(made: House, filed: Filed) -> dict[str, str]:
    """What the recipient sees."""
    found = opening.view(made.database, made.custodian, sergeant(made), filed.release.id, made.now)
    return {field: value.reveal() for field, value in found.items()}


def told(made: House, who: Subject) -> set[Says]:
    """What somebody was told."""
    with made.database.read() as connection:
        return {each.says for each in words.told(connection, who, made.now)}


def test_a_supervisors_yes_lets_it_be_seen_once(made: House) -> None:
    """Before the yes nothing; then one look, of the field named, in the log by its own ground; then none."""
    filed = asked(made)
    assert code_of(look, made, filed) == "RELEASE_NOT_YET"
    assert told(made, supervisor(made)) == {Says.THREAT_ASKED}
    assert told(made, sergeant(made)) == set()
    yes = say(made, filed, supervisor(made), yes=True)
    assert threats.review_due(yes) is None
    assert told(made, sergeant(made)) == {Says.SHARED}
    assert look(made, filed) == {"safe-numbers": CANARY}
    assert code_of(look, made, filed) == "RELEASE_USED"
    with made.database.read() as connection:
        lines = log.lines(connection, "advocacy", "case-1")
    assert [(each.ground, each.opened) for each in lines] == [
        (Ground.THREAT_TO_LIFE, True),
        (Ground.THREAT_TO_LIFE, False),
    ]


def test_it_ends_after_four_hours_unseen(made: House) -> None:
    """One who did not look within four hours of the yes sees nothing."""
    filed = asked(made)
    say(made, filed, supervisor(made), yes=True)
    made.later(4 * HOUR)
    assert code_of(look, made, filed) == "RELEASE_EXPIRED"


def test_without_an_answer_it_goes_ahead_and_is_reviewed(made: House) -> None:
    """Ten minutes later it opens, with the keyholder's person gone; a lead has 24 hours to review it."""
    filed = asked(made)
    made.later(9 * MINUTE)
    assert code_of(look, made, filed) == "RELEASE_NOT_YET"
    assert code_of(threats.review, made.database, supervisor(made), filed.release.id, made.now) == "NOTHING_TO_REVIEW"
    made.later(MINUTE)
    assert told(made, supervisor(made)) == {Says.THREAT_ASKED, Says.THREAT_REVIEW}
    assert told(made, sergeant(made)) == {Says.SHARED}
    assert look(made, filed)
    assert code_of(say, made, filed, supervisor(made), yes=True) == "ANSWER_LATE"
    assert threats.review_due(filed) == filed.release.starts + DAY
    advocate = made.who("advocate", "advocacy", "advocate")
    assert code_of(threats.review, made.database, advocate, filed.release.id, made.now) == "NOT_FOUND"
    done = threats.review(made.database, supervisor(made), filed.release.id, made.now)
    assert done.reviewed_by == "supervisor-1"
    with made.database.read() as connection:
        assert [each.release.id for each in threats.to_see(connection, supervisor(made))] == [filed.release.id]
        assert threats.to_see(connection, made.who("planner", "advocacy", "planner")) == ()


def test_a_no_keeps_it_in(made: House) -> None:
    """After a no nothing ever opens, at the custodian as well, and the recipient is not told."""
    filed = asked(made)
    say(made, filed, supervisor(made), yes=False)
    made.later(11 * MINUTE)
    assert told(made, sergeant(made)) == set()
    assert told(made, supervisor(made)) == {Says.THREAT_ASKED}
    assert code_of(look, made, filed) == "RELEASE_REVOKED"
    assert code_of(say, made, filed, supervisor(made), yes=True) == "ANSWERED"


def test_a_case_is_heard_without_consent_by_ground_and_approver(made: House) -> None:
    """Nothing before a second person's yes, however long it takes; then one look, in the log by ground (T16)."""
    filed = lawfully(made)
    assert (filed.signature, threats.review_due(filed)) == (None, None)
    assert told(made, supervisor(made)) == {Says.DISCLOSURE_ASKED}
    made.later(2 * DAY)
    assert (code_of(look, made, filed), told(made, sergeant(made))) == ("NOT_FOUND", set())
    who = made.who("advocate", "advocacy", "advocate")
    assert code_of(say, made, filed, who, yes=True) == "NOT_FOUND"
    unsigned = replace(filed.release, starts=made.now, ends=made.now + DAY)
    for claimed in (unsigned, replace(unsigned, approved_by=filed.release.drafted_by)):
        assert code_of(made.custodian.sign, acts.grant_of(who), claimed) == "APPROVER_MISSING"
    yes = say(made, filed, supervisor(made), yes=True)
    assert (yes.release.approved_by, yes.answered and yes.answered.by) == ("supervisor-1", "supervisor-1")
    assert code_of(threats.review, made.database, supervisor(made), filed.release.id, made.now) == "NOTHING_TO_REVIEW"
    assert look(made, filed) == {"safe-numbers": CANARY}
    assert code_of(look, made, filed) == "RELEASE_USED"
    with made.database.read() as connection:
        lines = log.lines(connection, "advocacy", "case-1")
    assert {each.ground for each in lines} == {Ground.CASE_CONFERENCE}
    assert "because agencies met about your safety" in log.as_letter(lines, "en", "America/Chicago")
    assert "varios organismos se reunieron" in log.as_letter(lines, "es", "America/Chicago")


def test_without_a_yes_nothing_is_heard(made: House) -> None:
    """After three days the asking is over and nothing left; a no ends it at once."""
    late, denied = lawfully(made), lawfully(made)
    say(made, denied, supervisor(made), yes=False)
    assert code_of(look, made, denied) == "NOT_FOUND"
    made.later(3 * DAY)
    assert code_of(say, made, late, supervisor(made), yes=True) == "ANSWER_LATE"
    assert code_of(look, made, late) == "NOT_FOUND"


def test_a_mandated_report_goes_ahead_as_a_threat_does(made: House) -> None:
    """Ten minutes without an answer and it may be looked at, once; a lead reviews it."""
    filed = lawfully(made, replace(HEARD, ground=Ground.MANDATED_REPORT, person=None))
    made.later(10 * MINUTE)
    assert told(made, supervisor(made)) == {Says.DISCLOSURE_ASKED, Says.DISCLOSURE_REVIEW}
    assert look(made, filed) == {"safe-numbers": CANARY}
    assert threats.review(made.database, supervisor(made), filed.release.id, made.now).reviewed_by == "supervisor-1"


def test_a_ground_that_no_profile_names_opens_nothing(made: House) -> None:
    """Without a profile nothing; and what the installation's alone names, the agency's keyholder does not sign."""
    assert code_of(lawfully, made, HEARD, ()) == "GROUND_NOT_ALLOWED"
    order = replace(HEARD, ground=Ground.COURT_ORDER)
    assert code_of(lawfully, made, order) == "GROUND_NOT_ALLOWED"
    filed = lawfully(made, order, (*PROFILE, "court-order"))
    assert code_of(say, made, filed, supervisor(made), yes=True) == "GROUND_NOT_ALLOWED"
    assert code_of(look, made, filed) == "NOT_FOUND"
    assert code_of(lawfully, made, replace(HEARD, person=None)) == "PERSON_MISSING"


def test_nobody_says_yes_to_their_own(made: House) -> None:
    """A supervisor who asked needs another; who does not lead is not asked; a release is no threat."""
    who = made.who("supervisor", "advocacy", "supervisor", "advocate")
    own = threats.ask(made.database, made.custodian, who, "case-1", WANTED, reason=REASON, now=made.now)
    assert code_of(say, made, own, who, yes=True) == "NOT_FOUND"
    assert code_of(say, made, own, made.who("planner", "advocacy", "planner"), yes=True) == "NOT_FOUND"
    assert code_of(say, made, own, sergeant(made), yes=True) == "NOT_FOUND"
    release = made.release(made.who("advocate", "advocacy", "advocate"))
    assert code_of(say, made, release, supervisor(made), yes=True) == "NOT_FOUND"


def test_a_threat_without_its_reason_is_not_told(made: House) -> None:
    """No reason, no danger named, no field: nothing is kept."""
    assert code_of(asked, made, WANTED, None) == "REASON_MISSING"
    assert code_of(asked, made, WANTED, Plain(" ")) == "REASON_MISSING"
    assert code_of(asked, made, replace(WANTED, ground=Ground.RELEASE)) == "GROUND_WRONG"
    assert code_of(asked, made, replace(WANTED, fields=())) == "NO_FIELDS"
    with made.database.read() as connection:
        assert filing.owned(connection, "advocacy") == ()


def test_the_key_signs_no_long_threat(made: House) -> None:
    """A caller that keeps to no rule of ours cannot make a threat a release: four hours, safety of life."""
    filed, who = asked(made), made.who("advocate", "advocacy", "advocate")
    longer = replace(filed.release, ends=filed.release.ends + 1)
    assert code_of(made.custodian.sign, acts.grant_of(who), longer) == "UNTIL_TOO_FAR"
    as_release = replace(filed.release, ground=Ground.RELEASE)
    assert code_of(made.custodian.sign, acts.grant_of(who), as_release) == "PURPOSE_WRONG"


PLANNER = Subject(person_id="planner-1", name="Planner", agency="advocacy", roles=("planner",))
LEGAL = Subject(person_id="legal-1", name="Legal", agency="advocacy", roles=("legal-advocate",))
LEAD = Subject(person_id="lead-1", name="Lead", agency="advocacy", roles=("supervisor",))


def broken(made: House, who: Subject = PLANNER, minutes: int = 60, said: Plain | None = REASON) -> Glass:
    """Somebody asks to see a case that is not theirs, where keys are on the installation's own machine."""
    local, reason = made.custodian.local, Reason.NOBODY_REACHED
    return glass.ask(made.database, local, who, "case-1", reason, minutes=minutes, said=said, now=made.now)


def answered(made: House, who: Subject, id_: str, *, yes: bool) -> Glass:
    """Somebody answers there."""
    return glass.answer(made.database, made.custodian.local, who, id_, yes=yes, now=made.now)


def may(made: House, who: Subject) -> tuple[bool, str]:
    """Whether somebody may open a value, and on what ground."""
    with made.database.read() as connection:
        open_to = frozenset(glass.broken(connection, "advocacy", "case-1", made.now))
        protocol = protocols.current(connection, "post-arrest-advocacy").protocol
        found = may_open(connection, who, protocol, "case-1", "safe-numbers", open_to)
    return found.allowed, found.ground


def test_a_second_persons_yes_opens_one_case_for_some_hours(made: House) -> None:
    """Not before the yes, not after the hours, for nobody else; by a ground of its own; leads are told and see it."""
    asked_for = broken(made)
    assert may(made, PLANNER) == (False, "none")
    assert told(made, LEAD) == {Says.GLASS_ASKED}
    done = answered(made, LEGAL, asked_for.id, yes=True)
    assert may(made, PLANNER) == (True, "person+keeper+broken-glass")
    assert may(made, LEGAL) == (False, "none")
    assert told(made, LEAD) == {Says.GLASS_ASKED, Says.GLASS_BROKEN}
    assert code_of(answered, made, LEGAL, done.id, yes=True) == "ANSWERED"
    made.later(HOUR)
    assert may(made, PLANNER) == (False, "none")
    with made.database.read() as connection:
        (listed,) = glass.listed(connection, LEAD, made.now)
        assert (listed.id, listed.state(made.now), listed.second_name) == (done.id, "over", "Legal")
        assert glass.listed(connection, LEGAL, made.now) == ()
        assert glass.listed(connection, sergeant(made), made.now) == ()
        assert glass.listed(connection, LEAD, made.now + 8 * DAY) == ()


def test_glass_is_not_broken_alone(made: House) -> None:
    """No yes to oneself, none from another agency, none after an hour; over four hours or without words not at all."""
    asked_for = broken(made)
    assert code_of(answered, made, PLANNER, asked_for.id, yes=True) == "SELF_APPROVAL"
    assert code_of(answered, made, sergeant(made), asked_for.id, yes=True) == "NOT_FOUND"
    assert code_of(broken, made, PLANNER, 241) == "GLASS_TOO_LONG"
    given = {"minutes": 60, "said": None, "now": made.now}
    assert (
        code_of(glass.ask, made.database, made.custodian.local, PLANNER, "case-1", Reason.OTHER, **given)
        == "REASON_MISSING"
    )
    denied = broken(made)
    answered(made, LEGAL, denied.id, yes=False)
    made.later(HOUR)
    assert code_of(answered, made, LEGAL, asked_for.id, yes=True) == "GLASS_OVER"
    assert may(made, PLANNER) == (False, "none")


def test_the_keyholder_itself_hears_both_who_break_glass(made: House) -> None:
    """It opens by two people who proved themselves there; by no word of whoever runs Handoff, and no other case."""
    planner, legal = made.who("planner", "advocacy", "planner"), made.who("legal", "advocacy", "legal-advocate")
    with made.database.read() as connection:
        refs = list(vault.newest(connection, "advocacy", "case-1", ("safe-numbers",)).values())

    def look_at(who: Subject, id_: str) -> list[str]:
        found = vault.open_values(
            *(made.database, made.custodian, who, "case-1", refs), why="case-page", now=made.now, glass=id_
        )
        return [each.reveal() for each in found.values()]

    def tell(who: Subject, pane: Pane) -> None:
        made.custodian.break_glass(acts.grant_of(who), pane)

    claimed = Pane(glass="claimed", case_id="case-1", minutes=60)
    for nobody in (PLANNER, replace(PLANNER, grant="x" * 43)):
        assert code_of(tell, nobody, claimed) == "GRANT_NEEDED"
    assert code_of(look_at, planner, "claimed") == "GLASS_OVER"
    asked_for = glass.ask(
        *(made.database, made.custodian, planner, "case-1", Reason.DANGER), minutes=60, said=REASON, now=made.now
    )
    pane = replace(claimed, glass=asked_for.id, yes=True)
    assert code_of(tell, planner, pane) == "SELF_APPROVAL"
    assert code_of(tell, legal, replace(pane, case_id="case-2")) == "GLASS_OVER"
    assert code_of(look_at, planner, asked_for.id) == "GLASS_OVER"
    glass.answer(made.database, made.custodian, legal, asked_for.id, yes=True, now=made.now)
    assert look_at(planner, asked_for.id) == [CANARY]
    assert code_of(look_at, legal, asked_for.id) == "GLASS_OVER"
    made.later(6 * MINUTE)
    assert code_of(tell, planner, replace(claimed, glass="later")) == "GRANT_STALE"
    made.later(HOUR)
    planner = made.who("planner", "advocacy", "planner")
    assert code_of(look_at, planner, asked_for.id) == "GLASS_OVER"


def test_glass_opens_nothing_to_who_is_kept_out(made: House) -> None:
    """A shield holds against a second person's yes."""
    with made.database.write() as connection:
        person = people.add_person(connection, name="Planner", agency_id="advocacy", roles=("planner",))
    who = replace(PLANNER, person_id=person.id)
    answered(made, LEGAL, broken(made, who).id, yes=True)
    assert may(made, who)[0]
    shields.set_(made.database, who, "case-1", who.person_id, shields.Reason.KNOWS_SOMEBODY, now=made.now)
    assert may(made, who) == (False, "none")


def test_staff_close_a_case_to_themselves_and_only_a_lead_opens_it(made: House) -> None:
    """Who knows somebody in a case no longer sees it; not they, but a lead who is not shielded, lifts it."""
    with made.database.write() as connection:
        person = people.add_person(connection, name="Planner", agency_id="advocacy", roles=("planner",))
        outside = people.add_person(connection, name="Clerk", agency_id="court", roles=("clerk",))
    who = replace(PLANNER, person_id=person.id)
    reason = shields.Reason.KNOWS_SOMEBODY

    def close(by: Subject, whom: str) -> None:
        shields.set_(made.database, by, "case-1", whom, reason, now=made.now)

    assert code_of(close, who, LEGAL.person_id) == "NOT_FOUND"
    assert code_of(close, LEAD, outside.id) == "UNKNOWN_PERSON"
    close(who, who.person_id)
    with made.database.read() as connection:
        assert code_of(filing.of_case, connection, who, "case-1") == "NOT_FOUND"
        assert code_of(shields.listed, connection, LEGAL, "case-1") == "NOT_FOUND"
        (found,) = shields.listed(connection, LEAD, "case-1")
    assert (found.person, found.reason, found.by) == (who.person_id, "knows-somebody", who.person_id)
    assert Says.SHIELDED in told(made, LEAD)
    assert code_of(shields.lift, made.database, LEGAL, "case-1", who.person_id, now=made.now) == "NOT_FOUND"
    shields.lift(made.database, LEAD, "case-1", who.person_id, now=made.now)
    with made.database.read() as connection:
        assert filing.of_case(connection, who, "case-1").case_id == "case-1"
