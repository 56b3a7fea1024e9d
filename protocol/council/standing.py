"""Where a revision stands at an instant: a fold over what was done, by the council's rules. No clock, no state beside.

draft, comment, ballot, adopted, observed, closed; an end without it is a word of its own: rejected, lapsed, withdrawn,
reverted. An emergency change is signed instead, lives at once, and must be ratified (council.md section 1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from protocol.council.acts import Act, Choice, Kind, Weighed
from protocol.council.counting import Tally, counted, obliged
from protocol.council.rules import Rules
from protocol.engine import clocks
from protocol.names import Slug
from protocol.revising.changes import Tag
from protocol.state import Instant

IDLE = 90 * 24 * clocks.HOUR
"""A draft nobody touches for this long is closed."""
MONTH = 30 * 24 * clocks.HOUR
OBSERVATIONS = 3
COORDINATOR = "coordinator"
"""The seat among an emergency's signers that is the coordinator's; the others are named by agency."""


class State(StrEnum):
    """Where a revision is in its life."""

    DRAFT = "draft"
    COMMENT = "comment"
    BALLOT = "ballot"
    SIGNING = "signing"
    ADOPTED = "adopted"
    HELD = "held"
    RATIFYING = "ratifying"
    OBSERVED = "observed"
    REVERTING = "reverting"
    CLOSED = "closed"
    REJECTED = "rejected"
    LAPSED = "lapsed"
    WITHDRAWN = "withdrawn"
    REVERTED = "reverted"


OVER = {State.CLOSED, State.REJECTED, State.LAPSED, State.WITHDRAWN, State.REVERTED}
"""No later act changes these, but that a rejected or lapsed revision may be written anew and submitted again."""
ANEW = {State.DRAFT, State.COMMENT, State.BALLOT, State.SIGNING, State.HELD, State.REJECTED, State.LAPSED}
"""In these the text may be edited and submitted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a revision stands. ``until``: when the state ends by itself; ``waits_on``: agencies and seats, by need.

    ``because`` is a code: why it ended as it did, or why it is held.
    """

    state: State
    since: Instant
    until: Instant | None = None
    bundle: str | None = None
    changes: tuple[Weighed, ...] = ()
    emergency: bool = False
    effective_at: Instant | None = None
    tally: Tally | None = None
    obliged: tuple[Slug, ...] = ()
    waits_on: tuple[Slug, ...] = ()
    because: str = ""

    @property
    def worst(self) -> Tag:
        """The grade that rules how the council decides."""
        return max((each.tag for each in self.changes), default=Tag.EDITORIAL)


def standing(rules: Rules, sponsor: Slug, bundle: str, acts: Sequence[Act], touched: Instant, now: Instant) -> Standing:
    """Where a revision stands.

    ``bundle`` is its draft's, ``touched`` when that was last written, ``sponsor`` the agency that proposed it. ``acts``
    are those up to ``now``, in their order. A draft written anew since it was submitted is a draft again: nothing that
    was said holds for it.
    """
    submitted = [each for each in acts if each.kind is Kind.SUBMITTED]
    withdrawn = next((each for each in acts if each.kind is Kind.WITHDRAWN), None)
    if withdrawn is not None:
        return Standing(state=State.WITHDRAWN, since=withdrawn.at)
    if not submitted:
        state, since = (State.CLOSED, touched + IDLE) if now >= touched + IDLE else (State.DRAFT, touched)
        return Standing(state=state, since=since, until=touched + IDLE, because="idle" if state is State.CLOSED else "")
    last = submitted[-1]
    if last.bundle != bundle:
        return Standing(state=State.DRAFT, since=touched, until=touched + IDLE, because="written-anew")
    held = [each for each in acts if each.bundle == last.bundle and each.at >= last.at]
    published = next((each for each in held if each.kind is Kind.PUBLISHED), None)
    decided = _signing if last.emergency else _voting
    before = decided(rules, sponsor, submitted, held, now if published is None else published.at)
    if published is None:
        return _held(before, held)
    return _afterwards(rules, sponsor, before, published, held, now)


def _of(last: Act, **more: object) -> Standing:
    plain = {"bundle": last.bundle, "changes": last.changes, "emergency": last.emergency}
    return Standing(**plain, obliged=obliged(last.changes), **more)  # type: ignore[arg-type]


def _voting(rules: Rules, sponsor: Slug, submitted: list[Act], held: list[Act], now: Instant) -> Standing:
    last = submitted[-1]
    opens = max(last.at, _commented_until(rules, submitted))
    ends = rules.ends(opens, rules.ballot)
    if now < opens:
        return _of(last, state=State.COMMENT, since=last.at, until=opens)
    tally = counted(rules, sponsor, last.changes, [each for each in held if each.at < ends])
    if tally.vetoed:
        return _of(last, state=State.REJECTED, since=tally.last_at, tally=tally, because="vetoed")
    decided = tally.last_at if tally.complete else ends if now >= ends else None
    if decided is None:
        return _of(last, state=State.BALLOT, since=opens, until=ends, tally=tally, waits_on=tally.waits_on)
    if tally.passed:
        at = rules.effective(decided, last.effective_at)
        return _of(last, state=State.ADOPTED, since=decided, until=at, effective_at=at, tally=tally)
    state = State.LAPSED if tally.lapsed else State.REJECTED
    return _of(last, state=state, since=decided, tally=tally, because=tally.because)


def _commented_until(rules: Rules, submitted: list[Act]) -> Instant:
    """A bundle whose changes are all among those of an earlier one goes on in that one's comment window."""
    last = submitted[-1]
    mine = {(each.unit, each.code, each.says) for each in last.changes}
    ends = []
    for each in submitted:
        if mine <= {(one.unit, one.code, one.says) for one in each.changes}:
            words = max((one.tag for one in each.changes), default=Tag.EDITORIAL) is Tag.EDITORIAL
            ends.append(rules.ends(each.at, rules.comment_on_words if words else rules.comment))
    return min(ends)


