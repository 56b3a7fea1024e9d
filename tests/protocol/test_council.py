"""How a council decides: by its own rules, on what was read to the byte, and never without whom it obliges."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.council.acts import Act, Choice, Kind, Verdict, Weighed, bundle_hash
from protocol.council.allowed import must
from protocol.council.rules import Rules, read_rules
from protocol.council.standing import Standing, State, signers, standing
from protocol.engine import clocks
from protocol.errors import HandoffError, SpecError
from protocol.revising.changes import Tag
from protocol.state import Instant

DOCUMENT = Path(__file__).parents[2] / "docs" / "revisions.md"
RULES = """
council: county
timezone: America/Chicago
closed: [2026-11-26, 2026-11-27]
electors: {program: supervisor, police: [chief, captain], court: clerk, jail: sheriff}
advocacy: program
"""
MONDAY = clocks.instant(datetime(2026, 11, 2, 16, tzinfo=UTC))
DAY = 24 * clocks.HOUR
LEADS = {"program": "supervisor", "police": "chief", "court": "clerk", "jail": "sheriff"}
AGENCIES = tuple(LEADS)


def change(
    tag: Tag, *consent: str, unit: str = "step:referral", owners: tuple[str, ...] = (), code: str = "D00"
) -> Weighed:
    return Weighed(unit=unit, code=code, tag=tag, says=f"{unit} {tag.says}.", consent=consent, owners=owners)


TIGHTER = change(Tag.TIGHTENS)


@dataclass
class Case:
    """A revision in a council's hands, and the instant."""

    rules: Rules = field(default_factory=lambda: read_rules(RULES))
    bundle: str = "first"
    now: Instant = MONDAY
    acts: list[Act] = field(default_factory=list)
    sponsor: str = "court"

    @property
    def stands(self) -> Standing:
        return standing(self.rules, self.sponsor, self.bundle, self.acts, MONDAY, self.now)

    def do(self, kind: Kind, agency: str = "court", *, role: str | None = None, **more: object) -> Standing:
        act = Act(kind=kind, at=self.now, by=f"{agency}-1", agency=agency, **{"bundle": self.bundle, **more})  # type: ignore[arg-type]
        must(self.rules, self.stands, act, (role or LEADS[agency],))
        self.acts.append(act)
        return self.stands

    def recorded(self, kind: Kind) -> Standing:
        """What the installation does by itself."""
        self.acts.append(Act(kind=kind, at=self.now, by="x", agency="court", bundle=self.bundle))
        return self.stands

    def submit(self, *changes: Weighed, emergency: bool = False) -> Standing:
        return self.do(Kind.SUBMITTED, changes=changes, emergency=emergency)

    def to_ballot(self) -> None:
        until = self.stands.until
        assert self.stands.state is State.COMMENT
        assert until is not None
        self.now = until

    def vote(self, **votes: Choice) -> Standing:
        for agency, choice in votes.items():
            self.now += 1
            self.do(Kind.VOTED, agency, choice=choice)
        return self.stands


def submitted(*changes: Weighed) -> Case:
    """One that has come to its ballot."""
    case = Case()
    case.submit(*changes)
    case.to_ballot()
    return case


def code_of(case: Case, kind: Kind, agency: str, **more: object) -> str:
    with pytest.raises(HandoffError) as caught:
        case.do(kind, agency, **more)  # type: ignore[arg-type]
    return caught.value.code


def everybody(choice: Choice) -> dict[str, Choice]:
    return dict.fromkeys(AGENCIES, choice)


def test_from_draft_to_the_end_of_its_observation() -> None:
    """Comment for ten working days, a ballot, five working days to train, then three months are looked at."""
    case = Case()
    assert case.submit(TIGHTER).state is State.COMMENT
    until = clocks.moment(case.stands.until or 0).astimezone(ZoneInfo("America/Chicago"))
    assert (until.month, until.day, until.hour) == (11, 17, 0)
    case.to_ballot()
    adopted = case.vote(**everybody(Choice.FOR))
    at = clocks.moment(adopted.effective_at or 0).astimezone(ZoneInfo("America/Chicago"))
    # Five working days on is Tuesday 24th; the 25th would be the eve of a closed day.
    assert (adopted.state, at.month, at.day, at.hour) == (State.ADOPTED, 11, 24, 9)
    case.now = adopted.effective_at or 0
    assert case.recorded(Kind.PUBLISHED).state is State.OBSERVED
    for _ in range(3):
        case.now += 30 * DAY
        case.do(Kind.OBSERVED, role="coordinator", verdict=Verdict.MET)
    assert case.stands.state is State.CLOSED


