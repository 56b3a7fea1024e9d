"""The explained clock: why a task is due then, what changed, who hears next, what ends it.

Pure: sentences are chosen here, from the protocol and what the read model knows of one task, at an instant, for the
people of the owning agency or for others (who see *sent*, *in hand* or *not taken up*, and nothing else); a language
says them. Absolute time comes before the amount, so a stale page stays true; amounts round down and are never 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from protocol.engine.points import truth
from protocol.expressions import AnchorKind
from protocol.kernel import Guard, Protocol, Rung
from protocol.languages import DEFAULT, LANGUAGES, Tongue
from protocol.languages.language import Say
from protocol.origins import offsets
from protocol.state import Instant, PauseReason
from protocol.telling.pieces import ACTS, Clock, Telling
from protocol.telling.wording import capital, words

MOST_TOLD = 4
"""How many of those who were told are named, the latest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Five sentences, each possibly empty: state and time, why, what changed, who hears next, what ends it."""

    head: str
    why: str = ""
    change: str = ""
    next: str = ""
    ends: str = ""

    def text(self) -> str:
        """All of it, as one paragraph."""
        return " ".join(each for each in (self.head, self.why, self.change, self.next, self.ends) if each)


def explain(protocol: Protocol, clock: Clock, now: Instant, language: Tongue = DEFAULT) -> Explanation:
    """The sentences for one task at an instant, in a language, in the zone of the owning agency."""
    said = _Sentences(Telling(protocol, clock, now, LANGUAGES[language]))
    return said.outside() if clock.outsider else said.inside()


class _Sentences:
    def __init__(self, telling: Telling) -> None:
        self.telling = telling
        self.step = telling.step
        self.clock = telling.clock
        self.now = telling.now
        self.at = telling.at
        self.say = telling.language.say
        self.amount = telling.language.amount

    def outside(self) -> Explanation:
        clock = self.clock
        private = self.say(Say.PRIVATE, agency=words(self.telling.agency))
        if clock.taken is not None:
            return Explanation(head=self.say(Say.IN_HAND, at=self.at(clock.taken)), why=private)
        sent = self.now if clock.delivered is None else clock.delivered
        head = Say.NOT_TAKEN_UP if clock.told else Say.SENT
        return Explanation(
            head=self.say(head, at=self.at(sent), amount=self.amount(self.now - sent)),
            why=private,
            next=self._told() or self._next((Guard.NOT_TAKEN_UP,)),
        )

    def inside(self) -> Explanation:
        clock = self.clock
        if clock.ended is not None:
            return Explanation(head=self._ended(clock.ended))
        if clock.delivered is None:
            return self._waiting()
        if clock.receipt:
            return Explanation(
                head=self.say(Say.HANDED_OVER, at=self.at(clock.delivered)),
                why=self.say(Say.SAY_YOU_HAVE_IT),
                ends=self.say(Say.ENDS_TAKEN),
            )
        if clock.paused_until is not None and clock.paused_until > self.now:
            reason = self.telling.language.reasons[clock.pause_reason or PauseReason.OTHER]
            head = self.say(Say.PAUSED, reason=reason)
            return Explanation(head=head, why=self._pause(clock.paused_until), ends=self._ends())
        if clock.due is not None:
            return self._running(clock.due)
        if self.step.due is not None:
            head = self.say(Say.NO_DUE_YET)
            return Explanation(head=head, why=self._why(), change=self._change(), ends=self._ends())
        return Explanation(head=self.say(Say.NO_DEADLINE), why=self.say(Say.LEAD_REMINDED), ends=self._ends())

    def _running(self, due: Instant) -> Explanation:
        at, late = self.at(due), due < self.now
        if self.clock.short_notice:
            head = self.say(Say.SHORT_NOTICE, at=at)
        elif late:
            head = self.say(Say.LATE, amount=self.amount(self.now - due), at=at)
        else:
            head = self.say(Say.DUE, amount=self.amount(due - self.now), at=at)
        return Explanation(
            head=head,
            why=self._why(),
            change=self._change(),
            next=self._told() if late else self._next(self._guards()),
            ends=self.say(Say.STILL_POSSIBLE) if late and not self.clock.short_notice else self._ends(),
        )

    def _waiting(self) -> Explanation:
        clock = self.clock
        if clock.starts is None:
            return Explanation(head=self.say(Say.NOT_YET_KNOWN), why=self.say(Say.WAITS_UNKNOWN))
        why = Say.OLD_RECORD if clock.held else Say.NOTHING_NOW
        return Explanation(head=self.say(Say.NOT_YET, at=self.at(clock.starts)), why=self.say(why))

    def _ended(self, ended: Instant) -> str:
        clock = self.clock
        if clock.outcome is None:
            return self.say(Say.ENDED)
        if clock.due is None:
            return self.say(Say.DONE, at=self.at(ended))
        due, at = self.at(clock.due), self.at(ended)
        if clock.on_time:
            return self.say(Say.DONE_ON_TIME, due=due, at=at)
        return self.say(Say.DONE_LATE, amount=self.amount(max(0, ended - clock.due)), due=due, at=at)

    def _pause(self, until: Instant) -> str:
        """A pause stops what runs from the delivery; it moves no hearing."""
        point, due = self.step.due, self.clock.due
        moved = [each.anchor is AnchorKind.DELIVERY for each in offsets(point)] if point is not None else []
        if moved and all(moved):
            return self.say(Say.PAUSE_ENDS_REST_LEFT, at=self.at(until))
        if moved and not any(moved) and due is not None:
            return self.say(Say.PAUSE_MOVES_NOTHING, at=self.at(until), due=self.at(due))
        return self.say(Say.PAUSE_ENDS, at=self.at(until))

    def _why(self) -> str:
        if self.step.due is None:
            return ""
        return self.say(Say.BECAUSE, limit=capital(self.telling.limit(self.step.due)))

    def _change(self) -> str:
        clock = self.clock
        if clock.was is None or clock.was == clock.due:
            return ""
        if clock.moved_by is None:
            return self.say(Say.WAS, at=self.at(clock.was))
        return self.say(Say.WAS_UNTIL, at=self.at(clock.was), cause=self.telling.cause(clock.moved_by))

    def _guards(self) -> tuple[Guard, ...]:
        """The guards of the rungs that may still fire."""
        clock, tries = self.clock, self.step.tries
        found = [Guard.NONE]
        if clock.tries == 0:
            found += [Guard.UNTRIED, Guard.NOT_TRIED_IN_TIME]
        if tries is not None and clock.tries < tries.count:
            found.append(Guard.TOO_FEW_TRIES)
        if clock.taken is None:
            found += [Guard.UNACKNOWLEDGED, Guard.NOT_TAKEN_UP]
        return tuple(found)

    def _next(self, guards: tuple[Guard, ...]) -> str:
        coming = [(at, rung) for rung in self.step.rungs if rung.guard in guards for at in self._fires(rung)]
        if not coming:
            return ""
        at, rung = min(coming, key=lambda each: each[0])
        acts = [self.telling.act(each) for each in rung.acts if each.act in ACTS]
        count = 0 if self.step.tries is None else self.step.tries.count
        said = self.telling.language.listed(acts)
        return self.say(_LEADS.get(rung.guard, Say.IF_NOT_DONE), count=count, at=self.at(at), acts=said)

    def _fires(self, rung: Rung) -> Iterator[Instant]:
        """When a rung that says something is to come, if it is to come and is known."""
        if rung.every is not None or not any(each.act in ACTS for each in rung.acts):
            return
        if rung.only_if is not None and truth(self.telling.view, rung.only_if) is not True:
            return
        at = self.telling.resolved(rung.at)
        if at is not None and at > self.now:
            yield at

    def _told(self) -> str:
        if not self.clock.told:
            return ""
        said = [
            self.say(Say.TOLD_WHOM, roles=self.telling.people(roles), at=self.at(at))
            for at, roles in self.clock.told[-MOST_TOLD:]
        ]
        return self.say(Say.TOLD, told="; ".join(said))

    def _ends(self) -> str:
        if self.step.votes is not None and not self.step.votes.owner_decides:
            return self.say(Say.ENDS_BY_VOTES)
        return self.say(Say.ENDS_DONE if len(self.step.outcomes) == 1 else Say.ENDS_RECORDED)


_LEADS = {
    Guard.UNACKNOWLEDGED: Say.IF_NOT_TAKEN,
    Guard.NOT_TAKEN_UP: Say.IF_NOT_TAKEN,
    Guard.UNTRIED: Say.IF_NOT_TRIED,
    Guard.NOT_TRIED_IN_TIME: Say.IF_NOT_TRIED,
    Guard.TOO_FEW_TRIES: Say.IF_TOO_FEW_TRIES,
}
