"""What is to be sent of an errand at an instant: decided from the database as it then is, in one transaction.

Text at once, the second way after two minutes, both again every five, until somebody has it, it moved, or it ended.
Sent and delivered stop nothing. What was planned and perhaps sent before a crash is planned again under the same ids.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from activities.notices import wording
from protocol.engine import clocks
from protocol.kernel import Protocol
from protocol.languages.notices import Codes
from protocol.names import OpaqueId
from protocol.state import Instant
from runtime.posting.config import Posting, Webhook
from store import protocols
from store.accounts import have_it
from store.notices import covering, errands, reach, replies, resolving, watching
from store.notices.errands import ABOUT_A_NOTICE, DUTY, NUDGES, Contact, Errand, Kind
from store.notices.reach import Reach
from store.notices.resolving import Standing
from store.people import Person
from store.rotas import Shift
from store.session import Connection

SECOND_WAY = 2 * clocks.MINUTE
AGAIN = 5 * clocks.MINUTE
FIRST_PAUSE = 5 * clocks.SECOND
GIVE_UP = 24 * clocks.HOUR
"""After so long nobody is told any more of what is told once; a duty is never given up."""

HELD = frozenset((Kind.REMIND, Kind.COVER, Kind.STOPPED))
"""What quiet hours hold back."""

ANSWER_WITHIN = 10 * clocks.MINUTE
"""After so long an answer to a reply, or a test, says nothing to anybody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message to one address, with the id it keeps when it is sent again."""

    id: str
    person: OpaqueId
    channel: str
    to: str
    said: str
    voicemail: str = ""
    webhook: Webhook | None = None
    body: dict[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be sent now, and the errand as it is when that is done; ``messages`` may be empty.

    ``until``: nothing more is to be sent to some, or all, before then.
    """

    errand: Errand
    messages: tuple[Message, ...]
    until: Instant | None = None


@dataclass(frozen=True, slots=True)
class Site:
    """What planning knows of the installation: how notices leave, and the address of its pages for links, if any."""

    posting: Posting
    origin: str | None


def plan(connection: Connection, site: Site, found: Errand, now: Instant) -> Plan:
    """What is to be sent of an errand now. Needs a writing connection."""
    return _Planning(connection, site, found, now).plan()


def pause(fails: int) -> int:
    """How long to wait after so many tries in vain: 5 seconds, then twice as long each time, 5 minutes at most."""
    return min(AGAIN, FIRST_PAUSE << min(fails, 10))


