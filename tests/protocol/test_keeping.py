"""How long parts of a case are kept: the classes a text says, the one a case comes to, the instant that follows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.compiling.compiler import compile_text
from protocol.engine import clocks
from protocol.engine.retention import UNSAID, class_of, erase_at, happened, keeper, length_said, next_look, part, parts
from protocol.facts import Ending, EventRecorded, StepDelivered, StepEnded
from protocol.kernel import Protocol
from protocol.languages import Tongue
from protocol.names import Ref
from protocol.serial import dump_protocol
from protocol.telling.outline import outline
from tests.protocol.random_runs import Run
from tests.protocol.texts import SMALL, TODAY, compiled, small

KEPT = """\
keep:
 shelter:
  never-reached: 6 months
  reached: {for: 6 weeks, once: call talked}
  served: {for: 6 years, once: moved}
 numbers: 30 days
"""
END = clocks.instant(clocks.moment(0).replace(year=2026, month=3, day=2, hour=20))
SLUGS = ("post-arrest-advocacy", "full-case-flow", "marac", "self-referral")


def kept() -> Protocol:
    return compile_text(SMALL + KEPT, today=TODAY, explored=False).protocol


def test_a_text_that_says_nothing_of_keeping_has_the_hash_it_had() -> None:
    """Cases that run on it find their protocol, and what Temporal keeps of them replays."""
    assert "ead58e376056e0c4901c0e86716acbc97ed96e5260c931f659344cc1064e4319" == small().hash
    assert b"keeping" not in dump_protocol(small().protocol)


@pytest.mark.parametrize(
    ("occurred", "name"),
    [
        ((), "never-reached"),
        (("outcome:call/not-reached",), "never-reached"),
        (("outcome:call/talked",), "reached"),
        (("event:moved",), "served"),
        (("outcome:call/talked", "event:moved"), "served"),
    ],
)
def test_a_case_is_in_the_last_class_it_has_come_to(occurred: tuple[Ref, ...], name: str) -> None:
    """The first where nothing has come; the order of the text decides between two that have."""
    keeping = part(kept(), "shelter")
    assert keeping is not None
    assert name == class_of(keeping, frozenset(occurred)).id


def test_a_part_is_kept_to_the_end_of_the_last_day_of_its_time() -> None:
    """Six weeks, six months and six years after 2 March, in the protocol's zone, where clocks were moved between."""
    protocol = kept()
    keeping = part(protocol, "shelter")
    assert keeping is not None
    ends = [clocks.moment(erase_at(protocol, each, END), protocol.zone) for each in keeping.classes]

    assert ["2026-09-03T00:00:00-05:00", "2026-04-14T00:00:00-05:00", "2032-03-03T00:00:00-06:00"] == [
        each.isoformat() for each in ends
    ]


def test_what_the_text_does_not_say_is_kept_for_six_years() -> None:
    """Every agency that has a part, in the order of the text; a value only where it has a time of its own."""
    assert [("police", (UNSAID,)), ("shelter", (UNSAID,))] == [(e.of, e.classes) for e in parts(small().protocol)]
    assert ["police", "shelter", "numbers"] == [each.of for each in parts(kept())]
    assert ("shelter", "shelter") == (keeper(kept(), "numbers"), keeper(kept(), "shelter"))
    assert part(kept(), "council") is None


@given(occurred=st.sets(st.sampled_from(["outcome:call/talked", "event:moved", "outcome:call/not-reached"])))
def test_when_a_part_is_looked_at_again_tells_nothing_of_its_class(occurred: set[str]) -> None:
    """Whatever a case came to, it passes every class's time, and its own is one of them."""
    protocol = kept()
    keeping = part(protocol, "shelter")
    assert keeping is not None
    looks, at = [], END
    while (following := next_look(protocol, keeping, END, at)) is not None:
        looks.append(following)
        at = following

    assert looks == sorted(erase_at(protocol, each, END) for each in keeping.classes)
    assert erase_at(protocol, class_of(keeping, frozenset(occurred)), END) in looks


def test_a_class_goes_by_what_the_facts_of_a_case_say() -> None:
    """Events, openings and outcomes of a real case; every cause of every bundled class is of those kinds."""
    run = Run(compiled("post-arrest-advocacy").protocol)
    assert happened(each.body for each in run.facts) == frozenset()
    for slug in SLUGS:
        protocol = compiled(slug).protocol
        causes = {ref for keeping in protocol.keeping for each in keeping.classes for ref in each.once}
        assert {each.partition(":")[0] for each in causes} <= {"event", "ended", "opened", "outcome"}
    bodies = (
        EventRecorded(event="moved", agency="police", person="p"),
        StepDelivered(instance=1, step="call", owners=("advocate",), from_agency=None, cause="outcome:refer/given",
                      due=None, short_notice=False, receipt=False, round=0),
        StepEnded(instance=1, step="call", outcome="talked", how=Ending.ANSWERED, on_time=True, role=None, person=None),
    )  # fmt: skip
    assert {"event:moved", "opened:call", "ended:call", "outcome:call/talked"} == happened(bodies)


@pytest.mark.parametrize("slug", SLUGS)
def test_the_bundled_protocols_say_how_long_they_keep(slug: str) -> None:
    """T11: never reached 6 months, reached without service 6 weeks, served 6 years; a program's file 5 years."""
    protocol = compiled(slug).protocol
    said = [[length_said(each.length) for each in keeping.classes] for keeping in protocol.keeping]
    services = [["6 months", "6 weeks", "6 years"]]

    assert said == {"full-case-flow": [["5 years"]], "marac": [*services, ["6 years"]]}.get(slug, services)


def test_the_outline_tells_how_long_each_part_is_kept() -> None:
    """What a council reads of the classes, and of what the text leaves out."""
    (lines,) = (each.lines for each in outline(kept()).parts if each.title == "How long it is kept")

    assert lines == (
        (
            "Shelter: 6 months after the case (never reached); 6 weeks once call ends as talked (reached); "
            "6 years once moved is reported (served)."
        ),
        "Numbers: 30 days after the case.",
        "Everything else: 6 years after the case. What is under a hold stays until the hold is lifted.",
    )


@pytest.mark.parametrize(("tongue", "said"), [("en", ("6 weeks", "6 years")), ("es", ("6 semanas", "6 años"))])
def test_a_time_is_said_in_every_language(tongue: Tongue, said: tuple[str, str]) -> None:
    """Years are years and not months."""
    classes = next(each.classes for each in kept().keeping)
    assert said == tuple(length_said(each.length, tongue) for each in classes[1:])
