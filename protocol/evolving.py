"""A frozen value with some of its parts changed.

``dataclasses.replace`` runs the whole constructor, which checks nothing in our frozen types and costs a quarter of a
step on values of thirty parts; this copies the slots. Measured by ``python -m bench``.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar

T = TypeVar("T")

if TYPE_CHECKING:
    from dataclasses import replace

    evolve = replace
else:
    Parts = tuple[Callable[[Any], tuple[Any, ...]], dict[str, int], tuple[Callable[[Any, Any], None], ...]]
    _PARTS: dict[type, Parts] = {}

    def _parts(kind: type) -> Parts:
        names = tuple(kind.__dataclass_fields__)
        # Read in one call; with a single name it would not be a tuple.
        read = attrgetter(*names) if len(names) > 1 else lambda value: tuple(getattr(value, each) for each in names)
        puts = tuple(kind.__dict__[each].__set__ for each in names)
        return _PARTS.setdefault(kind, (read, {name: n for n, name in enumerate(names)}, puts))

    def evolve(value: T, /, **changes: object) -> T:
        """A copy of a frozen value with slots, with these parts changed.

        Raises:
            TypeError: it has no part of that name.
        """
        kind = type(value)
        read, places, puts = _PARTS.get(kind) or _parts(kind)
        parts = list(read(value))
        for name, part in changes.items():
            if name not in places:
                raise TypeError(f"{kind.__name__} has no {name}")
            parts[places[name]] = part
        copy = object.__new__(kind)
        for put, part in zip(puts, parts, strict=True):
            put(copy, part)
        return copy
