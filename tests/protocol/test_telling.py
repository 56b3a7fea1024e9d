"""Every kind of limit and of cause, in every language."""

from __future__ import annotations

import pytest

from protocol.expressions import (
    AnchorKind,
    Edge,
    Expr,
    Extreme,
    Joined,
    Length,
    Offset,
    Point,
    Test,
    Unit,
)
from protocol.expressions import TestKind as Asked
from protocol.languages import LANGUAGES, TONGUES
from protocol.telling.pieces import Clock, Telling
from tests.protocol.test_explain import PROTOCOL, at, clock

WORKING, COURT, PLAIN = "police", "court", None
START, END, AT = Edge.START, Edge.END, Edge.AT


def day(edge: Edge, calendar: str | None, count: int = 1) -> Offset:
    length = Length(count=count, unit=Unit.DAY, calendar=calendar)
    return Offset(anchor=AnchorKind.DELIVERY, length=length, edge=edge, at=13 * 60 if edge is AT else None)


def around(anchor: AnchorKind, name: str, count: int, unit: Unit = Unit.HOUR, *, before: bool = False) -> Offset:
    return Offset(anchor=anchor, name=name, length=Length(count=count, unit=unit), before=before)


FIELD, ITEM, REF = AnchorKind.FIELD, AnchorKind.ITEM, AnchorKind.REF
TWO = (day(END, PLAIN, 0), around(REF, "event:arrest", 0))
SOONER = Extreme(pick="earliest", points=TWO)
LAST_OF_FIRST = (
    "lo que ocurra último: (lo que ocurra primero: al final del día o cuando se informó «arrest») "
    "o al comienzo del día siguiente"
)


@pytest.mark.parametrize(
    ("point", "english", "spanish"),
    [
        (day(AT, PLAIN), "1:00 PM on the next day", "a la 1:00 p. m. del día siguiente"),
        (day(AT, WORKING), "1:00 PM on the next working day", "a la 1:00 p. m. del siguiente día hábil"),
        (day(AT, COURT), "1:00 PM on the next court day", "a la 1:00 p. m. del siguiente día de court"),
        (day(START, PLAIN), "the start of the next day", "al comienzo del día siguiente"),
        (day(START, WORKING), "the start of the next working day", "al comienzo del siguiente día hábil"),
        (day(START, COURT), "the start of the next court day", "al comienzo del siguiente día de court"),
        (day(START, PLAIN, 0), "the start of the day", "al comienzo del día"),
        (day(START, WORKING, 0), "the start of the working day", "al comienzo del día hábil"),
        (day(START, COURT, 0), "the start of the court day", "al comienzo del día de court"),
        (day(END, PLAIN, 0), "the end of the day", "al final del día"),
        (day(END, WORKING, 0), "the end of the working day", "al final del día hábil"),
        (day(END, COURT, 0), "the end of the court day", "al final del día de court"),
        (day(END, WORKING), "1 working day from when police gets this", "1 día hábil desde que police reciba esto"),
        (day(END, COURT, 3), "3 court days from when police gets this", "3 días de court desde que police reciba esto"),
        (around(FIELD, "hearing", 0), "the hearing (Fri 9:00 AM)",
         "en el momento de «hearing» (el viernes a las 9:00 a. m.)"),
        (around(FIELD, "hearing", 1), "1 hour after the hearing (Fri 9:00 AM)",
         "1 hora después de «hearing» (el viernes a las 9:00 a. m.)"),
        (around(FIELD, "review", 0), "the review (not known yet)", "en el momento de «review» (todavía no se sabe)"),
        (around(FIELD, "review", 2, Unit.MONTH), "2 months after the review (not known yet)",
         "2 meses después de «review» (todavía no se sabe)"),
        (around(ITEM, "deadline", 2, Unit.WEEK, before=True), "2 weeks before the deadline (Mon 5:00 PM)",
         "2 semanas antes de «deadline» (el lunes a las 5:00 p. m.)"),
        (around(ITEM, "deadline", 1, Unit.MINUTE), "1 minute after the deadline (Mon 5:00 PM)",
         "1 minuto después de «deadline» (el lunes a las 5:00 p. m.)"),
        (around(ITEM, "start", 1, Unit.SECOND), "1 second after the start (not known yet)",
         "1 segundo después de «start» (todavía no se sabe)"),
        (around(REF, "event:arrest", 0), "when arrest was reported", "cuando se informó «arrest»"),
        (SOONER, "the earlier of the end of the day and when arrest was reported",
         "lo que ocurra primero: al final del día o cuando se informó «arrest»"),
        (Extreme(pick="latest", points=TWO), "the later of the end of the day and when arrest was reported",
         "lo que ocurra último: al final del día o cuando se informó «arrest»"),
        (Extreme(pick="earliest", points=(SOONER, day(START, PLAIN))),
         "the earliest of the end of the day, when arrest was reported and the start of the next day",
         "lo que ocurra primero: al final del día, cuando se informó «arrest» o al comienzo del día siguiente"),
        (Extreme(pick="latest", points=(SOONER, day(START, PLAIN))),
         "the later of (the earlier of the end of the day and when arrest was reported) and the start of the next day",
         LAST_OF_FIRST),
    ],
)  # fmt: skip
def test_a_limit_is_said_whole(point: Point, english: str, spanish: str) -> None:
    """On each calendar, at each edge of a day, around each kind of anchor, known or not."""
    known = Clock(
        step="refer",
        owners=("patrol",),
        cause="event:arrest",
        fields={"hearing": at(6, 9)},
        item={"deadline": at(9, 17)},
    )

    said = [Telling(PROTOCOL, known, at(4, 14), LANGUAGES[each]).limit(point) for each in TONGUES]

    assert [english, spanish] == said


