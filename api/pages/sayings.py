"""What happened in a case, and what becomes of cases, kind by kind, in a few words that hold nothing of any."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from api.pages.rendering import say


def happenings(tongue: str) -> dict[str, str]:
    """Each kind of fact as people read it."""
    _ = say(tongue)
    return {
        "case-opened": _("the case opened"),
        "event-recorded": _("something outside was recorded"),
        "field-set": _("something was recorded"),
        "slot-filled": _("something was put under protection"),
        "step-scheduled": _("planned for later"),
        "step-delivered": _("handed over"),
        "delivered": _("handed over"),
        "step-not-opened": _("not needed"),
        "due-moved": _("the due time moved"),
        "taken-up": _("in hand"),
        "claimed": _("somebody took it"),
        "try-logged": _("a try was made"),
        "vote-cast": _("a vote was cast"),
        "window-missed": _("missed window"),
        "told": _("somebody was told"),
        "owners-changed": _("it went to another role"),
        "clock-paused": _("the clock was stopped"),
        "clock-resumed": _("the clock goes on"),
        "step-ended": _("done"),
        "step-cancelled": _("withdrawn"),
        "lane-closed": _("this part closed"),
        "lane-reopened": _("this part opened again"),
        "lane-paused": _("the clocks of this part stand still"),
        "lane-resumed": _("the clocks of this part go on"),
        "counted": _("counted"),
        "shared": _("shared with permission"),
        "linked-case-started": _("a linked case began"),
        "link-started": _("a linked case began"),
        "link-not-started": _("no linked case was needed"),
        "link-noticed": _("news of the linked case"),
        "passed-on": _("passed on to the linked case"),
        "page-stopped": _("a page was read"),
        "case-migrated": _("the case goes on under another text"),
        "duty-migrated": _("its terms are those of another text"),
        "clock-moved": _("a trainer moved the clock"),
        "case-ended": _("the case ended"),
        "part-erased": _("erased"),
    }


def whys(tongue: str) -> dict[str, str]:
    """Why somebody was told, by the word of the engine (store/labels.py)."""
    _ = say(tongue)
    return {
        "outcome": _("how it ended"),
        "unacknowledged": _("nobody has said that they have it"),
        "not-taken-up": _("not taken up"),
        "untried": _("no try yet"),
        "too-few-tries": _("too few tries"),
        "receipt": _("to know of it"),
        "not-tried-in-time": _("not tried in time"),
        "late": _("late"),
        "elapsed": _("time has passed"),
        "before-due": _("soon due"),
        "due": _("due"),
    }


def classes_of_cases(tongue: str) -> dict[str, str]:
    """What becomes of open cases under another text, class by class."""
    _ = say(tongue)
    return {
        "unaffected": _("stay as they are"),
        "safe": _("move without a question"),
        "needs a decision": _("need a decision"),
        "finishes on the old text": _("finish on the older text"),
        "impossible": _("can neither move nor stay"),
    }


def stages(tongue: str) -> dict[str, str]:
    """Where a run that moves cases stands."""
    _ = say(tongue)
    return {
        "first-share": _("A first share moves"),
        "waiting": _("The first share has moved; the rest waits"),
        "rest": _("The rest moves"),
        "stopped": _("Stopped"),
        "going-back": _("Cases go back"),
        "over": _("Over"),
        "taken-back": _("Taken back"),
    }


def why_stopped(tongue: str) -> dict[str, str]:
    """Why a run stopped by itself (protocol/migrating/watching.py)."""
    _ = say(tongue)
    return {
        "too-many-stay": _("It stopped by itself: too many of the cases that were asked stayed on their older text."),
        "law-broken": _(
            "It stopped by itself: a case is not as its move must leave it. Look at it before the rest follows."
        ),
        "answers-refused": _("It stopped by itself: too many of people's answers were refused since it began."),
        "escalations": _("It stopped by itself: within an hour there were many more escalations than usual."),
        "not-gone-on": _("It stopped by itself: too few of the first cases went on in the time that the plan gives."),
    }


def fix(tongue: str) -> Callable[[dict[str, Any], dict[str, Any]], str]:
    """What says how to mend a row of a file, given what is wrong with it and the form of its event."""
    _ = say(tongue)
    kinds = {
        "instant": _("%(column)s is not a time: write 2026-11-30 09:00."),
        "yes-no": _("%(column)s is neither yes nor no: write yes or no."),
        "number": _("%(column)s is not a number: write digits only."),
        "one-of": _("%(column)s is not one of: %(choices)s."),
    }
    rows = {
        "NO_TIME": _("happened is empty: write 2026-11-30 09:00."),
        "TIME_FORMAT": _("happened is not a time: write 2026-11-30 09:00."),
        "TIME_SKIPPED": _("happened is an hour that the clocks skipped: look it up."),
        "IN_FUTURE": _("happened has not come yet: look it up."),
        "TIME_PLACEHOLDER": _("happened is before 1980: look it up."),
        "NO_KEY": _("number is empty: write your own number for it."),
        "DUPLICATE_KEY": _("number stands in an earlier row: send one of the two."),
        "FIELD_REQUIRED": _("%(column)s is empty, and is needed."),
        "FIELD_RANGE": _("%(column)s is too small or too large: look it up."),
        "ROW_SHAPE": _("it has more or fewer cells than the first line: look for a comma."),
        "ROW_MALFORMED": _("a quote is open or out of place: look for a quotation mark."),
        "ENCODING": _("it is not UTF-8: save the file as CSV UTF-8."),
    }

    def said(found: dict[str, Any], form: dict[str, Any]) -> str:
        column = found["column"]
        ask = next((each for each in form["asks"] if each["name"] == column), None)
        type_ = "" if ask is None else ask["type"]
        chosen = {"FIELD_TYPE": kinds.get(type_), "FIELD_CHOICE": kinds["one-of"]}.get(found["code"])
        sentence = chosen or rows.get(found["code"]) or found["says"]
        choices = ", ".join(ask["choices"]) if ask is not None else ""
        return sentence.replace("%(column)s", column).replace("%(choices)s", choices)

    return said


def cannot_know(tongue: str) -> tuple[str, ...]:
    """What no rehearsal can know, as its report says it (protocol/rehearsal/saying.py)."""
    _ = say(tongue)
    return (
        _("Whether people hurry when a window is shorter, or slow down when it is longer: here nobody does."),
        _("What a survivor would have answered: the mix of outcomes is the same under both texts."),
        _("What happens outside the cases rehearsed: other protocols' work, illness, a storm."),
        _("Events that no habit tells of: they never happen here."),
        _("Whether anybody is safer: it counts handoffs, not harm."),
    )


def cannot_learn(tongue: str) -> tuple[str, ...]:
    """What habits that a site learned cannot know besides (protocol/rehearsal/saying.py)."""
    _ = say(tongue)
    return (
        _("Of a confidential agency, how long its answers take, or what they are: only how soon it took a handoff up."),
        _("Who does the work: who took a task over counts as the role that had it first, and no person is looked at."),
    )


def verdicts(tongue: str) -> dict[str, str]:
    """What figures before and after a change say."""
    _ = say(tongue)
    return {
        "too early to tell": _("too early to tell"),
        "too few to be told": _("too few to be told"),
        "more in time": _("more in time"),
        "less in time": _("less in time"),
        "no difference seen": _("no difference seen"),
    }
