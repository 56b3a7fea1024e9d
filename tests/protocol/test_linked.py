"""Linked cases as the core sees them: what their notices bring about, what a linked case takes of what it is told."""

from __future__ import annotations

import pytest

from protocol.engine.machine import Result, step
from protocol.facts import LinkNoticed, LinkNotStarted
from protocol.messages import Actor, EventHappened, Input, LinkNotice
from protocol.names import Slug
from protocol.state import CaseState, Code, Linked, Status, Value
from tests.workflows.texts import advocacy, errand

NOW = 1_772_856_000_000_000
STARTED = 3


def happens(event: Slug, command: str, *, linked: bool = False, **fields: Value) -> Input:
    actor = Actor(person="reporter", role=None, agency="police", linked=linked)
    brought = {name.replace("_", "-"): value for name, value in fields.items()}
    return Input(command=command, actor=actor, body=EventHappened(event=event, fields=brought))


def notice(*, ended: bool, seq: int = STARTED) -> Input:
    return Input(command=f"n-{seq}-{ended}", actor=None, body=LinkNotice(link="papers", seq=seq, ended=ended))


def told(*commands: Input) -> Result:
    """The small errand begun, and then told these."""
    result = step(errand(), CaseState(), happens("begun", "begun"), NOW)
    for each in commands:
        result = step(errand(), result.state, each, NOW)
    return result


def test_a_case_waits_for_its_linked_case_to_open() -> None:
    """A case with nothing else to do goes on until the case it began has opened: what waits for that still comes."""
    begun, opened = told(), told(notice(ended=False))

    assert (begun.state.status, begun.state.instances) == (Status.OPEN, ())
    assert [each.step for each in opened.state.instances] == ["follow"]


@pytest.mark.parametrize("first", [False, True])
def test_notices_may_come_in_either_order(first: bool) -> None:  # noqa: FBT001 - the two orders
    """Opened and ended happen once each, opened first, whichever notice comes first."""
    commands = [notice(ended=first), notice(ended=not first)]
    facts = [each.body for number in (1, 2) for each in told(*commands[:number]).facts]
    state = told(*commands).state

    assert [each.ended for each in facts if isinstance(each, LinkNoticed)] == [False, True]
    assert state.links["papers"] == Linked(seq=STARTED, opened=True, ended=True)
    assert [each.step for each in state.instances] == ["follow", "shelve"]


def test_a_notice_of_no_linked_case_is_refused() -> None:
    """A notice that names another fact than the one that began the linked case changes nothing."""
    refusal = told(notice(ended=True, seq=99)).refusal

    assert refusal is not None
    assert refusal.code is Code.NOT_LINKED


def test_a_link_opens_one_case() -> None:
    """Another cause begins no second linked case, whatever has become of the first."""
    (last,) = [each.body for each in told(happens("begun", "again")).facts if isinstance(each.body, LinkNotStarted)]

    assert last.why == "once"


def test_a_linked_case_takes_what_its_event_brings() -> None:
    """Of what another case tells it a linked case leaves out what its own event does not ask; a person is refused."""
    taken, refused = (
        step(
            advocacy(),
            CaseState(),
            happens("arrest-booked", "c1", linked=linked, spoken_language="english", weapons=True),
            NOW,
        )
        for linked in (True, False)
    )

    assert taken.state.fields == {"spoken-language": "english"}
    assert refused.refusal is not None
    assert refused.refusal.code is Code.UNKNOWN_FIELD
