"""What a form or an event brings: each value checked against its field, each outcome against its form."""

from __future__ import annotations

from dataclasses import replace

from protocol.engine import clocks
from protocol.engine.points import truth
from protocol.engine.running import Running
from protocol.kernel import MOST_ITEMS, Field, FieldType, Outcome, Step
from protocol.messages import Answer, CastVote, Refusal
from protocol.names import Slug
from protocol.state import Code, Instance, Instant, Status, Value

YEAR = 366 * 24 * clocks.HOUR


def check_outcome(running: Running, body: Answer | CastVote, instance: Instance, step: Step) -> Refusal | None:
    """Why this outcome, with what its form was given, cannot be taken now, or None."""
    outcome = next((each for each in step.outcomes if each.id == body.outcome), None)
    if outcome is None:
        return Refusal(code=Code.UNKNOWN_OUTCOME, place=body.outcome)
    if outcome.only_if is not None and truth(running.view(), outcome.only_if) is not True:
        return Refusal(code=Code.OUTCOME_CLOSED, place=outcome.id)
    tries = step.tries
    if tries is not None and not tries.up_to and tries.then == outcome.id and instance.tries < tries.count:
        return Refusal(code=Code.TRIES_FIRST, place=outcome.id, limit=tries.count)
    return check_form(running, outcome, body) or check_fields(running, body.fields)


def check_form(running: Running, outcome: Outcome, body: Answer | CastVote) -> Refusal | None:
    """Why the form is not filled in as it must be, or None. A field asked under a condition is needed only then."""
    view = running.view()
    view = replace(view, fields={**view.fields, **body.fields})
    asked = {each.name for each in outcome.asks}
    for name in (*body.fields, *body.refs):
        if name not in asked:
            return Refusal(code=Code.UNKNOWN_FIELD, place=name)
    for ask in outcome.asks:
        given = ask.name in body.refs if ask.name in running.protocol.slot else ask.name in body.fields
        known = running.protocol.field.get(ask.name)
        wanted = known is None or known.asked_if is None or truth(view, known.asked_if) is True
        if ask.required and wanted and not given:
            return Refusal(code=Code.FIELD_REQUIRED, place=ask.name)
    return None


def check_fields(running: Running, fields: dict[Slug, Value]) -> Refusal | None:
    """Why these values cannot be taken, or None."""
    opened = running.now if running.status is Status.NEW else running.opened
    for name, value in fields.items():
        field = running.protocol.field.get(name)
        if field is None:
            return Refusal(code=Code.UNKNOWN_FIELD, place=name)
        code = _list_fault(field, value, opened) if field.type is FieldType.LIST else _fault(field, value, opened)
        if code is not None:
            return Refusal(code=code, place=name)
    return None


def _list_fault(field: Field, value: Value, opened: Instant) -> Code | None:
    """A list's items are whole: every column, each of its type."""
    if not isinstance(value, tuple):
        return Code.FIELD_TYPE
    if len(value) > MOST_ITEMS:
        return Code.FIELD_RANGE
    columns = {each.id: each for each in field.columns}
    for item in value:
        if set(item) != set(columns):
            return Code.FIELD_TYPE
        for name, part in item.items():
            code = _fault(columns[name], part, opened)
            if code is not None:
                return code
    return None


def _fault(field: Field, value: Value, opened: Instant) -> Code | None:
    number = value if isinstance(value, int) and not isinstance(value, bool) else None
    match field.type:
        case FieldType.YES_NO:
            return None if isinstance(value, bool) else Code.FIELD_TYPE
        case FieldType.ONE_OF:
            return None if value in field.choices else Code.FIELD_TYPE
        case FieldType.NUMBER if number is not None:
            return None if field.low <= number <= field.high else Code.FIELD_RANGE
        case FieldType.INSTANT if number is not None:
            # The span is narrow on purpose: no birth date fits (privacy note §2).
            return None if opened - YEAR <= number <= opened + 5 * YEAR else Code.FIELD_RANGE
        case FieldType.ROLE:
            return None if value in field.choices else Code.UNKNOWN_ROLE
        case FieldType.REFERENCE:
            return None if isinstance(value, str) else Code.FIELD_TYPE
    return Code.FIELD_TYPE
