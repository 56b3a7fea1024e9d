"""The one table of who may do what: rows that allow. What no row allows is denied, and their order cannot matter.

Two readings are made of it and nothing else: ``deciding.decide`` for one object, and ``clauses`` for what SQL selects,
so that counts, pages and orders only ever meet rows that their reader may see. Classes of what is read are those of the
threat model: neutral (a handoff was delivered, taken up, is late), engagement (what happens inside a confidential
agency), values (what only its custodian opens).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What something is done to."""

    CASE = "case"
    TASK = "task"
    FACT = "fact"
    NOTICE = "notice"
    VALUE = "value"
    RELEASE = "release"
    """What a survivor lets leave the house, and what leaves it for an imminent threat."""
    LOG = "log"
    """What left the house, of one case."""
    GLASS = "glass"
    """A person's asking to open values of a case they have no part in."""
    SHIELD = "shield"
    """That a case is closed to a person."""
    FIGURES = "figures"


class Action(StrEnum):
    """What is done."""

    READ = "read"
    ACT = "act"
    """Take, try, complete, hand over, pause a task: the engine then looks at role and person."""
    ARRANGE = "arrange"
    """Hand over or pause what other agencies owe one another."""
    VOTE = "vote"
    OPEN = "open"
    RECEIVE = "receive"
    """Say that a notice was read."""
    ASK = "ask"
    """Ask a second person for what one may not do alone."""
    ANSWER = "answer"
    """Be that second person."""
    SIGN = "sign"
    REVOKE = "revoke"
    SET = "set"
    LIFT = "lift"


class Class(StrEnum):
    """How much of it."""

    NEUTRAL = "neutral"
    ENGAGEMENT = "engagement"
    VALUES = "values"


class Condition(StrEnum):
    """What must hold between a subject and an object; ``conditions`` says how each is judged."""

    PERSON = "person"
    """The subject is a person, no records system."""
    OWN = "own"
    """It is a task or fact of the subject's agency, or one that belongs to it alone."""
    OWNED = "owned"
    """It belongs to the subject's agency alone."""
    PUBLIC = "public"
    """It belongs to no confidential agency alone."""
    OUTSIDE = "outside"
    """Its bare existence may be seen by others: delivered, taken up, not taken up."""
    PARTY = "party"
    """The subject's agency has a step in the case's protocol, or the subject coordinates."""
    TOLD = "told"
    """The subject's role in its own agency was told."""
    VOTER = "voter"
    """A role of the subject votes on the task."""
    KEEPER = "keeper"
    """The subject's agency keeps the value."""
    ON_CASE = "on-case"
    """A role of the subject has or had a task of its agency in the case, or stands in for one, or leads the agency."""
    RECIPIENT = "recipient"
    """A release in force names the subject and the value."""
    BROKEN_GLASS = "broken-glass"
    """The subject asked for the case with a reason, a second person said yes, and the hours are not over."""
    LEADS = "leads"
    """A role of the subject leads the agency that keeps it."""
    SELF = "self"
    """It is about the subject, or the subject asked for it."""
    OTHER = "other"
    """It is about another person, or another person asked for it."""
    COORDINATES = "coordinates"
    """The subject is a coordinator."""
    COUNCIL = "council"
    """The subject sits on the council."""
    UNSHIELDED = "unshielded"
    """The subject is not among those who are kept out of the case."""


@dataclass(frozen=True, slots=True)
class Row:
    """An action on a kind of object, allowed where all of its conditions hold."""

    action: Action
    kind: Kind
    of: Class
    where: tuple[Condition, ...]

    @property
    def ground(self) -> str:
        """What allowed it, for the log: ``own``, ``party+outside``."""
        return "+".join(each.value for each in self.where if each is not Condition.UNSHIELDED)


A, K, C, W = Action, Kind, Class, Condition

