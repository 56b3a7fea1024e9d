"""Where somebody may go: first what most come for, the rest behind More. Only what their roles have."""

from __future__ import annotations

from typing import Any, NamedTuple

from api.pages.rendering import say
from protocol.names import Slug

COORDINATOR: Slug = "coordinator"
COUNCIL: Slug = "council-member"
STEWARD: Slug = "steward"


class Way(NamedTuple):
    """An address and what it is called."""

    address: str
    name: str


class Nav(NamedTuple):
    """``first`` stands in the bar, where a narrow one has room for three; ``more`` behind a word that opens it."""

    first: tuple[Way, ...] = ()
    more: tuple[Way, ...] = ()


def ways(who: dict[str, Any], tongue: str) -> Nav:
    """What somebody may go to."""
    _ = say(tongue)
    coordinates, leads = COORDINATOR in who["roles"], who["leads"]
    first = [
        (True, Way("/i", _("Inbox"))),
        (coordinates or leads, Way("/b", _("Board"))),
        (coordinates or COUNCIL in who["roles"], Way("/f", _("Figures"))),
        (True, Way("/r", _("Rota"))),
        (True, Way("/t", _("Text"))),
    ]
    more = [
        (True, Way("/c", _("Cases"))),
        (True, Way("/practice", _("Practice"))),
        (who["reports"], Way("/s", _("Send"))),
        (coordinates or leads or STEWARD in who["roles"], Way("/p", _("People"))),
        (True, Way("/me", _("Settings"))),
    ]
    return Nav(tuple(way for has, way in first if has), tuple(way for has, way in more if has))
