"""What becomes of a duty whose step comes or goes with a newer text: decided by a line of the plan, and undone."""

from __future__ import annotations

import re

from protocol.engine.machine import earliest, step
from protocol.facts import StepCancelled
from protocol.messages import TICK, Answer, Input
from protocol.migrating.crossing import migrate, undo
from protocol.migrating.hindrances import Code
from protocol.serial import FACT, dump_protocol, protocol_hash
from protocol.state import Status
from tests.protocol.random_runs import Run, actor
from tests.protocol.test_migrating import (
    DAY,
    MORE,
    NOT_OWED,
    back,
    begun,
    calling,
    compiled,
    dues,
    hours,
    moved,
    pinned,
    way,
)
from tests.protocol.texts import SMALL, changed


def test_a_new_step_whose_moment_has_passed_must_be_decided() -> None:
    """Without a line it is refused naming the step; opened it is delivered at the move; waived it is not."""
    run = calling()
    made, _ = moved(run, MORE, hours(1))
    assert made.hindrance is not None
    assert (made.hindrance.code, made.hindrance.place) == (Code.WOULD_BE_OWED, "note")
    made, there = moved(run, MORE, hours(1), steps={"note": {"passed": "open"}})
    assert dues(there.onto, made.result.state)[3] == hours(2)
    waived = {"note": {"passed": "waive", "because": "placeholder"}}
    made, _ = moved(run, MORE, hours(1), steps=waived)
    assert [each.step for each in made.result.state.instances] == ["call"]


def test_a_step_that_is_gone_must_be_decided() -> None:
    """An open duty is never dropped in silence: it is closed by a named line, or the case stays."""
    run = calling(text=MORE)
    made, _ = moved(run, SMALL, hours(0.5))
    assert made.hindrance is not None
    assert (made.hindrance.code, made.hindrance.place) == (Code.STEP_GONE, "note")
    made, there = moved(run, SMALL, hours(0.5), steps={"note": NOT_OWED})
    (closed,) = [each for each in made.result.facts if isinstance(each.body, StepCancelled)]
    assert FACT.validate_json(FACT.dump_json(closed)) == closed
    assert [each.step for each in made.result.state.instances] == ["call"]
    taken = undo(back(there, made), made.result.state, "run", hours(0.75))
    assert sorted(each.step for each in taken.result.state.instances) == ["call", "note"]


def test_however_often_a_case_moves_it_carries_terms_under_one_mark_for_a_published_text() -> None:
    """Missed under a shorter window, taken back, and so on: what it runs on stands for the text it was told to."""
    run = begun()
    state, on = run.state, run.protocol
    small = protocol_hash(dump_protocol(on))
    for number, window in enumerate(("90 minutes", "3 hours", "80 minutes")):
        there = way(on, compiled(changed("within 2 hours", f"within {window}")))
        made = migrate(there, state, f"run-{number}", hours(1 + 3 * number))
        assert (made.hindrance, there.onto.base or there.target) == (None, there.target)
        again = back(there, made)
        taken = undo(again, made.result.state, f"run-{number}", hours(2 + 3 * number))
        assert taken.hindrance is None
        state, on = taken.result.state, pinned(again, taken)
        assert (on.base or protocol_hash(dump_protocol(on))) == small
        (refer,) = [each for each in state.instances if on.known_as[each.step] == "refer"]
        assert re.fullmatch("refer-k[0-9a-f]{8}", refer.step)


def test_a_case_whose_last_duty_a_plan_closed_stays_open_for_the_way_back() -> None:
    """For 30 days with nothing owed; taken back it is owed again, and not taken back the case ends by itself."""
    run = calling(text=MORE)
    (call,) = [each.n for each in run.state.instances if each.step == "call"]
    assert run.send(Answer(instance=call, outcome="talked"), actor(run.protocol, "advocate")).refusal is None
    made, there = moved(run, SMALL, hours(0.5), steps={"note": NOT_OWED})
    state = made.result.state
    assert (state.status, state.instances) == (Status.OPEN, ())
    later = step(there.onto, state, TICK, hours(0.5) + 30 * DAY - 1).state
    assert later.status is Status.OPEN
    taken = undo(back(there, made), later, "run", later.now)
    assert [each.step for each in taken.result.state.instances] == ["note"]
    ends = earliest(there.onto, later)
    assert ends == hours(0.5) + 30 * DAY
    assert step(there.onto, later, TICK, ends).state.status is Status.ENDED


JOINED = MORE.replace(
    "  outcomes: [talked, not-reached]",
    """\
  outcomes: [talked, not-reached]
 plan:
  when all of: [call talked, note written]
  who: advocate
  must: make a plan
  due: within 1 hour""",
)
CHECKED = JOINED.replace("note written]", "note written, check done]").replace(
    "steps in care:",
    """\
 check:
  when: refer given
  who: sergeant
  must: check it
  due: within 1 day
steps in care:""",
)


def talked(text: str) -> Run:
    """She was called, which is one arm of the join."""
    run = calling(text=text)
    (call,) = [each.n for each in run.state.instances if each.step == "call"]
    assert run.send(Answer(instance=call, outcome="talked"), actor(run.protocol, "advocate")).refusal is None
    return run


def test_a_join_never_waits_for_a_branch_that_is_gone() -> None:
    """What it waited for is gone: it opens by the plan's word, and without one the case stays."""
    only = JOINED.replace("when all of: [call talked, note written]", "when: call talked")
    without = only[: only.index(" note:")] + only[only.index("steps in care:") :]
    close = {"note": NOT_OWED}
    made, _ = moved(talked(JOINED), without, hours(0.5), steps=close)
    assert made.hindrance is not None
    assert (made.hindrance.code, made.hindrance.place) == (Code.WOULD_BE_OWED, "plan")
    made, _ = moved(talked(JOINED), without, hours(0.5), steps={**close, "plan": {"passed": "open"}})
    assert [each.step for each in made.result.state.instances] == ["plan"]


def test_a_join_waits_for_a_new_branch_once_that_is_owed() -> None:
    """Undecided the case stays; opened at the move the new duty fills its arm when it is done, and the join opens."""
    made, _ = moved(talked(JOINED), CHECKED, hours(0.5))
    assert made.hindrance is not None
    assert (made.hindrance.code, made.hindrance.place) == (Code.WOULD_BE_OWED, "check")

    made, there = moved(talked(JOINED), CHECKED, hours(0.5), steps={"check": {"passed": "open"}})
    assert made.hindrance is None
    state = made.result.state
    for name, outcome in (("note", "written"), ("check", "done")):
        assert "plan" not in {each.step for each in state.instances}
        (n,) = [each.n for each in state.instances if each.step == name]
        done = Input(command=name, actor=actor(there.onto, "sergeant"), body=Answer(instance=n, outcome=outcome))
        state = step(there.onto, state, done, hours(0.6)).state
    assert [each.step for each in state.instances] == ["plan"]