def test_a_text_never_comes_into_force_on_a_friday_or_before_a_closed_day() -> None:
    """Adopted on any day, it is effective at nine on a working day that is followed by one."""
    rules = read_rules(RULES)
    for day in range(60):
        at = clocks.moment(rules.effective(MONDAY + day * DAY, None)).astimezone(ZoneInfo("America/Chicago"))
        assert at.weekday() < 4
        assert at.hour == 9
        assert str(at.date()) not in {"2026-11-25", "2026-11-26", "2026-11-27"}


@given(changed=st.sampled_from(("base", "text", "plan", "aims", "emergency")), byte=st.text(min_size=1, max_size=3))
def test_one_changed_byte_makes_another_bundle(changed: str, byte: str) -> None:
    """Text, plan, aims and what it is held against: a vote holds for none but what was read."""
    was = {"base": "b", "text": "t", "plan": "p", "aims": "a", "emergency": False}
    now = {**was, changed: True if changed == "emergency" else f"{was[changed]}{byte}"}
    assert bundle_hash(**was) != bundle_hash(**now)  # type: ignore[arg-type]


def test_votes_on_another_bundle_are_void() -> None:
    """Written anew in its ballot, a revision is a draft; submitted again with a subset, its ballot begins at once."""
    two = (TIGHTER, change(Tag.TIGHTENS, unit="step:call"))
    case = submitted(*two)
    case.vote(program=Choice.FOR, police=Choice.FOR)
    case.bundle = "second"
    assert (case.stands.state, case.stands.because) == (State.DRAFT, "written-anew")
    assert code_of(case, Kind.VOTED, "jail", choice=Choice.FOR) == "BUNDLE_CHANGED"
    assert case.submit(TIGHTER).state is State.BALLOT
    tally = case.stands.tally
    assert tally is not None
    assert (tally.votes_for, tally.waits_on) == (0, tuple(sorted(AGENCIES)))


def test_more_than_a_subset_is_commented_again() -> None:
    """A change that nobody could comment on before goes through the whole window."""
    case = submitted(TIGHTER)
    case.bundle = "second"
    assert case.submit(TIGHTER, change(Tag.LOOSENS, unit="step:call")).state is State.COMMENT


def test_nobody_votes_itself_more_time() -> None:
    """An agency whose own duty gets more time must agree, and its vote is not taken."""
    case = submitted(change(Tag.LOOSENS, "police", "program", owners=("police",)))
    tally = case.stands.tally
    assert tally is not None
    assert tally.recused == ("police",)
    assert code_of(case, Kind.VOTED, "police", choice=Choice.FOR) == "RECUSED"
    case.vote(program=Choice.FOR, court=Choice.FOR, jail=Choice.FOR)
    assert case.stands.waits_on == ("police", "program")
    case.do(Kind.CONSENTED, "police")
    assert case.do(Kind.CONSENTED, "program").state is State.ADOPTED


def test_silence_of_whom_it_obliges_is_no_consent() -> None:
    """All vote for it, one obliged agency says nothing: it lapses."""
    case = submitted(change(Tag.MOVES, "jail"))
    case.vote(**everybody(Choice.FOR))
    case.now = case.stands.until or 0
    assert (case.stands.state, case.stands.because) == (State.LAPSED, "consent")


def test_a_veto_is_not_outvoted() -> None:
    """An obliged agency's veto ends it; without what it names, it goes straight to the ballot."""
    own, other = change(Tag.MOVES, "jail", unit="step:check"), change(Tag.TIGHTENS, unit="step:call")
    case = submitted(own, other)
    case.vote(program=Choice.FOR, court=Choice.FOR, police=Choice.FOR)
    assert code_of(case, Kind.VETOED, "jail", units=("step:call",), says="no cell") == "VETO_UNITS"
    assert code_of(case, Kind.VETOED, "jail", units=("step:check",)) == "REASON_NEEDED"
    assert code_of(case, Kind.VETOED, "court", units=("step:check",), says="no") == "NOT_OBLIGED"
    ended = case.do(Kind.VETOED, "jail", units=("step:check",), says="we have nobody at night")
    assert (ended.state, ended.because) == (State.REJECTED, "vetoed")
    case.bundle = "without it"
    assert case.submit(other).state is State.BALLOT


