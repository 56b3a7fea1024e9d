"""What happened in a case, and what becomes of cases, kind by kind, in a few words that hold nothing of any."""

from __future__ import annotations

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
