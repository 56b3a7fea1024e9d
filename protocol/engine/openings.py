"""How a cause opens a step: not at all and why, once, for each role of several, or for each item of a list."""

from __future__ import annotations

from protocol.engine.points import resolve
from protocol.engine.running import Occurrence, Running
from protocol.evolving import evolve
from protocol.facts import NotOpened, StepNotOpened
from protocol.kernel import Again, ChosenBy, Step
from protocol.names import Ref, Slug
from protocol.state import Instance, Instant, Item, Phase


def open_step(running: Running, step: Step, cause: Ref, occurrence: Occurrence) -> None:
    """Open a step, or record why it stays shut; a handoff from outside that opens nothing gets a receipt."""
    at = occurrence.effective
    live = [
        each
        for each in running.instances.values()
        if running.is_of(each, (step.id,)) and not each.receipt and not (each.phase is Phase.WAITING and each.round > 0)
    ]
    items = _items(running, step)
    if step.for_each is not None and step.again is Again.ONLY_WHEN_ENDED:
        kept = [each.item for each in live]
        items = [each for each in items if each not in kept]
    why = _shut(running, step, live=bool(live) and (step.for_each is None or not items))
    if why is not None:
        running.record(StepNotOpened(step=step.id, cause=cause, why=why), at)
        if step.outside:
            if step.again is Again.START_OVER:
                _replace(running, step, at, kept=live)
            _create(running, step, cause, occurrence, _first(running, step, cause, occurrence), receipt=True)
        return
    if step.again is Again.START_OVER:
        _replace(running, step, at, kept=[])
        for each in live:
            running.cancel(each, at, superseded=True)
            running.hand_over_still(each)
    if step.series is not None:
        for each in [
            found for found in running.instances.values() if running.is_of(found, (step.id,)) and found.round > 0
        ]:
            if each.phase is Phase.WAITING:
                running.cancel(each, at, superseded=True)
    if step.for_each is None and (step.chosen is None or step.chosen.by is not ChosenBy.EACH):
        _create(running, step, cause, occurrence, _first(running, step, cause, occurrence))
        return
    _open_batch(running, step, cause, occurrence, items, live[0].batch if live else running.born + 1)


def _replace(running: Running, step: Step, at: Instant, *, kept: list[Instance]) -> None:
    """A newer handoff takes the place of those handed over before and not taken up, as outsiders see it.

    That must not depend on what the newer one opens inside: receipts leave with the duties that start over, and a duty
    that stays, since a condition keeps the newer one shut, is from now on the agency's own (docs/decisions/0002).
    """
    for each in list(running.instances.values()):
        if each.receipt and each.phase is Phase.OPEN and running.is_of(each, (step.id,)):
            running.cancel(each, at, superseded=True)
    for each in kept:
        if each.phase is Phase.OPEN and each.taken is None:
            running.put(evolve(each, taken=running.now))


def _open_batch(
    running: Running, step: Step, cause: Ref, occurrence: Occurrence, items: list[Item], batch: int
) -> None:
    """One instance for each role, or each item; a list without items is done at once."""
    if step.for_each is not None:
        if not items:
            ref = f"settled:{step.id}"
            running.publish(Occurrence(refs=(ref,), effective=occurrence.effective, agency=occurrence.agency))
        for item in items:
            made = evolve(_first(running, step, cause, occurrence, item), batch=batch)
            _create(running, step, cause, occurrence, made)
        return
    for role in step.chosen.roles if step.chosen is not None else ():
        made = _first(running, step, cause, occurrence)
        agency = running.protocol.role[role].agency
        _create(running, step, cause, occurrence, evolve(made, batch=batch, owners=(role,), agency=agency))


def _items(running: Running, step: Step) -> list[Item]:
    found = running.fields.get(step.for_each or "")
    return list(found) if isinstance(found, tuple) else []


def _shut(running: Running, step: Step, *, live: bool) -> NotOpened | None:
    if step.lane in running.closed:
        return NotOpened.LANE_CLOSED
    if not running.condition(step.when):
        return NotOpened.CONDITION
    if step.again is Again.ONCE and f"opened:{step.id}" in running.last:
        return NotOpened.ONCE
    if live and step.again in (Again.ONLY_WHEN_ENDED, Again.ONCE):
        return NotOpened.ALREADY_OPEN
    return None


def _first(running: Running, step: Step, cause: Ref, occurrence: Occurrence, item: Item | None = None) -> Instance:
    """An instance as this occurrence makes it, before it has a number."""
    made = Instance(
        n=0,
        step=step.id,
        agency=step.agency,
        phase=Phase.WAITING,
        born=running.now,
        cause=cause,
        cause_effective=occurrence.effective,
        from_agency=occurrence.agency,
        owners=(step.role,),
        base=running.now,
        item=item,
    )
    if step.chosen is None:
        return made
    role: Slug = running.first_owners(step, made)[0]
    return evolve(made, owners=(role,), agency=running.protocol.role[role].agency)


def _create(
    running: Running, step: Step, cause: Ref, occurrence: Occurrence, made: Instance, *, receipt: bool = False
) -> None:
    running.born += 1
    instance = evolve(made, n=running.born, cause=cause, receipt=receipt)
    starts = None
    if step.not_before is not None:
        starts = resolve(running.view(), step.not_before, instance)
    if occurrence.hold_until is not None:
        starts = max(starts or 0, occurrence.hold_until)
        instance = evolve(instance, held=True)
    if starts is None or starts <= running.now:
        running.deliver(running.put(instance), running.now)
    else:
        running.schedule(instance, starts)
