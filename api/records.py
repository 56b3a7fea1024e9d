"""Record values as requests and answers write them: times as RFC 3339, a list's items by column."""

from __future__ import annotations

from datetime import datetime

from pydantic import JsonValue, TypeAdapter, ValidationError

from protocol.engine import clocks
from protocol.errors import HandoffError
from protocol.kernel import MOST_ITEMS, Field, FieldType, Protocol
from protocol.names import Slug
from protocol.state import Item, Scalar, Value

Cell = bool | int | str
Values = dict[Slug, Cell | list[dict[Slug, Cell]]]
"""What a request's ``data`` holds: a value by field; of a list, its items, each with all its columns."""

SCALAR: TypeAdapter[Scalar] = TypeAdapter(Scalar)


def fields_in(protocol: Protocol, data: Values) -> dict[Slug, Value]:
    """Record values of a request.

    Raises:
        HandoffError: FIELD_TYPE or FIELD_RANGE for what no record could hold; the core judges everything else.
    """
    return {name: _value(name, protocol.field.get(name), value) for name, value in data.items()}


def _value(name: Slug, field: Field | None, value: Cell | list[dict[Slug, Cell]]) -> Value:
    if not isinstance(value, list):
        return _scalar(name, field, value)
    if len(value) > MOST_ITEMS:
        raise HandoffError("FIELD_RANGE", f"{name} holds {MOST_ITEMS} items at most")
    columns = {each.id: each for each in field.columns} if field is not None else {}
    return tuple(
        {column: _scalar(f"{column} of {name}", columns.get(column), part) for column, part in item.items()}
        for item in value
    )


def _scalar(name: str, field: Field | None, value: Cell) -> Scalar:
    if field is not None and field.type is FieldType.INSTANT:
        return _moment(name, value)
    try:
        return SCALAR.validate_python(value, strict=True)
    except ValidationError:
        raise HandoffError("FIELD_TYPE", f"{name} does not have a value of its kind") from None


def _moment(name: str, value: Cell) -> int:
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        moment = datetime.min  # noqa: DTZ901 - only asked for its missing offset
    if moment.tzinfo is None:
        raise HandoffError("FIELD_TYPE", f"{name} is a date and time with its offset: 2026-03-09T09:00:00-05:00")
    return clocks.instant(moment)


def shown(field: Field | None, value: JsonValue | Value) -> JsonValue:
    """A field's value as answers give it."""
    if isinstance(value, tuple | list):
        columns = {} if field is None else {each.id: each for each in field.columns}
        return [item_shown(columns, item) for item in value if isinstance(item, dict)]
    if field is not None and field.type is FieldType.INSTANT and isinstance(value, int):
        return clocks.moment(value).isoformat()
    return value


def item_shown(columns: dict[Slug, Field], item: Item | dict[str, JsonValue]) -> dict[str, JsonValue]:
    """One item of a list."""
    return {name: shown(columns.get(name), part) for name, part in item.items()}


def columns_of(protocol: Protocol, step: Slug) -> dict[Slug, Field]:
    """The columns of the items that a step is done for, one by one; none where it is done once."""
    listed = protocol.field.get(protocol.step[step].for_each or "")
    return {} if listed is None else {each.id: each for each in listed.columns}
