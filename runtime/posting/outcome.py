"""What became of one message."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """``SENT``: the next server has it. ``DELIVERED``: its end has it. ``LATER``: try again. ``DEAD``: no such address.

    None of them says that anybody has read it.
    """

    SENT = "sent"
    DELIVERED = "delivered"
    LATER = "later"
    DEAD = "dead"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A state, and why in a few words that name no address."""

    state: State
    why: str = ""
