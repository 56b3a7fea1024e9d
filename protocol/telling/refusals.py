"""Refusals in plain words, and what an ended case still answers."""

from __future__ import annotations

from protocol.kernel import ActKind, Protocol
from protocol.messages import EventHappened, Input, Refusal, StartCase
from protocol.state import Code, Instant

SENTENCES = {
    Code.NOT_STARTED: "This case has not begun: an event that starts a case comes first.",
    Code.CASE_ENDED: "This case has ended; nothing in it can change.",
    Code.UNKNOWN_EVENT: "This protocol knows no event {place}.",
    Code.UNKNOWN_TASK: "There is no such task.",
    Code.UNKNOWN_OUTCOME: "{place} is not one of the ways this task ends.",
    Code.UNKNOWN_FIELD: "{place} is not asked here.",
    Code.UNKNOWN_ROLE: "{place} is no role of this agency.",
    Code.TASK_ENDED: "This task has ended; nothing was changed.",
    Code.TASK_WAITING: "{place} is not open yet.",
    Code.NOT_YOURS: "{place} is not yours to do: it belongs to another role or agency.",
    Code.NOT_YOUR_EVENT: "Your agency does not report {place}.",
    Code.TAKEN: "A colleague already has this. Ask a lead to hand it to you.",
    Code.FIELD_REQUIRED: "{place} is needed.",
    Code.FIELD_TYPE: "{place} does not have a value of its kind.",
    Code.FIELD_RANGE: "{place} is outside what it may be.",
    Code.OUTCOME_CLOSED: "{place} cannot be chosen now.",
    Code.TRIES_FIRST: "{place} needs {limit} tries first.",
    Code.NO_TRIES: "{place} counts no tries.",
    Code.RECEIPT_ONLY: "Only say that you have it; nothing more is needed here.",
    Code.LEAD_MUST_AGREE: "An earlier time needs a lead: ask one to record it.",
    Code.IN_FUTURE: "That time has not come yet.",
    Code.TOO_EARLY: "That is before the task was delivered.",
    Code.TOO_RECENT_TO_HOLD: "Only a record older than a day may be held back.",
    Code.HOLD_TOO_LONG: "A record may be held back for a year at most.",
    Code.NO_PAUSE: "The clock of {place} cannot be stopped.",
    Code.PAUSE_TOO_LONG: "A pause of {place} may not be that long.",
    Code.NOT_PAUSED: "The clock of {place} is running.",
    Code.PAUSED: "The clock of {place} is stopped already.",
    Code.NO_VOTES: "{place} is not decided by votes.",
    Code.VOTES_DECIDE: "{place} is decided by votes: cast yours.",
    Code.QUORUM: "{place} needs the votes of others first.",
    Code.NOT_LINKED: "No such linked case.",
    Code.NOT_PRACTICE: "Only the clock of a practice case can be moved. This case is real.",
    Code.CLOCK_ONLY_FORWARD: "The clock of a practice case moves forward only, by 31 days at most at once.",
    Code.NOTHING_DUE: "Nothing is due in this practice case. Say by how much its clock is to move.",
}


def say(refusal: Refusal) -> str:
    """The refusal as a sentence for the person who was refused."""
    sentence = SENTENCES[refusal.code].format(place=refusal.place or "This", limit=refusal.limit)
    return sentence[0].upper() + sentence[1:]


def after_end(protocol: Protocol, command: Input, case_seq: int, now: Instant) -> StartCase | Refusal:
    """What an ended case still does: an event that starts a linked case does so; all else is refused.

    ``case_seq`` is the case's last fact number; the linked case's id is derived from it and the command.
    """
    body = command.body
    if not isinstance(body, EventHappened):
        return Refusal(code=Code.CASE_ENDED)
    event = protocol.event.get(body.event)
    linked = next((act for act in event.acts if act.act is ActKind.START_LINKED), None) if event else None
    if event is None or linked is None:
        return Refusal(code=Code.CASE_ENDED, place=body.event)
    actor = command.actor
    if actor is None or not (event.from_linked if actor.linked else actor.agency in event.sources):
        return Refusal(code=Code.NOT_YOUR_EVENT, place=body.event)
    target = protocol.event[linked.targets[0]]
    brought = {name: value for name, value in body.fields.items() if name in (*target.brings, *target.may_bring)}
    at = now if command.at is None else command.at
    return StartCase(seq=case_seq, event=target.id, fields=brought, at=at, agency=actor.agency)