def signers(rules: Rules, last: Sequence[Weighed]) -> tuple[str, ...]:
    """The seats that sign an emergency change or a way back: the coordinator, whose duties change, and advocacy."""
    own = {agency for each in last for agency in (*each.owners, *each.consent)}
    return (COORDINATOR, *sorted(own | {rules.advocacy[0]}))


def _signing(rules: Rules, sponsor: Slug, submitted: list[Act], held: list[Act], now: Instant) -> Standing:
    _ = sponsor
    last = submitted[-1]
    until = rules.ends(last.at, rules.sign_within)
    signed = {each.seat: each.at for each in held if each.kind is Kind.SIGNED and each.at < until}
    missing = tuple(each for each in signers(rules, last.changes) if each not in signed)
    if not missing:
        at = max(signed.values())
        return _of(last, state=State.ADOPTED, since=at, until=at, effective_at=at)
    if now >= until:
        return _of(last, state=State.LAPSED, since=until, because="unsigned", waits_on=missing)
    return _of(last, state=State.SIGNING, since=last.at, until=until, waits_on=missing)


def _held(before: Standing, held: list[Act]) -> Standing:
    """An adopted revision that could not be published says why, until it is submitted anew."""
    why = next((each for each in reversed(held) if each.kind is Kind.HELD), None)
    if why is None or before.state is not State.ADOPTED:
        return before
    return Standing(
        state=State.HELD, since=why.at, bundle=before.bundle, changes=before.changes, emergency=before.emergency,
        tally=before.tally, obliged=before.obliged, because=why.says,
    )  # fmt: skip


def _afterwards(
    rules: Rules, sponsor: Slug, before: Standing, published: Act, held: list[Act], now: Instant
) -> Standing:
    last = Act(
        kind=Kind.SUBMITTED, at=published.at, by=published.by, agency=published.agency, bundle=published.bundle,
        changes=before.changes, emergency=before.emergency,
    )  # fmt: skip
    reverted = next((each for each in held if each.kind is Kind.REVERTED), None)
    if reverted is not None:
        return _of(last, state=State.REVERTED, since=reverted.at)
    signed = {each.seat: each.at for each in held if each.kind is Kind.REVERT_SIGNED}
    missing = tuple(each for each in signers(rules, before.changes) if each not in signed)
    if not missing:
        return _of(last, state=State.REVERTING, since=max(signed.values()), because="signed")
    if before.emergency:
        since, tally = _ratified(rules, sponsor, last, held, now)
        until = rules.ends(published.at, rules.ratify_within)
        if since is None:
            return _of(
                last, state=State.RATIFYING, since=published.at, until=until, tally=tally, waits_on=tally.waits_on
            )
        if not tally.passed:
            return _of(last, state=State.REVERTING, since=since, tally=tally, because="not-ratified")
    looks = [each for each in held if each.kind is Kind.OBSERVED]
    if len(looks) >= OBSERVATIONS:
        return _of(last, state=State.CLOSED, since=looks[-1].at)
    return _of(last, state=State.OBSERVED, since=published.at, until=published.at + (len(looks) + 1) * MONTH)


def _ratified(rules: Rules, sponsor: Slug, last: Act, held: list[Act], now: Instant) -> tuple[Instant | None, Tally]:
    """When an emergency change was ratified or not, and by which votes; None while it can still be."""
    ends = rules.ends(last.at, rules.ratify_within)
    votes = [each for each in held if last.at <= each.at < ends]
    tally = counted(rules, sponsor, last.changes, votes, ratifying=True)
    if tally.complete:
        return tally.last_at, tally
    return (ends if now >= ends else None), tally


def choices(acts: Sequence[Act], bundle: str) -> dict[Slug, Choice]:
    """Each agency's last vote on a bundle."""
    return {
        each.agency: each.choice
        for each in acts
        if each.kind is Kind.VOTED and each.bundle == bundle and each.choice is not None
    }