def test_without_advocacy_there_is_no_quorum() -> None:
    """Three of four vote for it and no advocate does: it lapses."""
    case = submitted(TIGHTER)
    case.vote(police=Choice.FOR, court=Choice.FOR, jail=Choice.FOR)
    case.now = case.stands.until or 0
    assert (case.stands.state, case.stands.because) == (State.LAPSED, "advocacy")


@pytest.mark.parametrize(
    ("tag", "votes", "because"),
    [
        (Tag.TIGHTENS, "for for against abstain", ""),
        (Tag.TIGHTENS, "for for against against", "majority"),
        (Tag.MOVES, "for abstain abstain abstain", "sponsor-alone"),
        (Tag.SAFEGUARD, "for for for against", ""),
        (Tag.SAFEGUARD, "for for against abstain", ""),
        (Tag.SAFEGUARD, "for for against against", "majority"),
        (Tag.KNOWS, "abstain for against abstain", "majority"),
        (Tag.EDITORIAL, "abstain abstain abstain abstain", ""),
        (Tag.EDITORIAL, "abstain against abstain abstain", "majority"),
        (Tag.LOOSENS, "abstain abstain abstain abstain", "majority"),
    ],
)
def test_majorities(tag: Tag, votes: str, because: str) -> None:
    """More for than against; two thirds where somebody knows more or a safeguard goes; words pass by silence."""
    case = submitted(change(tag))
    stands = case.vote(**dict(zip(("court", "program", "police", "jail"), map(Choice, votes.split()), strict=True)))
    assert (stands.state, stands.because) == (State.REJECTED if because else State.ADOPTED, because)


@given(
    tag=st.sampled_from(Tag),
    votes=st.dictionaries(st.sampled_from(AGENCIES), st.sampled_from(Choice)),
    consents=st.sets(st.sampled_from(AGENCIES)),
    obliged=st.sets(st.sampled_from(AGENCIES)),
)
def test_what_is_adopted_had_every_consent_advocacy_and_no_majority_against(
    tag: Tag, votes: dict[str, Choice], consents: set[str], obliged: set[str]
) -> None:
    """Adopted means: all obliged agreed and, but for words, advocacy answered and more were for it than against."""
    case = submitted(change(tag, *sorted(obliged)))
    for agency in sorted(consents & obliged):
        case.do(Kind.CONSENTED, agency)
    for agency, choice in votes.items():
        if case.stands.state is State.BALLOT:
            case.vote(**{agency: choice})
    if case.stands.state is State.BALLOT:
        case.now = case.stands.until or 0
    if case.stands.state is not State.ADOPTED:
        return
    numbers = [sum(each is choice for each in votes.values()) for choice in (Choice.FOR, Choice.AGAINST)]
    assert obliged <= consents
    assert tag is Tag.EDITORIAL or numbers[0] > numbers[1]
    assert tag is Tag.EDITORIAL or "program" in (votes.keys() | (consents & obliged))
    assert tag < Tag.KNOWS or numbers[0] >= 2 * numbers[1]


@pytest.mark.parametrize("tag", [Tag.LOOSENS, Tag.MOVES, Tag.KNOWS, Tag.SAFEGUARD])
def test_no_emergency_gives_time_or_drops_a_rung(tag: Tag) -> None:
    """Needing time is a pause and never a text; a backup of the same agency is let in."""
    urgent = change(tag, "police", "court", owners=("police",), code="D31")
    assert code_of(Case(), Kind.SUBMITTED, "court", changes=(urgent,), emergency=True) == "NO_EMERGENCY"
    backup = replace(urgent, consent=("police",))
    assert Case().submit(backup, emergency=True).state is State.SIGNING


def in_emergency() -> Case:
    """One that was signed by all and is in force."""
    case = Case()
    case.submit(change(Tag.TIGHTENS, "police", owners=("police",)), emergency=True)
    assert signers(case.rules, case.stands.changes) == ("coordinator", "police", "program")
    assert code_of(case, Kind.SIGNED, "court", seat="police") == "NOT_A_SIGNER"
    for seat, agency, role in (("coordinator", "court", "coordinator"), ("police", "police", None)):
        case.do(Kind.SIGNED, agency, role=role, seat=seat)
    assert case.stands.waits_on == ("program",)
    assert case.do(Kind.SIGNED, "program", seat="program").effective_at == case.now
    case.recorded(Kind.PUBLISHED)
    return case


def test_an_emergency_lives_at_once_and_is_ratified() -> None:
    """Signed by coordinator, owner and advocacy it is in force; a majority keeps it."""
    case = in_emergency()
    assert case.stands.state is State.RATIFYING
    assert case.vote(**everybody(Choice.FOR)).state is State.OBSERVED