def asks(kind: Asked, name: str, value: int | str | None = None, *, negate: bool = False) -> Test:
    return Test(test=kind, name=name, value=value, negate=negate)


BOTH = (asks(Asked.TRUE, "urgent"), asks(Asked.OPEN, "call"))


@pytest.mark.parametrize(
    ("condition", "english", "spanish"),
    [
        (asks(Asked.TRUE, "urgent"), "urgent", "se cumple «urgent»"),
        (asks(Asked.TRUE, "urgent", negate=True), "not urgent", "no se cumple «urgent»"),
        (asks(Asked.KNOWN, "hearing"), "hearing is known", "se conoce «hearing»"),
        (asks(Asked.KNOWN, "hearing", negate=True), "hearing is not known", "no se conoce «hearing»"),
        (asks(Asked.IS, "held", "in-jail"), "held is in jail", "«held» es «in jail»"),
        (asks(Asked.IS, "held", "in-jail", negate=True), "held is not in jail", "«held» no es «in jail»"),
        (asks(Asked.AT_LEAST, "danger", 14), "danger is at least 14", "«danger» es 14 o más"),
        (asks(Asked.AT_MOST, "danger", 3), "danger is at most 3", "«danger» es 3 o menos"),
        (asks(Asked.OVER, "danger", 13), "danger is over 13", "«danger» es más de 13"),
        (asks(Asked.UNDER, "danger", 4), "danger is under 4", "«danger» es menos de 4"),
        (asks(Asked.PASSED, "hearing"), "hearing has passed", "ya pasó «hearing»"),
        (asks(Asked.HAPPENED, "event:arrest"), "arrest has happened", "ya ocurrió «arrest»"),
        (asks(Asked.HAPPENED, "outcome:call/talked"), "call ended as talked", "«call» terminó como «talked»"),
        (asks(Asked.OPEN, "call"), "call is open", "está en curso «call»"),
        (Joined(word="and", parts=BOTH), "urgent and call is open", "se cumple «urgent» y está en curso «call»"),
        (Joined(word="or", parts=BOTH), "urgent or call is open", "se cumple «urgent» o está en curso «call»"),
    ],
)  # fmt: skip
def test_a_condition_is_said_as_a_clause(condition: Expr, english: str, spanish: str) -> None:
    """Each kind of question, as it is and negated, alone and joined."""
    tellings = [Telling(PROTOCOL, clock("refer"), at(4, 14), LANGUAGES[each]) for each in TONGUES]

    assert [english, spanish] == [each.condition(condition) for each in tellings]


@pytest.mark.parametrize(
    ("ref", "english", "spanish"),
    [
        ("event:hearing-moved", "hearing moved was reported", "se informó «hearing moved»"),
        ("ended:refer", "refer ended", "terminó «refer»"),
        ("outcome:call/not-reached", "call ended as not reached", "«call» terminó como «not reached»"),
        ("opened:refer", "refer opened", "se abrió «refer»"),
        ("late:refer/2-days", "refer was late", "se retrasó «refer»"),
        ("cancelled:refer", "refer was cancelled", "se canceló «refer»"),
        ("settled:refer", "all of refer ended", "terminó todo lo de «refer»"),
        ("wait:at-hearing", "a set time came", "llegó un momento fijado"),
        ("counter:absences/4", "absences reached 4", "«absences» llegó a 4"),
    ],
)
def test_a_cause_is_said_as_a_clause(ref: str, english: str, spanish: str) -> None:
    """Each kind of occurrence."""
    tellings = [Telling(PROTOCOL, clock("refer"), at(4, 14), LANGUAGES[each]) for each in TONGUES]

    assert [english, spanish] == [each.cause(ref) for each in tellings]
