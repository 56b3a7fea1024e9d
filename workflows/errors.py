"""Why a command got no answer: refused, too late, no such case, or nobody knows yet."""

from __future__ import annotations

from protocol.errors import HandoffError
from protocol.messages import Refusal
from protocol.migrating.hindrances import Hindrance
from protocol.state import Code
from protocol.telling.refusals import say


class Refused(HandoffError):
    """The case did not take the command; nothing changed. ``refusal`` holds the place and the limit."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.code, say(refusal))
        self.refusal = refusal


class Hindered(HandoffError):
    """The case did not move to another text; nothing changed. ``hindrance`` says what is to be decided, and where."""

    def __init__(self, hindrance: Hindrance) -> None:
        super().__init__(hindrance.code, hindrance.says)
        self.hindrance = hindrance


class CaseHasEnded(HandoffError):
    """The case is over and never took this command. ``seq`` is its last fact; None if it was stopped by hand."""

    def __init__(self, seq: int | None) -> None:
        super().__init__(Code.CASE_ENDED, say(Refusal(code=Code.CASE_ENDED)))
        self.seq = seq


class UnknownCase(HandoffError):
    """There is no such case."""

    def __init__(self) -> None:
        super().__init__("UNKNOWN_CASE", "There is no such case.")


class Unanswered(HandoffError):
    """No answer came in time: the command may or may not have been taken. Repeat it with the same id."""

    def __init__(self) -> None:
        super().__init__("UNANSWERED", "The case did not answer in time. Send the same command again.")
