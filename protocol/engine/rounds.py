"""Rounds of a series: whether one that has come is wanted, and when the one after it comes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protocol.engine import clocks
from protocol.engine.points import calendar_of
from protocol.evolving import evolve
from protocol.expressions import Edge, Length
from protocol.facts import NotOpened, StepNotOpened
from protocol.kernel import Series, Step
from protocol.state import Instance, Instant, Phase

if TYPE_CHECKING:
    from protocol.engine.running import Running


def wanted(running: Running, instance: Instance, step: Step, at: Instant) -> bool:
    """Conditions are tested at each round of a series; a round they keep shut passes, the next still comes."""
    if step.lane not in running.closed and running.condition(step.when):
        return True
    del running.instances[instance.n]
    why = NotOpened.LANE_CLOSED if step.lane in running.closed else NotOpened.CONDITION
    running.record(StepNotOpened(step=step.id, cause=instance.cause, why=why), at)
    if step.series is not None and step.lane not in running.closed:
        schedule_next(running, instance, step.series)
    return False


def schedule_next(running: Running, instance: Instance, series: Series) -> None:
    """Keep the round after this one of a series for its moment, unless this was the last."""
    number = instance.round + 1
    length = series.every or (series.after[number - 1] if number <= len(series.after) else None)
    if length is None:
        return
    if series.every is not None:
        length = evolve(length, count=length.count * number)
    running.born += 1
    following = Instance(
        n=running.born,
        step=instance.step,
        agency=instance.agency,
        phase=Phase.WAITING,
        born=running.now,
        cause=instance.cause,
        cause_effective=instance.cause_effective,
        from_agency=instance.from_agency,
        owners=running.first_owners(running.protocol.step[instance.step], instance),
        round=number,
        base=instance.base,
        batch=instance.batch,
        item=instance.item,
    )
    starts = _start(running, following, length)
    running.schedule(following, starts)


def _start(running: Running, instance: Instance, length: Length) -> Instant:
    """When a later round of a series is delivered: its length after the series began."""
    calendar = calendar_of(running.protocol, length.calendar or instance.agency, instance.agency)
    return clocks.shift(calendar, instance.base, length, edge=Edge.START)
