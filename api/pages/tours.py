"""A guided tour of each desk: what to open, with a practice case that is there, and what to look at."""

from __future__ import annotations

from typing import Any, NamedTuple

from api.pages.asking import Unanswered
from api.pages.desk import Desk
from api.pages.rendering import say

MOST = 100
"""Items looked through for one of practice."""


class Step(NamedTuple):
    """One thing to look at; without an address there is nothing to show it with."""

    title: str
    says: str
    address: str | None


class Example(NamedTuple):
    """What the steps are shown with: an item, a case, and the text of it."""

    item: str | None = None
    case: str | None = None
    text: str | None = None


def names(tongue: str) -> list[tuple[str, str]]:
    """Each tour, and what it is called."""
    _ = say(tongue)
    return [
        ("advocate", _("An advocate's desk")),
        ("coordinator", _("A coordinator's desk")),
        ("council", _("A council's desk")),
    ]


async def steps(desk: Desk, of: str) -> list[Step]:
    """The steps of a tour, for whoever takes it."""
    if of == "advocate":
        return _advocate(desk.tongue, await _owed(desk))
    example = await _waiting(desk)
    return _coordinator(desk.tongue, example) if of == "coordinator" else _council(desk.tongue, example)


async def _owed(desk: Desk) -> Example:
    found = (await desk.api.get("/tasks", limit=MOST))["items"]
    return next((_example(each) for each in found if each["practice"]), Example())


async def _waiting(desk: Desk) -> Example:
    try:
        found = (await desk.api.get("/handoffs", limit=MOST, practice=1))["items"]
    except Unanswered:
        found = []
    return next((_example(each) for each in found), Example())


def _example(task: dict[str, Any]) -> Example:
    return Example(f"/i/{task['id']}", f"/c/{task['code']}", f"/t/{task['protocol']}")


def _advocate(tongue: str, example: Example) -> list[Step]:
    _ = say(tongue)
    return [
        Step(
            _("What you owe"),
            _("Late first, then what nobody has, then what you have. Practice comes after what is real."),
            "/i",
        ),
        Step(
            _("One item"),
            _("Open Why this time: it says why it is due then, and who is told if it is not done. Then press Take it."),
            example.item,
        ),
        Step(
            _("What happened"),
            _("Choose how it ended and save. Nothing is chosen for you; if your session ends, your words come back."),
            example.item,
        ),
        Step(
            _("The case"),
            _("Your part in full, who was told, and what is kept protected: each look at it is written down."),
            example.case,
        ),
        Step(
            _("What others see"),
            _("Come in as the coordinator and open the same case: sent, in hand or late, and nothing else of yours."),
            example.case,
        ),
    ]


def _coordinator(tongue: str, example: Example) -> list[Step]:
    _ = say(tongue)
    return [
        Step(
            _("The board"),
            _("What is stuck between whom. Practice stands under what is real, and is not counted with it."),
            "/b",
        ),
        Step(
            _("One case"),
            _("Each agency's part as you may know it, why each time is as it is, and who was told when."),
            example.case,
        ),
        Step(
            _("Time passes"),
            _("On the same page, move its clock on to what is due next: it says what happened meanwhile."),
            example.case,
        ),
        Step(
            _("Do we keep our word?"),
            _("By pair of agencies. What is too little to be told is said to be so, also here."),
            "/f?practice=1",
        ),
        Step(_("The text"), _("All of it was agreed here, and can be read aloud."), example.text),
    ]


def _council(tongue: str, example: Example) -> list[Step]:
    _ = say(tongue)
    return [
        Step(_("The texts in force"), _("Each is what agencies agreed, with the number of its version."), "/t"),
        Step(
            _("One text"),
            _("Its sentences, its drawing, and the text as it was written. Who owes what to whom, and by when."),
            example.text,
        ),
        Step(
            _("A change"),
            _("Change a time in the draft and look: what it means, who must agree, and what open cases would do."),
            None if example.text is None else f"{example.text}/change",
        ),
        Step(
            _("What the text does"),
            _("A practice case that runs on it: open Why this time on any of its duties."),
            example.case,
        ),
        Step(
            _("Do we keep our word?"), _("The figures a change is judged by, here those of practice."), "/f?practice=1"
        ),
    ]
