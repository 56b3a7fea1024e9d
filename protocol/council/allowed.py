"""Whether an act may be done to a revision now, by whom, and in what words it is turned down."""

from __future__ import annotations

from collections.abc import Sequence

from protocol.council.acts import Act, Kind, Weighed
from protocol.council.rules import Rules
from protocol.council.standing import ANEW, COORDINATOR, OVER, Standing, State, signers
from protocol.errors import HandoffError
from protocol.names import Slug
from protocol.revising.changes import Tag

SAME_AGENCY = {"D07", "D18", "D31", "D35"}
"""A role, a duty or a notice that comes to a backup: urgent where it stays within one agency."""
CLOSURES = {"D10"}
LONGEST_SAID = 4_000
VOTING = (State.BALLOT, State.RATIFYING)


def emergency_hindrance(changes: Sequence[Weighed]) -> Weighed | None:
    """The first change that no emergency may make: it may tighten, close a date, or bring in a backup of one agency.

    Needing time is a pause and never a text (council.md section 1).
    """
    for each in changes:
        within = each.code in SAME_AGENCY and len(set(each.owners) | set(each.consent)) <= 1
        if each.tag > Tag.TIGHTENS and each.code not in CLOSURES and not within:
            return each
    return None


def must(rules: Rules, found: Standing, act: Act, roles: tuple[Slug, ...]) -> None:
    """Let an act through, or say why not.

    Raises:
        HandoffError: ``NOTHING_CHANGES``, ``NO_EMERGENCY``, ``NOT_NOW``, ``BUNDLE_CHANGED``, ``NO_ELECTOR``,
            ``RECUSED``, ``NOT_OBLIGED``, ``VETO_UNITS``, ``REASON_NEEDED``, ``NOT_A_SIGNER``.
    """
    if act.kind is Kind.SUBMITTED:
        _submits(found, act)
        return
    if act.kind not in {Kind.WITHDRAWN, Kind.COMMENTED, Kind.ANSWERED} and act.bundle != found.bundle:
        says = "the text, its plan or its aims changed since you read it; read it again, and answer that"
        raise HandoffError("BUNDLE_CHANGED", says)
    match act.kind:
        case Kind.COMMENTED | Kind.ANSWERED:
            _now(found, (State.COMMENT, State.BALLOT, State.SIGNING, State.RATIFYING, State.OBSERVED), "talked about")
        case Kind.VOTED | Kind.RECUSED:
            _now(found, VOTING, "voted on")
            _elector(rules, found, act, roles)
        case Kind.CONSENTED | Kind.VETOED:
            _now(found, (State.BALLOT,), "agreed to")
            _obliged(rules, found, act, roles)
        case Kind.SIGNED:
            _now(found, (State.SIGNING,), "signed")
            _signs(rules, found, act, roles)
        case Kind.REVERT_SIGNED:
            _now(found, (State.RATIFYING, State.OBSERVED, State.CLOSED), "taken back")
            _signs(rules, found, act, roles)
        case Kind.OBSERVED:
            _now(found, (State.OBSERVED,), "observed")
        case Kind.WITHDRAWN if found.state not in ANEW | {State.ADOPTED}:
            _now(found, (), "withdrawn")
        case _:
            pass
    reason = act.kind in {Kind.COMMENTED, Kind.ANSWERED, Kind.VETOED, Kind.RECUSED}
    if (reason and not act.says.strip()) or len(act.says) > LONGEST_SAID:
        raise HandoffError("REASON_NEEDED", f"say why, in at most {LONGEST_SAID} characters")


def _submits(found: Standing, act: Act) -> None:
    _now(found, tuple(ANEW), "submitted")
    if not act.changes:
        raise HandoffError("NOTHING_CHANGES", "this text says the same as the one in force; there is nothing to decide")
    if act.bundle == found.bundle and found.state not in {State.LAPSED, State.REJECTED, State.HELD}:
        raise HandoffError("NOTHING_CHANGES", "this is what was submitted already")
    hindrance = emergency_hindrance(act.changes) if act.emergency else None
    if hindrance is not None:
        says = f"no emergency may do this: {hindrance.says} It may tighten, close a date or bring in a backup only"
        raise HandoffError("NO_EMERGENCY", says)


def _now(found: Standing, allowed: tuple[State, ...], done: str) -> None:
    if found.state not in allowed:
        words = "over" if found.state in OVER else f"in {found.state.value}"
        raise HandoffError("NOT_NOW", f"this revision is {words}: it cannot be {done} now")


def _elector(rules: Rules, found: Standing, act: Act, roles: tuple[Slug, ...]) -> None:
    if not rules.votes_for(act.agency, roles):
        raise HandoffError("NO_ELECTOR", "the council's rules give you no vote; they name each agency's electors")
    if act.kind is Kind.VOTED and found.tally is not None and act.agency in found.tally.recused:
        raise HandoffError("RECUSED", "your agency is recused: nobody votes itself more time, nor after stepping aside")


def _obliged(rules: Rules, found: Standing, act: Act, roles: tuple[Slug, ...]) -> None:
    if act.agency not in found.obliged:
        raise HandoffError("NOT_OBLIGED", "nothing here obliges your agency, so there is nothing to agree to; vote")
    if not rules.votes_for(act.agency, roles):
        raise HandoffError("NO_ELECTOR", "who votes for your agency agrees for it; the council's rules name them")
    if act.kind is Kind.VETOED:
        own = {each.unit for each in found.changes if act.agency in each.consent}
        if not act.units or not set(act.units) <= own:
            says = f"a veto names what it is about, of what is your agency's own: {', '.join(sorted(own))}"
            raise HandoffError("VETO_UNITS", says)


def _signs(rules: Rules, found: Standing, act: Act, roles: tuple[Slug, ...]) -> None:
    seats = signers(rules, found.changes)
    mine = {COORDINATOR} if COORDINATOR in roles else set()
    mine |= {act.agency} if rules.votes_for(act.agency, roles) else set()
    if act.seat not in seats or act.seat not in mine:
        raise HandoffError("NOT_A_SIGNER", f"these sign: {', '.join(seats)}; you sign for your own seat")
