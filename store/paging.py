"""Pages by position: a cursor holds the ordering values of the last row seen, all of them visible to the subject.

The edge seals cursors before a client gets one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

from sqlalchemy import ColumnElement, Select, tuple_

Cursor: TypeAlias = tuple[int | str, ...]
NEVER = 2**62
"""Sorts after every instant."""

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[Item]):
    """Some rows, and the cursor of the rows after them; None at the end."""

    rows: tuple[Item, ...]
    next: Cursor | None


def after(
    statement: Select[Any], order: Sequence[ColumnElement[Any]], cursor: Cursor | None, limit: int
) -> Select[Any]:
    """The statement ordered (ascending), from behind the cursor, with one row more than the page holds."""
    if cursor is not None:
        statement = statement.where(tuple_(*order) > tuple_(*cursor))
    return statement.order_by(*order).limit(limit + 1)


def page(rows: Sequence[Item], limit: int, position: Callable[[Item], Cursor]) -> Page[Item]:
    """Cut off the extra row and make the cursor."""
    kept = tuple(rows[:limit])
    return Page(rows=kept, next=position(kept[-1]) if len(rows) > limit else None)
