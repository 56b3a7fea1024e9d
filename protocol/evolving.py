"""A frozen value with some of its parts changed.

``dataclasses.replace`` runs the whole constructor, which checks nothing in our frozen types and costs a quarter of a
step on values of thirty parts; this copies the slots. Measured by ``python -m bench``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

T = TypeVar("T")

if TYPE_CHECKING:
    from dataclasses import replace

    evolve = replace
else:
    Parts = tuple[tuple[str, Callable[[Any], Any], Callable[[Any, Any], None]], ...]
    _PARTS: dict[type, Parts] = {}

    def _parts(kind: type) -> Parts:
        found = tuple((n, kind.__dict__[n].__get__, kind.__dict__[n].__set__) for n in kind.__dataclass_fields__)
        return _PARTS.setdefault(kind, found)

    def evolve(value: T, /, **changes: object) -> T:
        """A copy of a frozen value with slots, with these parts changed.

        Raises:
            TypeError: it has no part of that name.
        """
        kind = type(value)
        parts = _PARTS.get(kind) or _parts(kind)
        copy = object.__new__(kind)
        for name, get, put in parts:
            put(copy, changes.pop(name) if name in changes else get(value))
        if changes:
            raise TypeError(f"{kind.__name__} has no {', '.join(changes)}")
        return copy