@pytest.mark.parametrize("choice", [None, Choice.AGAINST])
def test_an_emergency_that_nobody_ratifies_goes_back_after_fourteen_days(choice: Choice | None) -> None:
    """Voted down at once, or left alone to the end of the fourteenth day: it is to be taken back."""
    case = in_emergency()
    if choice is not None:
        case.vote(**everybody(choice))
    else:
        case.now += 14 * DAY - 1
        assert case.stands.state is State.RATIFYING
        case.now += 1
    assert (case.stands.state, case.stands.because) == (State.REVERTING, "not-ratified")
    assert case.recorded(Kind.REVERTED).state is State.REVERTED


def test_an_emergency_that_is_not_signed_in_time_lapses() -> None:
    """After four hours it is nothing, and can be submitted anew."""
    case = Case()
    case.submit(TIGHTER, emergency=True)
    case.now += 4 * clocks.HOUR
    assert (case.stands.state, case.stands.because) == (State.LAPSED, "unsigned")
    assert case.submit(TIGHTER).state is State.COMMENT


def test_who_signed_it_in_takes_it_back() -> None:
    """The coordinator, whose duty it is and advocacy together lead the way back, at any time."""
    case = submitted(change(Tag.TIGHTENS, "jail", owners=("jail",)))
    case.do(Kind.CONSENTED, "jail")
    case.vote(**everybody(Choice.FOR))
    case.now = case.stands.effective_at or 0
    case.recorded(Kind.PUBLISHED)
    for seat, agency, role in (
        ("coordinator", "court", "coordinator"),
        ("jail", "jail", None),
        ("program", "program", None),
    ):
        assert case.stands.state is State.OBSERVED
        case.do(Kind.REVERT_SIGNED, agency, role=role, seat=seat)
    assert (case.stands.state, case.stands.because) == (State.REVERTING, "signed")


def test_what_is_out_of_its_time_is_turned_down() -> None:
    """No vote in the comment window, none by who is no elector, no second submission of the same, nothing once over."""
    case = Case()
    assert code_of(case, Kind.VOTED, "jail", choice=Choice.FOR) == "BUNDLE_CHANGED"
    assert code_of(case, Kind.SUBMITTED, "court") == "NOTHING_CHANGES"
    case.submit(TIGHTER)
    assert code_of(case, Kind.VOTED, "jail", choice=Choice.FOR) == "NOT_NOW"
    assert code_of(case, Kind.SUBMITTED, "court", changes=(TIGHTER,)) == "NOTHING_CHANGES"
    case.to_ballot()
    assert code_of(case, Kind.VOTED, "jail", choice=Choice.FOR, role="warden") == "NO_ELECTOR"
    assert case.do(Kind.WITHDRAWN).state is State.WITHDRAWN
    assert code_of(case, Kind.SUBMITTED, "court", changes=(TIGHTER,)) == "NOT_NOW"


def test_an_idle_draft_is_closed() -> None:
    """Ninety days after it was last touched."""
    case = Case()
    case.now += 90 * DAY
    assert (case.stands.state, case.stands.because) == (State.CLOSED, "idle")


@pytest.mark.parametrize(
    ("was", "written", "line", "code"),
    [
        ("advocacy: program", "advocacy: shelter", 1, "WRONG_SHAPE"),
        ("timezone: America/Chicago", "timezone: Chicago", 3, "WRONG_SHAPE"),
        ("council: county", "council: county\nquorum: 3/2", 3, "WRONG_SHAPE"),
        ("council: county", "council: county\nballot: soon", 3, "WRONG_SHAPE"),
        ("council: county", "council: county\nquorom: 2/3", 3, "UNKNOWN_KEY"),
        ("advocacy: program", "", 2, "MISSING_KEY"),
    ],
)
def test_rules_that_are_no_rules_are_turned_down_at_their_line(was: str, written: str, line: int, code: str) -> None:
    """Each slip has its place and a stable code."""
    with pytest.raises(SpecError) as caught:
        read_rules(RULES.replace(was, written))
    (finding,) = caught.value.findings
    assert finding.code == code
    assert finding.place.line == line or code == "MISSING_KEY" or line == 1


def test_the_rules_that_the_document_shows_are_rules() -> None:
    """What docs/revisions.md gives as an example is read, and leaving out what it may leave out changes nothing."""
    (example,) = re.findall(r"^```yaml\n(.*?)^```$", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    short = example[: example.index("quorum:")]
    assert read_rules(example) == read_rules(short)
