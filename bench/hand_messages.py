"""What travels to and from the case written by hand (``bench.by_hand``), and the ten steps both cases have."""

from __future__ import annotations

from datetime import timedelta

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

STEPS = tuple(f"part-{number}" for number in range(1, 11))
ROLES = ("patrol", "clerk")
WINDOW = timedelta(hours=1)
RECORD = "record_by_hand"

CLOSED = ConfigDict(extra="forbid")


def role_of(step: int) -> str:
    """Whose duty a step is: the two agencies take turns."""
    return ROLES[step % 2]


@dataclass(frozen=True, slots=True, kw_only=True, config=CLOSED)
class HandCommand:
    """An act of a person: the event that opens the case (``step`` -1), or the end of a step."""

    command: str
    person: str
    role: str
    step: int = -1


@dataclass(frozen=True, slots=True, kw_only=True, config=CLOSED)
class HandReply:
    """The last row the command wrote."""

    seq: int


@dataclass(frozen=True, slots=True, kw_only=True, config=CLOSED)
class HandRow:
    """One thing that happened, for the log table; ``step`` -1 is the case itself."""

    seq: int
    at: int
    kind: str
    step: int = -1
    role: str = ""
    person: str = ""
    due: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, config=CLOSED)
class HandRows:
    """What one transition writes."""

    case_id: str
    rows: tuple[HandRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True, config=CLOSED)
class HandClosed:
    """What the run leaves behind: the answers it gave, for a command repeated after the end."""

    seq: int
    replies: dict[str, HandReply]
