"""Decisions of several roles: who may vote, and when the votes decide."""

from __future__ import annotations

from protocol.engine import forms, owners
from protocol.engine.running import Running
from protocol.evolving import evolve
from protocol.facts import Ending, VoteCast
from protocol.messages import Actor, CastVote, Refusal
from protocol.state import Code, Instance, Instant, Phase


def check(running: Running, body: CastVote, instance: Instance, actor: Actor | None) -> Refusal | None:
    """Why this vote cannot be taken, or None. Voters may be of other agencies than the owner."""
    step = running.protocol.step[instance.step]
    votes = step.votes
    if votes is None:
        return Refusal(code=Code.NO_VOTES, place=step.id)
    role = None if actor is None else owners.stands_for(running, actor, votes.roles)
    if actor is None or role is None or running.protocol.role[role].agency != actor.agency:
        return Refusal(code=Code.NOT_YOURS, place=step.id)
    if instance.phase is Phase.WAITING:
        return Refusal(code=Code.TASK_WAITING, place=step.id)
    if instance.receipt:
        return Refusal(code=Code.RECEIPT_ONLY, place=step.id)
    if votes.owner_decides and body.outcome is None:
        return None
    return forms.check_outcome(running, body, instance, step)


def cast(running: Running, instance: Instance, body: CastVote, actor: Actor, at: Instant) -> None:
    """Count a vote; the one that makes an outcome's majority ends the step, with what its form was given."""
    step = running.protocol.step[instance.step]
    votes = step.votes
    role = None if votes is None else owners.stands_for(running, actor, votes.roles)
    if votes is None or role is None:
        return
    current = owners.take_up(running, instance, actor) if actor.agency == instance.agency else instance
    current = running.put(evolve(current, votes={**current.votes, role: body.outcome}))
    running.record(VoteCast(instance=current.n, step=step.id, role=role, person=actor.person, outcome=body.outcome), at)
    agreed = sum(each == body.outcome for each in current.votes.values())
    if votes.owner_decides or body.outcome is None or agreed < votes.needed:
        return
    running.end(
        current,
        body.outcome,
        Ending.VOTES,
        at,
        role=role,
        person=actor.person,
        fields=body.fields,
        slots=body.refs,
    )
