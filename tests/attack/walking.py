"""Walks through a protocol by its API: whatever anybody owes in a case is answered, with canaries on the way.

Each field that could hold a text gets one: the protected ones, where it belongs; every other, where it is turned down.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.attack.canaries import Canaries
from tests.installation import Installation
from tests.servers import until

SYSTEMS = "records-system"
NAMED = 2
"""A line of credentials that names a role has more words than these."""


def walked(here: Installation, canaries: Canaries, case: str, enough: set[str]) -> dict[str, str]:
    """Answer a case's tasks until the steps in ``enough`` have ended; gives each step's outcome."""
    ended: dict[str, str] = {}

    def answered() -> bool:
        for who in everybody(here):
            for each in here.get(who, "/tasks?limit=200")["items"]:
                if each["case"] == case and each["step"] not in ended:
                    _tried(here, canaries, who, each, ended)
        return enough <= ended.keys()

    until(answered, f"answers to {sorted(enough)}")
    return ended


def everybody(here: Installation) -> list[str]:
    """Everybody who may owe something, as ``AGENCY/ROLE``."""
    lines = (each.split() for each in (here.data / "credentials.txt").read_text().splitlines())
    return [f"{line[1]}/{line[2].split(',')[0]}" for line in lines if len(line) > NAMED and line[2] != SYSTEMS]


def _tried(here: Installation, canaries: Canaries, who: str, task: dict[str, Any], ended: dict[str, str]) -> None:
    """Answer one task by the first of its forms that is taken, after a canary was put where none belongs."""
    path = f"/tasks/{task['id']}"
    for form in here.get(who, path).get("forms", []):
        place, outcome = f"{task['step']}, {form['outcome']}", form["outcome"]
        vault = {each["name"]: canaries.new(f"{place}: {each['name']}") for each in form["asks"] if each["protected"]}
        asked = [each for each in form["asks"] if not each["protected"]]
        for each in asked:
            wrong = {"outcome": outcome, "vault": vault, "data": {each["name"]: canaries.new(f"{place}: in the clear")}}
            assert canaries.ask(here, who, "POST", f"{path}/complete", wrong).is_error
        right = {"outcome": outcome, "vault": vault, "data": {each["name"]: value(each) for each in asked}}
        done = canaries.ask(here, who, "POST", f"{path}/complete", right)
        if "QUORUM" in done.text:
            for each in everybody(here):
                canaries.ask(here, each, "POST", f"{path}/vote", right)
            done = canaries.ask(here, who, "POST", f"{path}/complete", right)
        if done.is_success:
            ended[task["step"]] = outcome
            return


def value(asked: dict[str, Any]) -> object:
    """What somebody answers to a question: a date is near, so that what waits for it comes."""
    match asked["type"]:
        case "yes-no":
            return True
        case "number":
            return 20
        case "instant":
            return (datetime.now(UTC) + timedelta(seconds=3 if asked["name"] == "meeting-date" else 90_000)).isoformat()
        case "list":
            return [{each["name"]: value(each) for each in asked["columns"]}]
        case _:
            return asked["choices"][0] if asked["choices"] else "idva"
