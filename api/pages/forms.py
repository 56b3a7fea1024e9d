"""A step's own form: the API's questions as fields, and what was filled in as the API's answer."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

Filled = list[tuple[str, str]]
ROWS = 4
"""How many items of a list a form has room for; a longer list is entered again."""


def of(page: dict[str, Any], outcome: str) -> dict[str, Any] | None:
    """The form of one way to end a task."""
    return next((each for each in page["forms"] if each["outcome"] == outcome), None)


def answer(form: dict[str, Any], filled: Filled, zone: str) -> dict[str, Any]:
    """What the API is told: values by field, the names of protected ones, when it happened if earlier."""
    said: dict[str, Any] = {}
    for ask in form["asks"]:
        if ask["protected"]:
            continue
        found = (
            _list(ask, filled, zone) if ask["type"] == "list" else _value(ask["type"], _one(filled, ask["name"]), zone)
        )
        if found not in (None, []):
            said[ask["name"]] = found
    body: dict[str, Any] = {"outcome": form["outcome"], "data": said}
    body["vault"] = [value for name, value in filled if name == "vault"]
    happened = _one(filled, "happened")
    if happened:
        body["at"] = _moment(happened, zone)
    return body


def _list(ask: dict[str, Any], filled: Filled, zone: str) -> list[dict[str, Any]]:
    items = []
    for row in range(ROWS):
        cells = {
            column["name"]: _value(column["type"], _one(filled, f"{ask['name']}.{row}.{column['name']}"), zone)
            for column in ask["columns"]
        }
        if any(each is not None for each in cells.values()):
            items.append({name: each for name, each in cells.items() if each is not None})
    return items


def _one(filled: Filled, name: str) -> str:
    return next((value.strip() for each, value in filled if each == name), "")


def _value(kind: str, said: str, zone: str) -> bool | int | str | None:
    if not said:
        return None
    if kind == "yes-no":
        return said == "yes"
    if kind == "number":
        # What is no number goes as it is, so that the answer says which field it was.
        return int(said) if said.lstrip("-").isdigit() else said
    return _moment(said, zone) if kind == "instant" else said


def _moment(said: str, zone: str) -> str:
    try:
        return datetime.fromisoformat(said).replace(tzinfo=ZoneInfo(zone)).isoformat()
    except ValueError:
        return said
