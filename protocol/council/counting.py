"""How votes, consents and vetoes are counted (council.md section 1).

Quorum: the rules' share of the electors who are not recused, advocacy among them; abstaining counts for it and for
nothing else. Words pass by silence; what tightens, loosens or moves needs more for than against; what changes who
knows, or removes a safeguard, two thirds of both. Consent is apart: silence is none, and a veto is not outvoted. Nobody
votes itself more time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from protocol.council.acts import Act, Choice, Kind, Weighed
from protocol.council.rules import Rules
from protocol.names import Slug
from protocol.revising.changes import Tag
from protocol.state import Instant

TWO_THIRDS = {Tag.KNOWS, Tag.SAFEGUARD}
ALONE = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """The count. ``waits_on``: who has not answered yet; ``because``: what is missing, as a code, if it does not pass.

    ``lapsed``: too few said anything, so nobody said no.
    """

    votes_for: int
    against: int
    abstained: int
    electors: int
    recused: tuple[Slug, ...]
    consented: tuple[Slug, ...]
    vetoed: bool
    complete: bool
    last_at: Instant
    waits_on: tuple[Slug, ...]
    because: str

    @property
    def passed(self) -> bool:
        """Whether nothing is missing."""
        return self.because == ""

    @property
    def lapsed(self) -> bool:
        """Whether it ends for want of answers rather than by a no."""
        return self.because in {"quorum", "advocacy", "consent"}


def obliged(changes: Sequence[Weighed]) -> tuple[Slug, ...]:
    """The agencies that must agree, whatever the vote."""
    return tuple(sorted({agency for each in changes for agency in each.consent}))


def own_time(changes: Sequence[Weighed]) -> set[Slug]:
    """The agencies whose own duties get more time: they consent, and are recused from the count."""
    return {agency for each in changes if each.tag is Tag.LOOSENS for agency in each.owners}


def counted(
    rules: Rules, sponsor: Slug, changes: Sequence[Weighed], acts: Sequence[Act], *, ratifying: bool = False
) -> Tally:
    """The count of one bundle's acts. ``ratifying``: the consents were given as signatures; words need votes too."""
    worst = max((each.tag for each in changes), default=Tag.EDITORIAL)
    recused = own_time(changes) | {each.agency for each in acts if each.kind is Kind.RECUSED}
    electors = set(rules.electors) - recused
    votes = {each.agency: each.choice for each in acts if each.kind is Kind.VOTED and each.agency in electors}
    must = set() if ratifying else set(obliged(changes))
    consented = {each.agency for each in acts if each.kind is Kind.CONSENTED} & must
    vetoed = not ratifying and any(each.kind is Kind.VETOED for each in acts)
    said = [each.at for each in acts if each.kind in {Kind.VOTED, Kind.RECUSED, Kind.CONSENTED, Kind.VETOED}]
    number = {choice: sum(each is choice for each in votes.values()) for choice in Choice}
    present = set(votes) | consented
    because = _missing(rules, sponsor, worst, votes, len(electors), present)
    if worst is Tag.EDITORIAL and not ratifying and not number[Choice.AGAINST]:
        because = ""
    if must - consented:
        because = "consent"
    waits_on = tuple(sorted((electors - set(votes)) | (must - consented)))
    return Tally(
        votes_for=number[Choice.FOR], against=number[Choice.AGAINST], abstained=number[Choice.ABSTAIN],
        electors=len(electors), recused=tuple(sorted(recused & set(rules.electors))),
        consented=tuple(sorted(consented)), vetoed=vetoed, complete=not waits_on and bool(said),
        last_at=max(said, default=0), waits_on=waits_on, because="vetoed" if vetoed else because,
    )  # fmt: skip


def _missing(
    rules: Rules, sponsor: Slug, worst: Tag, votes: dict[Slug, Choice | None], electors: int, present: set[Slug]
) -> str:
    """What a vote lacks, as a code; nothing when it carries."""
    yes = {agency for agency, choice in votes.items() if choice is Choice.FOR}
    no = sum(choice is Choice.AGAINST for choice in votes.values())
    if len(votes) < rules.share * electors:
        return "quorum"
    if not present & set(rules.advocacy):
        return "advocacy"
    carried = len(yes) * 3 >= (len(yes) + no) * 2 if worst in TWO_THIRDS else len(yes) > no
    if not yes or not carried:
        return "majority"
    if yes <= {sponsor} and len(rules.electors) > ALONE:
        return "sponsor-alone"
    return ""