TABLE: tuple[Row, ...] = (
    # Cases: that a case is there, for the agencies of its protocol.
    Row(A.READ, K.CASE, C.NEUTRAL, (W.PARTY, W.UNSHIELDED)),
    # Tasks and facts: one's own in full; others' where they are no secret; of secrets, that a handoff was sent.
    Row(A.READ, K.TASK, C.NEUTRAL, (W.OWN, W.UNSHIELDED)),
    Row(A.READ, K.TASK, C.NEUTRAL, (W.PUBLIC, W.PARTY, W.UNSHIELDED)),
    Row(A.READ, K.TASK, C.NEUTRAL, (W.OUTSIDE, W.PARTY, W.UNSHIELDED)),
    Row(A.READ, K.TASK, C.ENGAGEMENT, (W.OWN, W.UNSHIELDED)),
    Row(A.READ, K.TASK, C.ENGAGEMENT, (W.PUBLIC, W.PARTY, W.UNSHIELDED)),
    Row(A.READ, K.FACT, C.NEUTRAL, (W.OWN, W.UNSHIELDED)),
    Row(A.READ, K.FACT, C.NEUTRAL, (W.PUBLIC, W.PARTY, W.UNSHIELDED)),
    Row(A.READ, K.FACT, C.NEUTRAL, (W.OUTSIDE, W.PARTY, W.UNSHIELDED)),
    Row(A.READ, K.FACT, C.ENGAGEMENT, (W.OWN, W.UNSHIELDED)),
    Row(A.READ, K.FACT, C.ENGAGEMENT, (W.PUBLIC, W.PARTY, W.UNSHIELDED)),
    Row(A.ACT, K.TASK, C.ENGAGEMENT, (W.PERSON, W.OWN, W.UNSHIELDED)),
    Row(A.ARRANGE, K.TASK, C.NEUTRAL, (W.PERSON, W.PUBLIC, W.COORDINATES, W.UNSHIELDED)),
    Row(A.VOTE, K.TASK, C.ENGAGEMENT, (W.PERSON, W.PUBLIC, W.VOTER, W.UNSHIELDED)),
    Row(A.VOTE, K.TASK, C.ENGAGEMENT, (W.PERSON, W.OWN, W.VOTER, W.UNSHIELDED)),
    # Notices: one's own agency's, public ones, those to one's role.
    Row(A.READ, K.NOTICE, C.NEUTRAL, (W.OWNED, W.UNSHIELDED)),
    Row(A.READ, K.NOTICE, C.NEUTRAL, (W.PUBLIC, W.PARTY, W.UNSHIELDED)),
    Row(A.READ, K.NOTICE, C.NEUTRAL, (W.OUTSIDE, W.PARTY, W.UNSHIELDED)),
    Row(A.READ, K.NOTICE, C.NEUTRAL, (W.PUBLIC, W.TOLD, W.UNSHIELDED)),
    Row(A.READ, K.NOTICE, C.NEUTRAL, (W.OUTSIDE, W.TOLD, W.UNSHIELDED)),
    Row(A.READ, K.NOTICE, C.ENGAGEMENT, (W.OWNED, W.UNSHIELDED)),
    Row(A.READ, K.NOTICE, C.ENGAGEMENT, (W.PUBLIC, W.PARTY, W.UNSHIELDED)),
    Row(A.READ, K.NOTICE, C.ENGAGEMENT, (W.PUBLIC, W.TOLD, W.UNSHIELDED)),
    Row(A.RECEIVE, K.NOTICE, C.NEUTRAL, (W.PERSON, W.TOLD, W.UNSHIELDED)),
    # Values: people of the agency that keeps them who have to do with the case, and whom a release names.
    Row(A.OPEN, K.VALUE, C.VALUES, (W.PERSON, W.KEEPER, W.ON_CASE, W.UNSHIELDED)),
    Row(A.OPEN, K.VALUE, C.VALUES, (W.PERSON, W.RECIPIENT, W.UNSHIELDED)),
    Row(A.OPEN, K.VALUE, C.VALUES, (W.PERSON, W.KEEPER, W.BROKEN_GLASS, W.UNSHIELDED)),
    # Releases: drafted and signed by who has to do with the case, taken back by any of the keeper's people.
    Row(A.READ, K.RELEASE, C.ENGAGEMENT, (W.PERSON, W.KEEPER, W.UNSHIELDED)),
    Row(A.READ, K.RELEASE, C.ENGAGEMENT, (W.PERSON, W.RECIPIENT, W.UNSHIELDED)),
    Row(A.SIGN, K.RELEASE, C.ENGAGEMENT, (W.PERSON, W.KEEPER, W.ON_CASE, W.UNSHIELDED)),
    Row(A.ANSWER, K.RELEASE, C.ENGAGEMENT, (W.PERSON, W.KEEPER, W.LEADS, W.OTHER, W.UNSHIELDED)),
    Row(A.REVOKE, K.RELEASE, C.ENGAGEMENT, (W.PERSON, W.KEEPER, W.UNSHIELDED)),
    Row(A.READ, K.LOG, C.ENGAGEMENT, (W.PERSON, W.KEEPER, W.ON_CASE, W.UNSHIELDED)),
    # Glass: asked for by anybody of the keeper, said yes to by another, looked over by those who lead.
    Row(A.ASK, K.GLASS, C.ENGAGEMENT, (W.PERSON, W.KEEPER, W.UNSHIELDED)),
    Row(A.ANSWER, K.GLASS, C.ENGAGEMENT, (W.PERSON, W.KEEPER, W.OTHER, W.UNSHIELDED)),
    Row(A.READ, K.GLASS, C.ENGAGEMENT, (W.PERSON, W.KEEPER, W.LEADS, W.UNSHIELDED)),
    # Shields: on oneself at any time, on one's staff by who leads them; lifted by a lead who is not shielded.
    Row(A.SET, K.SHIELD, C.ENGAGEMENT, (W.PERSON, W.SELF)),
    Row(A.SET, K.SHIELD, C.ENGAGEMENT, (W.PERSON, W.KEEPER, W.LEADS)),
    Row(A.LIFT, K.SHIELD, C.ENGAGEMENT, (W.PERSON, W.KEEPER, W.LEADS, W.UNSHIELDED)),
    Row(A.READ, K.SHIELD, C.ENGAGEMENT, (W.PERSON, W.KEEPER, W.LEADS, W.UNSHIELDED)),
    # Figures: totals only.
    Row(A.READ, K.FIGURES, C.NEUTRAL, (W.PERSON, W.COORDINATES)),
    Row(A.READ, K.FIGURES, C.NEUTRAL, (W.PERSON, W.COUNCIL)),
)
