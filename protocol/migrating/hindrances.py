"""Why a case cannot follow a newer text by a plan: a stable code, and the place the council must decide about."""

from __future__ import annotations

from enum import StrEnum


class Code(StrEnum):
    """Stable: programs and documents rely on these words."""

    NOT_ON_BASE = "NOT_ON_BASE"
    NOT_OPEN = "NOT_OPEN"
    STEP_GONE = "STEP_GONE"
    ROUNDS_GONE = "ROUNDS_GONE"
    WOULD_BE_OWED = "WOULD_BE_OWED"
    WOULD_NOT_BE_OWED = "WOULD_NOT_BE_OWED"
    RESTART_UNREASONED = "RESTART_UNREASONED"
    LATER_UNREASONED = "LATER_UNREASONED"
    NO_CLOCK = "NO_CLOCK"
    TERMS_GONE = "TERMS_GONE"
    JOIN_STRANDED = "JOIN_STRANDED"
    LINK_GONE = "LINK_GONE"
    VALUE_HOMELESS = "VALUE_HOMELESS"
    OTHER_SECRECY = "OTHER_SECRECY"
    OWNER_GONE = "OWNER_GONE"
    NOT_MOVED = "NOT_MOVED"
    CANNOT_GO_BACK = "CANNOT_GO_BACK"


SENTENCES = {
    Code.NOT_ON_BASE: "The case runs on another text than the one this plan starts from.",
    Code.NOT_OPEN: "The case is not open; it stays as it is.",
    Code.STEP_GONE: "{place} is open, and the newer text has no such step: say what it becomes (to), or close it.",
    Code.ROUNDS_GONE: "{place} has rounds to come that the newer text does not have: close them, with a reason.",
    Code.WOULD_BE_OWED: "{place} would have been owed by now under the newer text: say passed: open, or waive it.",
    Code.WOULD_NOT_BE_OWED: "{place} is open and the newer text would not have opened it: say stays: yes, or close it.",
    Code.RESTART_UNREASONED: "Starting the clock of {place} again needs a reason: because.",
    Code.LATER_UNREASONED: "{place} serves the survivor and would be due later: keep its deadline, or give a reason.",
    Code.NO_CLOCK: "{place} would be open without a due time: keep its terms, or give a reason.",
    Code.TERMS_GONE: "The older terms of {place} name what the newer text does not have: decide otherwise.",
    Code.JOIN_STRANDED: "{place} would wait for something that can no longer come.",
    Code.LINK_GONE: "The case waits for its linked case {place}, of which the newer text knows nothing.",
    Code.VALUE_HOMELESS: "What is recorded of {place} is no value of it in the newer text.",
    Code.OTHER_SECRECY: "{place} would go from a confidential agency to another that is not, or the other way.",
    Code.OWNER_GONE: "Nobody of the newer text can own {place}, which is open.",
    Code.NOT_MOVED: "The case did not move by that run, or has moved again since.",
    Code.CANNOT_GO_BACK: "{place} was answered or taken up since in a way that the older text does not know.",
}

TO_DECIDE = frozenset(
    (
        Code.STEP_GONE,
        Code.ROUNDS_GONE,
        Code.WOULD_BE_OWED,
        Code.WOULD_NOT_BE_OWED,
        Code.RESTART_UNREASONED,
        Code.LATER_UNREASONED,
        Code.NO_CLOCK,
        Code.TERMS_GONE,
    )
)
"""What a line of the plan can answer. Of the rest a case finishes on its older text."""

IMPOSSIBLE = frozenset((Code.OWNER_GONE,))
"""Where the older text cannot simply go on either: somebody must act."""


class Hindrance(Exception):
    """A case stays where it is, and this is why. ``place`` is a step, a link or a field."""

    def __init__(self, *, code: Code, place: str = "") -> None:
        super().__init__(f"{code}: {place}")
        self.code = code
        self.place = place

    @property
    def says(self) -> str:
        """In one sentence."""
        return SENTENCES[self.code].format(place=self.place)
