"""Handoffs of the page, as a case goes through them: those whose timing the language says in more than one key."""

from __future__ import annotations

import pytest

from protocol.compiling.compiler import compile_text
from protocol.engine import clocks
from protocol.messages import Actor, Answer, EventHappened
from protocol.state import Phase
from tests.protocol.pages import examples
from tests.protocol.random_runs import START, Run, actor
from tests.protocol.texts import TODAY

HALF = clocks.HOUR // 2


def rounds(event: str, *outcomes: str) -> list[tuple[str, float]]:
    """The calls of the handoff that begins with an event, in hours after it; each is answered as it comes."""
    (example,) = [each for each in examples("handoffs.md") if f"{event}: {{from: jail, then" in each.said]
    run = Run(compile_text(example.whole, today=TODAY).protocol)
    reported = run.send(EventHappened(event=event), Actor(person="records", role=None, agency="jail"))
    assert reported.refusal is None
    answers, found = iter(outcomes), []
    for quarter in range(60 * 4):
        run.until(START + quarter * HALF // 2)
        for each in [each for each in run.state.instances if each.phase is Phase.OPEN]:
            found.append((each.step, quarter / 4))
            answer = Answer(instance=each.n, outcome=next(answers, "no-answer"), fields={})
            assert run.send(answer, actor(run.protocol, each.owners[0])).refusal is None
    return found


def test_calls_go_on_every_half_hour_for_a_day() -> None:
    """Unanswered, there are 49 in 24 hours, and none after."""
    found = rounds("custody-changed")

    assert [("call", number / 2) for number in range(49)] == found


def test_after_a_voice_box_calls_come_every_two_hours() -> None:
    """The third call reaches a voice box: from then on every second hour, within the same day."""
    found = rounds("custody-changed", "no-answer", "no-answer", "voice-box")

    assert [("call", 0.0), ("call", 0.5), ("call", 1.0)] == found[:3]
    assert [("slow-call", float(hour)) for hour in range(3, 24, 2)] == found[3:]


@pytest.mark.parametrize("event", ["custody-changed", "let-out"])
def test_a_confirmation_ends_the_calls(event: str) -> None:
    """Whoever confirms is not called again."""
    assert len(rounds(event, "no-answer", "confirmed")) == 2


def test_rounds_are_counted_from_the_first_that_is_handed_over() -> None:
    """The first call waits a quarter of an hour and takes the others with it; a voice box makes two hours' rest."""
    found = rounds("let-out", "no-answer", "voice-box")

    assert [("call", 0.25), ("call", 0.75), ("call", 2.75), ("call", 3.25)] == found[:4]
    assert found[-1] == ("call", 47.75)
