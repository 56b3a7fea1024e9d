"""Whose a task is: who may act on it, who has taken it up, whose own it has become."""

from __future__ import annotations

from protocol.engine.running import Running
from protocol.evolving import evolve
from protocol.facts import Claimed, TakenUp
from protocol.messages import Actor
from protocol.names import Slug
from protocol.state import Instance


def take_up(running: Running, instance: Instance, actor: Actor) -> Instance:
    """The agency's first act of any kind is its taking up; the present owner's first act acknowledges."""
    if instance.taken is None:
        running.record(
            TakenUp(instance=instance.n, step=instance.step, by=actor.role, person=actor.person), running.now
        )
    return running.put(
        evolve(
            instance, acknowledged=instance.acknowledged or running.now, taken=instance.taken or running.now, pages=()
        )
    )


def claim(running: Running, instance: Instance, actor: Actor) -> Instance:
    """The task becomes this person's own."""
    if instance.person == actor.person or actor.role is None:
        return instance
    running.record(Claimed(instance=instance.n, step=instance.step, role=actor.role, person=actor.person), running.now)
    return running.put(evolve(instance, person=actor.person))


def owns(running: Running, instance: Instance, actor: Actor) -> bool:
    """Whether the actor acts for an owner (see ``stands_for``), or leads the agency."""
    stands = stands_for(running, actor, instance.owners) is not None
    return stands or actor.role in running.protocol.agency[actor.agency].leads


def stands_for(running: Running, actor: Actor, roles: tuple[Slug, ...]) -> Slug | None:
    """The one of these roles that the actor acts for: her own, her deputy's, or one she is deputy of.

    So an advocate whose call moved to her deputy may still record what she did; a judge whose duty moved to the
    magistrate, who is nobody's deputy, may not.
    """
    known = running.protocol.role
    role = known.get(actor.role or "")
    if role is None:
        return None
    found = [role.id, role.deputy, *(each for each in roles if known[each].deputy == role.id)]
    return next((each for each in found if each in roles), None)
