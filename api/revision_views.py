"""What the routes of revisions take and answer: drafts, acts, counts, and a revision as everybody may read it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from api.views import Closed, when
from protocol.council import standing
from protocol.council.acts import Act, Choice, Verdict
from protocol.council.blockers import Need, blockers
from protocol.council.rules import Rules
from protocol.names import Slug
from store.revisions.keeping import Revision

Words = Annotated[str, Field(max_length=4_000)]


class CouncilIn(Closed):
    """The council's rules, as docs/revisions.md has them."""

    rules: Annotated[str, Field(max_length=20_000)]


class CouncilOut(Closed):
    """A council: who votes for each agency, the agencies without one of which nothing is decided, and its times."""

    council: Slug
    electors: dict[Slug, list[Slug]]
    advocacy: list[Slug]
    quorum: str
    times: dict[str, str]


class DraftIn(Closed):
    """A draft. ``text`` by default the one in force, ``plan`` what becomes of open cases: without one they stay.

    ``emergency`` is signed instead of voted, and ratified later. ``effective_at``: not before then.
    """

    text: Annotated[str, Field(max_length=300_000)] | None = None
    plan: Annotated[str, Field(max_length=100_000)] | None = None
    aims: Words = ""
    emergency: bool = False
    effective_at: AwareDatetime | None = None


class NewIn(DraftIn):
    """A draft of a protocol."""

    protocol: Slug


class ActIn(Closed):
    """What somebody does with a revision. ``bundle`` is what they read: what is voted on, to the byte."""

    act: Literal[
        "comment", "answer", "vote", "recuse", "consent", "veto", "sign", "sign-way-back", "observe", "withdraw"
    ]
    bundle: Annotated[str, Field(max_length=64)] = ""
    choice: Choice | None = None
    units: list[Annotated[str, Field(max_length=200)]] = Field(default_factory=list, max_length=200)
    says: Words = ""
    seat: Annotated[str, Field(max_length=64)] = ""
    answers: int | None = None
    verdict: Verdict | None = None


class WeighedOut(Closed):
    """One change: its rule, how grave it is, one sentence, who must agree."""

    unit: str
    code: str
    grade: str
    says: str
    consent: list[Slug]


class TallyOut(Closed):
    """The count so far."""

    votes_for: int
    against: int
    abstained: int
    electors: int
    recused: list[Slug]
    consented: list[Slug]
    lacks: str


class DoneOut(Closed):
    """One act, as everybody may read it. ``number`` is what an answer names."""

    number: int
    at: datetime | None
    act: str
    agency: Slug
    choice: str | None
    units: list[str]
    says: str
    seat: str
    answers: int | None
    verdict: str | None
    counts: bool


class BlockerOut(Closed):
    """Something that it needs to come into force: whether it is met, who clears it, what the votes lack as a code."""

    need: Need
    met: bool
    waits_on: list[str]
    lacks: str


class RevisionOut(Closed):
    """A revision as it stands. ``until``: when that changes by itself; ``because``: a code, why it ended or is held."""

    number: int
    protocol: Slug
    state: str
    since: datetime | None
    until: datetime | None
    because: str
    waits_on: list[str]
    blockers: list[BlockerOut]
    obliged: list[Slug]
    worst: str
    majority: str
    changes: list[WeighedOut]
    tally: TallyOut | None
    seats: list[str]
    bundle: str
    submitted: bool
    base: str
    sponsor: Slug
    emergency: bool
    aims: str
    effective_at: datetime | None
    run: str | None
    text: str
    plan: str | None
    acts: list[DoneOut]


def council_out(found: Rules) -> CouncilOut:
    """A council's rules as everybody may read them."""
    parts = ("comment", "comment_on_words", "ballot", "effective_after", "sign_within", "ratify_within")
    return CouncilOut(
        council=found.council,
        electors={agency: list(roles) for agency, roles in found.electors.items()},
        advocacy=list(found.advocacy),
        quorum=found.quorum,
        times={each.replace("_", " "): getattr(found, each).says for each in parts},
    )


def revision_out(rules: Rules, found: Revision) -> RevisionOut:
    """A revision as everybody may read it. A draft that was not submitted shows its changes as soon as it compiles."""
    draft, stands = found.draft, found.standing
    tally = stands.tally
    return RevisionOut(
        number=draft.number,
        protocol=draft.slug,
        state=stands.state.value,
        since=when(stands.since),
        until=when(stands.until),
        because=stands.because,
        waits_on=list(stands.waits_on),
        blockers=[
            BlockerOut(need=each.need, met=each.met, waits_on=list(each.waits_on), lacks=each.lacks)
            for each in blockers(rules, draft.sponsor, stands, found.acts)
        ],
        obliged=list(stands.obliged),
        worst=stands.worst.says if stands.changes else "",
        majority=stands.worst.majority if stands.changes else "",
        changes=[
            WeighedOut(unit=each.unit, code=each.code, grade=each.tag.says, says=each.says, consent=list(each.consent))
            for each in stands.changes
        ],
        tally=None
        if tally is None
        else TallyOut(
            votes_for=tally.votes_for,
            against=tally.against,
            abstained=tally.abstained,
            electors=tally.electors,
            recused=list(tally.recused),
            consented=list(tally.consented),
            lacks=tally.because,
        ),
        seats=list(standing.signers(rules, stands.changes)) if stands.changes else [],
        bundle=draft.bundle,
        submitted=stands.bundle == draft.bundle,
        base=draft.base,
        sponsor=draft.sponsor,
        emergency=draft.emergency,
        aims=draft.aims,
        effective_at=when(stands.effective_at or draft.effective_at),
        run=draft.run,
        text=draft.text,
        plan=draft.plan,
        acts=[_done(number, each, stands.bundle) for number, each in enumerate(found.acts)],
    )


def _done(number: int, act: Act, bundle: str | None) -> DoneOut:
    return DoneOut(
        number=number,
        at=when(act.at),
        act=act.kind.value,
        agency=act.agency,
        choice=act.choice and act.choice.value,
        units=list(act.units),
        says=act.says,
        seat=act.seat,
        answers=act.answers,
        verdict=act.verdict and act.verdict.value,
        counts=act.bundle == bundle,
    )