class _Planning:
    def __init__(self, connection: Connection, site: Site, found: Errand, now: Instant) -> None:
        self.connection = connection
        self.site = site
        self.errand = found
        self.now = now
        self.protocol = errands.protocol_of(connection, found.case_id)
        self.shift: Shift | None = None
        self.standing = None if found.instance is None else resolving.standing(connection, found)

    def plan(self) -> Plan:
        found, standing = self.errand, self.standing
        if found.kind in DUTY | ABOUT_A_NOTICE | NUDGES:
            if standing is None or self.protocol is None:
                return self._over("gone")
            if standing.over is not None:
                return self._over(standing.over, standing.by)
            if found.kind in DUTY:
                return self._duty(self.protocol, standing)
            if self.now - found.since > GIVE_UP:
                return self._over("unanswered")
            return self._once(self._whom(self.protocol, standing))
        if found.kind is Kind.COVER:
            return self._cover()
        if self.now - found.since > (GIVE_UP if found.kind is Kind.STOPPED else ANSWER_WITHIN):
            return self._over("unanswered")
        whom = resolving.one_person(self.connection, found.person or "", self.site.posting.able)
        return self._once(whom)

    def _duty(self, protocol: Protocol, standing: Standing) -> Plan:
        if standing.paused_until is not None and standing.paused_until > self.now:
            # Its clock stands still for a stated reason; so does whoever would be woken for it.
            return Plan(errand=self.errand, messages=(), until=min(standing.paused_until, self.now + AGAIN))
        whom = self._whom(protocol, standing)
        able = self.site.posting.able
        second = any(len(each.ways(able)) > 1 for _, each in whom)
        self.errand = _turned(self.errand, self.now, second=second)
        turn = self.errand.slot % 2
        messages = []
        for person, each in whom:
            ways = each.ways(able)
            # Whoever hears of it for the first time, having come on duty or been passed it, begins with the first way.
            way = 0 if self._fresh(person) else turn
            if way < len(ways) and (message := self._message(person, each, ways[way])) is not None:
                messages.append(message)
        return self._planned([*messages, *self._webhooks()])

    def _cover(self) -> Plan:
        """To one who could cover a shift, outside their quiet hours unless it begins within those."""
        found = self.errand
        self.shift = covering.shift(self.connection, found)
        if self.shift is None or self.now >= self.shift.ends_at:
            return self._over("ended")
        if self.now - found.since > GIVE_UP:
            return self._over("unanswered")
        return self._once(resolving.one_person(self.connection, found.person or "", self.site.posting.able))

    def _fresh(self, person: Person) -> bool:
        return not any(each.person == person.id and each.count for each in self.errand.contacts)

    def _once(self, whom: Sequence[tuple[Person, Reach]]) -> Plan:
        """What is told once: to each by the first way, or (a test) by all."""
        able, messages, held = self.site.posting.able, [], []
        for person, each in whom:
            ways = each.ways(able)
            until = reach.quiet_until(each.quiet, self.now, self._zone()) if self.errand.kind in HELD else None
            if until is not None and (self.shift is None or self.shift.starts_at >= until):
                held.append(until)
                continue
            chosen = _chosen(self.errand.kind, ways)
            messages += [found for way in chosen if (found := self._message(person, each, way)) is not None]
        return replace(self._planned([*messages, *self._webhooks()]), until=min(held, default=None))

    def _whom(self, protocol: Protocol, standing: Standing) -> tuple[tuple[Person, Reach], ...]:
        """Who is to be told: whose own it is, or whoever answers for the role now."""
        found, able = self.errand, self.site.posting.able
        named = standing.person if found.kind is Kind.REMIND or found.kind in NUDGES else found.person
        if named is not None and named not in found.passed:
            own = resolving.one_person(self.connection, named, able, case_id=found.case_id)
            if own:
                return own
        return resolving.answering(
            self.connection,
            protocol,
            found.role or "",
            self.now,
            able=able,
            case_id=found.case_id,
            passed=found.passed,
        )

    def _message(self, person: Person, each: Reach, channel: str) -> Message | None:
        """A message, unless this turn's has gone out already."""
        known = self.errand.contact(person.id, channel)
        if known is not None and known.slot == self.errand.slot and known.state in {"sent", "delivered"}:
            return None
        to = each.address(channel)
        if to is None:
            return None
        codes = self._codes(person, each, channel) if self.errand.kind in DUTY and channel != "email" else None
        link = self._link(person) if channel == "email" else None
        reader = wording.To(each.language, self.site.posting.sender, not self._fresh(person))
        if self.shift is None:
            said = wording.said(self.errand, self.standing, self.protocol, self.now, reader)
        else:
            said = wording.cover(self.shift, self._zone(), self.now, reader)
        return Message(
            id=self._id(person.id, channel),
            person=person.id,
            channel=channel,
            to=to,
            said=said.call() if channel == "call" else said.text(codes, link),
            voicemail=said.voicemail() if channel == "call" else "",
        )

    def _codes(self, person: Person, each: Reach, channel: str) -> Codes:
        """The reply codes of this errand for a person: given once, and kept before they are sent."""
        known = next((one.code for one in self.errand.contacts if one.person == person.id and one.code), None)
        code = known or replies.free_code(self.connection, each.phone or "", self.errand, self.now)
        before = self.errand.contact(person.id, channel)
        if before is None or before.code is None:
            made = before or Contact(
                person=person.id, channel=channel, state="later", slot=-1, at=self.now, first_at=self.now, count=0
            )
            # Not the turn that was worked out above: a crash must find the errand as it was.
            self.errand = self.errand.with_contact(replace(made, code=code))
            kept = errands.one(self.connection, self.errand.id)
            if kept is not None:
                errands.put_back(self.connection, kept.with_contact(replace(made, code=code)))
        return Codes(code, code + 1)

    def _link(self, person: Person) -> str | None:
        if self.errand.kind not in DUTY or self.site.origin is None or self.standing is None:
            return None
        if self.standing.task_id is None:
            return None
        return f"{self.site.origin}/have-it/{have_it.make(self.connection, self.standing.task_id, person.id, self.now)}"

    def _webhooks(self) -> list[Message]:
        """To the agency's own systems: each once, and again until it answers well."""
        found = self.errand
        if found.kind not in DUTY and found.kind not in ABOUT_A_NOTICE:
            return []
        messages = []
        for hook in self.site.posting.webhooks:
            known = found.contact(hook.id, "webhook")
            waits = known is not None and known.again_at is not None and known.again_at > self.now
            if hook.agency != found.agency or waits or (known is not None and known.state in {"delivered", "dead"}):
                continue
            task = None if self.standing is None else self.standing.task_id
            body = {"notice": found.notice_id, "task": task, "id": found.id}
            messages.append(
                Message(
                    id=self._id(hook.id, "webhook", turn=0),
                    person=hook.id,
                    channel="webhook",
                    to=hook.id,
                    said="",
                    webhook=hook,
                    body={
                        "type": "notice.duty" if found.kind in DUTY else "notice.told",
                        "timestamp": clocks.moment(found.since).isoformat(),
                        **{name: value for name, value in body.items() if value is not None},
                    },
                )
            )
        return messages

    def _id(self, to: str, channel: str, turn: int | None = None) -> str:
        """The same for the same message, whoever sends it and however often."""
        slot = self.errand.slot if turn is None else turn
        parts = f"{self.errand.id}|{to}|{channel}|{slot}"
        return f"{self.errand.id}-{hashlib.sha256(parts.encode()).hexdigest()[:10]}"

    def _zone(self) -> str:
        if self.shift is not None:
            texts = protocols.texts(self.connection).values()
            known = (each for each in texts if self.shift.role in each.role)
            return next((watching.zone_of(each, self.shift.role) for each in known), "UTC")
        if self.protocol is None:
            return "UTC"
        return self.protocol.calendar[self.errand.agency].zone

    def _over(self, why: str, by: OpaqueId | None = None) -> Plan:
        return Plan(errand=self.errand.over(why, self.now, by), messages=())

    def _planned(self, messages: Sequence[Message]) -> Plan:
        return Plan(errand=self.errand, messages=tuple(messages))


def _chosen(kind: Kind, ways: tuple[reach.Channel, ...]) -> tuple[reach.Channel, ...]:
    """By which of somebody's ways they are told once: a test by all, what answers a text by text, else by the first."""
    if kind is Kind.TEST:
        return ways
    if kind not in ABOUT_A_NOTICE | NUDGES | {Kind.COVER, Kind.STOPPED} and "text" in ways:
        return ("text",)
    return ways[:1]


def _turned(found: Errand, now: Instant, *, second: bool) -> Errand:
    """The errand in the turn that it is time for: even turns the first way, odd ones the second."""
    if found.slot_at is None:
        return replace(found, slot_at=now)
    if now >= found.slot_at + AGAIN:
        return replace(found, slot=found.slot + 2 - found.slot % 2, slot_at=now, fails=0)
    if second and found.slot % 2 == 0 and now >= found.slot_at + SECOND_WAY:
        return replace(found, slot=found.slot + 1, fails=0)
    return found


def next_turn(found: Errand, *, second: bool) -> Instant:
    """When a duty's next turn is."""
    began = found.slot_at or found.since
    return began + (SECOND_WAY if second and found.slot % 2 == 0 else AGAIN)
