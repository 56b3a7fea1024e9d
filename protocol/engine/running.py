"""The working copy of a case while one input runs to completion: occurrences, openings, closings, endings.

Every change to a case is made here, in ``occurrences`` (what follows from what happened) or in ``answers`` (what
people's commands do) and nowhere else; ``machine`` decides only the order.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from protocol.engine import rounds
from protocol.engine.memo import Memo, known
from protocol.engine.points import View, due_of, resolve, truth
from protocol.engine.waits import wait_times
from protocol.evolving import evolve
from protocol.expressions import AnchorKind, Offset
from protocol.facts import (
    CaseEnded,
    CaseOpened,
    DueMoved,
    Ending,
    Fact,
    FactBody,
    NotOpened,
    OwnersChanged,
    Shared,
    StepCancelled,
    StepDelivered,
    StepEnded,
    StepNotOpened,
    StepScheduled,
    TakenUp,
    Telling,
    Told,
)
from protocol.kernel import (
    Act,
    ActKind,
    Agency,
    ChosenBy,
    Protocol,
    Step,
    When,
)
from protocol.messages import Effect, EndCase
from protocol.names import OpaqueId, Ref, RungId, Slug
from protocol.state import CaseState, Instance, Instant, Page, Phase, Status, Value

if TYPE_CHECKING:
    from protocol.engine.machine import Deadline

PAGE_EVERY = 5 * 60 * 1_000_000
PAGES_AT_MOST = 12
TELLINGS = {ActKind.TELL: Telling.TELL, ActKind.PAGE: Telling.PAGE, ActKind.REMIND: Telling.REMIND}


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrence:
    """Something that happened: the names it goes by, when it took effect, and what it brings and does."""

    refs: tuple[Ref, ...]
    effective: Instant
    agency: Slug | None
    acts: tuple[Act, ...] = ()
    fields: dict[Slug, Value] = field(default_factory=dict)
    slots: dict[Slug, OpaqueId] = field(default_factory=dict)
    instance: Instance | None = None
    hold_until: Instant | None = None


class Running:
    """One case being changed by one input at ``now`` (the instant it is recorded)."""

    def __init__(self, protocol: Protocol, state: CaseState, now: Instant, memo: Memo[Deadline] | None = None) -> None:
        self.protocol = protocol
        self.now = now
        self.state = state
        self.status = state.status
        self.opened = state.opened
        self.seq = state.seq
        self.born = state.born
        self.paged = state.paged
        self.fields = dict(state.fields)
        self.slots = list(state.slots)
        self.last = dict(state.last)
        self.closed = list(state.closed)
        self.arms = dict(state.arms)
        self.waits = list(state.waits)
        self.counters = dict(state.counters)
        self.pauses = state.pauses
        self.links = dict(state.links)
        self.instances = {each.n: each for each in state.instances}
        self.replies = dict(state.replies)
        self.queue: deque[Occurrence] = deque()
        self.facts: list[Fact] = []
        self.effects: list[Effect] = []
        self.cause: Ref | None = None
        self.root: Ref | None = None
        self.looked = state.now
        self.stays = state.stays
        self.end_asked = False
        self.memo: Memo[Deadline] = Memo() if memo is None else memo

    def view(self) -> View:
        """What points and conditions may read now."""
        return View(
            self.protocol,
            self.fields,
            self.last,
            tuple(self.instances.values()),
            self.now,
            self.counters,
            self.pauses,
        )

    def freeze(self) -> CaseState:
        """The case after this input, as a value."""
        return CaseState(
            status=self.status,
            opened=self.opened,
            now=self.now,
            seq=self.seq,
            born=self.born,
            paged=self.paged,
            fields=self.fields,
            slots=tuple(self.slots),
            last=self.last,
            closed=tuple(self.closed),
            arms=self.arms,
            waits=tuple(self.waits),
            counters=self.counters,
            pauses=self.pauses,
            links=self.links,
            instances=tuple(self.instances.values()),
            replies=self.replies,
            crossed=self.state.crossed,
            practice=self.state.practice,
            stays=self.stays,
        )

    def record(self, body: FactBody, at: Instant) -> None:
        """Number a fact and keep it."""
        self.seq += 1
        self.facts.append(Fact(seq=self.seq, at=at, recorded=self.now, body=body))

    def put(self, instance: Instance) -> Instance:
        """Keep a changed instance."""
        self.instances[instance.n] = instance
        return instance

    def is_of(self, instance: Instance, steps: tuple[Slug, ...]) -> bool:
        """Whether it is of one of these steps, under its own terms or under older ones."""
        return not {instance.step, self.protocol.known_as[instance.step]}.isdisjoint(steps)

    def publish(self, occurrence: Occurrence) -> None:
        """Queue an occurrence; ``settle`` runs the queue, first in first out."""
        self.queue.append(occurrence)

    def cancel(self, instance: Instance, at: Instant, *, superseded: bool = False, by: Slug | None = None) -> None:
        """Withdraw an instance. A superseded one leaves without an occurrence.

        ``by`` is the agency whose act withdraws it. If that is a confidential owner's own, its act is a taking up:
        outsiders must not see a handoff that is neither taken up nor escalated.
        """
        del self.instances[instance.n]
        step = self.protocol.step[instance.step]
        untaken = instance.phase is Phase.OPEN and step.outside and instance.taken is None
        if untaken and by == instance.agency:
            self.record(TakenUp(instance=instance.n, step=instance.step, by=None, person=None), at)
        self.record(StepCancelled(instance=instance.n, step=instance.step, superseded=superseded, cause=self.cause), at)
        if not superseded and not instance.receipt:
            self.publish(
                Occurrence(refs=(f"cancelled:{step.stands_for or step.id}",), effective=at, agency=instance.agency)
            )
        if by == instance.agency:
            self.hand_over_still(instance)

    def hand_over_still(self, instance: Instance) -> None:
        """Put a receipt in the place of a withdrawn handoff that waits: outsiders know that it is to be handed over."""
        if self.protocol.step[instance.step].outside and instance.phase is Phase.WAITING and instance.round == 0:
            self.born += 1
            self.schedule(evolve(instance, n=self.born, receipt=True), instance.starts or self.now)

    def condition(self, when: When) -> bool:
        """Whether the conditions of a step or link let it open."""
        view = self.view()
        return all(truth(view, each) is True for each in when.only_if) and not any(
            truth(view, each) is True for each in when.unless
        )

    def schedule(self, instance: Instance, starts: Instant) -> None:
        """Keep an instance for later delivery."""
        self.put(evolve(instance, starts=starts))
        self.record(
            StepScheduled(
                instance=instance.n,
                step=instance.step,
                starts=starts,
                cause=instance.cause,
                held=instance.held,
                round=instance.round,
                agency=instance.agency,
            ),
            self.now,
        )

    def deliver(self, instance: Instance, at: Instant) -> None:
        """Put the task before its owner: its clock starts now, when they can see it, whatever was planned."""
        step = self.protocol.step[instance.step]
        if instance.round > 0 and not rounds.wanted(self, instance, step, at):
            return
        # Rounds are counted from the first: one that is handed over later, or held back, takes the others with it.
        base = at if instance.round == 0 else instance.base
        opened = evolve(instance, phase=Phase.OPEN, delivered=self.now, floor=self.now, base=base)
        due, raw = (None, None) if instance.receipt else due_of(self.view(), opened)
        opened = self.put(evolve(opened, announced=due, raw=raw, fired=self._spent(opened, step, due)))
        self.record(
            StepDelivered(
                instance=opened.n,
                step=step.id,
                owners=opened.owners,
                from_agency=opened.from_agency,
                cause=opened.cause,
                due=due,
                short_notice=raw is not None and raw < self.now,
                receipt=opened.receipt,
                round=opened.round,
                agency=opened.agency,
                item=opened.item,
            ),
            at,
        )
        if not opened.receipt:
            self.publish(
                Occurrence(refs=(f"opened:{step.stands_for or step.id}",), effective=self.now, agency=opened.agency)
            )
            if step.series is not None:
                rounds.schedule_next(self, opened, step.series)

    def first_owners(self, step: Step, instance: Instance) -> tuple[Slug, ...]:
        """Who owns the next round of a series: whoever owned the first, before it was moved or handed over."""
        if step.chosen is None:
            return (step.role,)
        name = step.chosen.name or ""
        said = instance.item.get(name) if instance.item and step.chosen.by is ChosenBy.ITEM else self.fields.get(name)
        if step.chosen.by is ChosenBy.EACH:
            found = [each for each in instance.owners if each in step.chosen.roles]
            return tuple(found[:1]) or instance.owners
        return (said,) if isinstance(said, str) and said in self.protocol.role else (step.role,)

    def _spent(self, instance: Instance, step: Step, due: Instant | None) -> dict[RungId, Instant]:
        """Rungs whose moment lay before delivery (``before due`` of a short window) never fire."""
        view = self.view()
        spent: dict[RungId, Instant] = {}
        for rung in step.rungs:
            if isinstance(rung.at, Offset) and rung.at.anchor is AnchorKind.DUE and rung.at.before:
                at = resolve(view, rung.at, instance, due=due)
                if at is not None and at < self.now:
                    spent[rung.id] = at
        return spent

    def end(  # noqa: PLR0913 - how, when and by whom a duty ended, kept together in one fact
        self,
        instance: Instance,
        outcome: Slug | None,
        how: Ending,
        at: Instant,
        *,
        role: Slug | None = None,
        person: OpaqueId | None = None,
        fields: dict[Slug, Value] | None = None,
        slots: dict[Slug, OpaqueId] | None = None,
    ) -> None:
        """End an instance and publish ``S ends`` and ``S outcome`` as one occurrence."""
        del self.instances[instance.n]
        step = self.protocol.step[instance.step]
        due, _ = due_of(self.view(), instance)
        on_time = due is None or at <= due or instance.tried_in_time
        self.record(
            StepEnded(
                instance=instance.n,
                step=step.id,
                outcome=outcome,
                how=how,
                on_time=on_time and how is not Ending.RUNG,
                role=role,
                person=person,
            ),
            at,
        )
        if outcome is None:
            return
        found = next(each for each in step.outcomes if each.id == outcome)
        if step.shares and outcome == "shared":
            self.record(Shared(instance=instance.n, step=step.id, slots=step.shares, roles=step.shares_with), at)
        name = step.stands_for or step.id
        refs: tuple[Ref, ...] = (f"ended:{name}", f"outcome:{name}/{outcome}")
        if not self._others_live(instance):
            refs = (*refs, f"settled:{name}")
        self.publish(
            Occurrence(
                refs=refs,
                effective=at,
                agency=instance.agency,
                acts=found.acts,
                fields=fields or {},
                slots=slots or {},
                instance=instance,
            )
        )

    def _others_live(self, instance: Instance) -> bool:
        """Whether others of its batch are live; a round of a series that is still to come is not."""
        return any(
            self.protocol.known_as[each.step] == self.protocol.known_as[instance.step]
            and each.batch == instance.batch
            and not each.receipt
            and not (each.phase is Phase.WAITING and each.round > 0)
            for each in self.instances.values()
        )

    # Telling and owners

    def roles_of(self, instance: Instance, target: Slug) -> tuple[Slug, ...]:
        """The roles a target word means for an instance: owner, lead, leads, deputy, or the role itself."""
        agency = self.protocol.agency[instance.agency]
        if target == "owner":
            return instance.owners
        others = tuple(each for each in agency.leads if each not in instance.owners)
        if target == "lead":
            return others[:1] or self._above(agency)
        if target == "leads":
            return others or self._above(agency)
        if target == "deputy":
            found = [self.protocol.role[each].deputy for each in instance.owners]
            return tuple(dict.fromkeys(each for each in found if each is not None))
        return (target,)

    def _above(self, agency: Agency) -> tuple[Slug, ...]:
        """Above an agency's leads there is the coordinator, who hears nothing of a confidential agency."""
        return () if agency.confidential or "coordinator" not in self.protocol.role else ("coordinator",)

    def tell(self, instance: Instance, act: Act, rung: RungId | None, at: Instant, *, repeat: bool = True) -> None:
        """Tell, page or remind; a page is repeated every 5 minutes until read, 12 times at most."""
        roles = tuple(dict.fromkeys(role for target in act.targets for role in self.roles_of(instance, target)))
        if not roles:
            return
        how = TELLINGS[act.act]
        number = None
        if how is Telling.PAGE and repeat and instance.n in self.instances:
            self.paged += 1
            number = self.paged
            page = Page(
                number=number, rung=rung or "outcome", role=roles[0], next=at + PAGE_EVERY, left=PAGES_AT_MOST - 1
            )
            current = self.instances[instance.n]
            self.put(evolve(current, pages=(*current.pages, page)))
        self.record(Told(instance=instance.n, step=instance.step, rung=rung, how=how, roles=roles, page=number), at)

    def change_owners(
        self,
        instance: Instance,
        owners: tuple[Slug, ...],
        person: OpaqueId | None,
        rung: RungId | None,
        at: Instant,
        *,
        keep: bool,
    ) -> None:
        """Give the duty to other owners in the same agency; its clock runs on."""
        acknowledged = instance.acknowledged if keep else None
        self.put(evolve(instance, owners=owners, person=person, acknowledged=acknowledged))
        self.record(OwnersChanged(instance=instance.n, step=instance.step, owners=owners, person=person, rung=rung), at)

    # After each run

    def announce(self) -> None:
        """Say which due times moved. One that moved into the past falls due now, at short notice."""
        view = self.view()
        for each in list(self.instances.values()):
            if each.phase is Phase.WAITING:
                self._reschedule(each)
            if each.phase is not Phase.OPEN or each.receipt:
                continue
            _, raw = known(self.memo, view, each).due
            if raw == each.raw:
                continue
            short = raw is not None and raw < self.now
            floor = self.now if short else (each.delivered or self.now)
            due = None if raw is None else max(raw, floor)
            self.put(evolve(each, raw=raw, floor=floor, announced=due, missed=each.missed and due == each.announced))
            if due != each.announced:
                self.record(
                    DueMoved(
                        instance=each.n,
                        step=each.step,
                        due=due,
                        was=each.announced,
                        cause=self.root,
                        short_notice=short,
                    ),
                    self.now,
                )

    def _reschedule(self, instance: Instance) -> None:
        """What is delivered not before a moment that moved is delivered at the new one."""
        point = self.protocol.step[instance.step].not_before
        if point is None or instance.round > 0 or instance.held:
            return
        starts = resolve(self.view(), point, instance) or self.now
        if starts != instance.starts and max(starts, self.now) != max(instance.starts or 0, self.now):
            self.schedule(instance, max(starts, self.now))

    def start(self, event: Slug, at: Instant) -> None:
        """Begin the case."""
        self.status = Status.OPEN
        self.opened = self.now
        self.record(CaseOpened(event=event, practice=self.state.practice), at)

    def finish(self) -> None:
        """End the case when nothing is live any more (or an act asked for it)."""
        if self.status is not Status.OPEN or not (self.end_asked or not self._live()):
            return
        for each in list(self.instances.values()):
            self.cancel(each, self.now, superseded=True)
        self.waits.clear()
        self.pauses = ()
        half = [
            step
            for step in self.protocol.steps
            if any(each < len(step.when.arms) for each in self.arms.get(step.id, ()))
        ]
        for step in half:
            self.record(StepNotOpened(step=step.id, cause=self.cause, why=NotOpened.UNFILLED), self.now)
            leads = self.protocol.agency[step.agency].leads
            self.record(Told(instance=0, step=step.id, rung=None, how=Telling.TELL, roles=leads), self.now)
        self.status = Status.ENDED
        self.record(CaseEnded(unfinished=len(half)), self.now)
        self.effects.append(EndCase())

    def _live(self) -> bool:
        stays = self.now < self.stays
        return stays or bool(self.instances) or any(True for _ in wait_times(self)) or self._awaits_link()

    def _awaits_link(self) -> bool:
        """A linked case holds its parent only as long as something here waits for its opening, or for its end."""
        return any(
            (not each.opened and f"opened:{name}" in self.protocol.awaited)
            or (not each.ended and f"ended:{name}" in self.protocol.awaited)
            for name, each in self.links.items()
        )
