"""Protocol texts by chance: every key of the language, put together in ways nobody would think of.

Most of what is drawn is accepted; what the checks refuse is drawn again by the caller. A text depends on its
``Random`` alone, so that a seed names it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from random import Random
from typing import Any

import yaml

from protocol.compiling.compiler import Compiled, compile_text
from protocol.errors import SpecError

TODAY = date(2026, 3, 1)
LENGTHS = ("10 minutes", "45 minutes", "2 hours", "1 day", "3 days", "2 working hours", "1 working day", "2 court days")
SHORT = ("5 minutes", "20 minutes", "1 hour")
OWNERS = {"patrol": "field", "sergeant": "field", "clerk": "bench", "judge": "bench", "coordinator": "bench"}
INSIDE = {"advocate": "care", "backup": "care", "supervisor": "care"}


@dataclass
class Draft:
    """A text while it is being drawn."""

    chance: Random
    leaky: bool = False
    outcomes: dict[str, list[str]] = field(default_factory=dict)
    lane: dict[str, str] = field(default_factory=dict)
    events: list[str] = field(default_factory=list)

    def one(self, *words: Any) -> Any:
        """One of these."""
        return words[self.chance.randrange(len(words))]

    def maybe(self, part: float) -> bool:
        """Yes, in this part of the draws."""
        return self.chance.random() < part

    def cause(self, lane: str) -> str:
        """Something that may open a duty of a lane; mostly of a step that stands before."""
        known = [each for each in self.outcomes if lane == "care" or self.leaky or self.lane[each] != "care"]
        if not known or self.maybe(0.3):
            inside = ["told-us"] if (lane == "care" or self.leaky) and self.maybe(0.3) else []
            return str(self.one("begun", "moved", "checked", *inside))
        step = self.one(*known)
        ways = self.outcomes[step]
        kind = self.chance.randrange(12)
        if kind < 6:
            return f"{step} {' or '.join(self.chance.sample(ways, self.chance.randint(1, len(ways))))}"
        length = self.one(*SHORT, "1 day")
        return str(
            self.one(
                f"{step} ends",
                f"{step} opens",
                f"{step} late",
                f"{step} cancelled",
                f"{step} all ended",
                f"{step} {length} late",
                f"{length} after {step} ends",
                "1 hour before hearing" if lane != "care" or self.maybe(0.5) else f"{step} ends",
                "tally reaches 2" if lane == "care" else f"{step} ends",
            )
        )

    def condition(self, lane: str) -> str:
        """Something that may be so."""
        tests = ["flag", "level is at least 10", "kind is not b", "hearing has passed", "heavy", "moved has happened"]
        if lane == "care" or self.leaky:
            tests += ["mood is low", "tally is at least 1", "mood is not known"]
        first, second = self.chance.sample(tests, 2)
        return str(self.one(first, first, f"{first} and {second}", f"{first} or {second}"))

    def due(self) -> str:
        """A due time that is always known."""
        within = f"within {self.one(*LENGTHS)}"
        return str(
            self.one(
                within,
                within,
                f"{within}, or {self.one(*SHORT)} before hearing if sooner",
                f"{within}, or 1 day after hearing if later",
                "next working day at 11:00",
                "end of the day",
                "start of next court day",
                f"{within} if flag, else within {self.one(*LENGTHS)}",
            )
        )

    def ladder(self, lane: str, ways: list[str], *, fixed: bool) -> dict[str, Any] | str:
        """A ladder of a few rungs."""
        if self.maybe(0.3):
            return "inside" if lane == "care" else "usual"
        inside = lane == "care"
        own = ("supervisor", "director") if inside and not self.leaky else ("sergeant", "clerk", "coordinator")
        found: dict[str, Any] = {"when due": f"{self.one('tell', 'page')} {self.one('lead', *own)}"}
        if self.maybe(0.4):
            found["unacknowledged after 10 minutes"] = self.one("page supervisor", "tell coordinator")
        if self.maybe(0.3):
            found["30 minutes before due"] = "remind owner"
        if self.maybe(0.3):
            found[f"{self.one(*SHORT)} late"] = {"then": f"tell {self.one(*own)}", "only if": self.condition(lane)}
        if fixed and self.maybe(0.25):
            backup = {"care": "backup", "field": "sergeant", "bench": "lead"}[lane]
            found["15 minutes after opening"] = self.one("move to deputy", f"move to {backup}", "add deputy")
        if len(ways) > 1 and self.maybe(0.2):
            found["2 days late"] = f"end as {ways[-1]}"
        if self.maybe(0.2):
            found["every 2 hours after that"] = "tell lead"
        return found

    def step(self, name: str, lane: str) -> dict[str, Any]:
        """One duty."""
        ways = ["done", "other", "no"][: self.chance.randint(1, 3)]
        owners = [role for role, where in {**OWNERS, **INSIDE}.items() if where == lane]
        made: dict[str, Any] = {}
        if self.maybe(0.12):
            made["when all of"] = [self.cause(lane), self.cause(lane)]
            if self.maybe(0.7):
                made["or at latest"] = f"{self.one(*SHORT)} after begun"
        elif self.maybe(0.25):
            made["when any of"] = [self.cause(lane), self.cause(lane)]
        else:
            made["when"] = self.cause(lane)
        if self.maybe(0.2):
            made[self.one("only if", "unless")] = self.condition(lane)
        fixed = self._who(made, lane, owners)
        made |= {"must": "do it", "due": self.due()}
        if self.maybe(0.1):
            made["no deadline"] = "nobody sets one"
            del made["due"]
        inside = [each for each, where in self.lane.items() if where == "care"]
        if self.leaky and inside and self.maybe(0.15):
            made["due"] = f"within 1 day, or 1 hour after {self.one(*inside)} ends if sooner"
        if "for each" not in made:
            self._more(made, lane, ways)
        if "due" in made and self.maybe(0.6):
            made["ladder"] = self.ladder(lane, ways, fixed=fixed)
        made["outcomes"] = {each: self._outcome(lane) for each in ways}
        if "tries" in made or "end as" in str(made.get("ladder")):
            made["outcomes"][ways[-1]] = None
        self.outcomes[name], self.lane[name] = ways, lane
        return made

    def _who(self, made: dict[str, Any], lane: str, owners: list[str]) -> bool:
        made["who"] = self.one(*owners)
        if lane == "bench" and self.maybe(0.12):
            made |= {"for each": "plan", "who": "its whom"}
        elif len(owners) > 1 and self.maybe(0.1):
            made["who"] = f"each of {' and '.join(self.chance.sample(owners, 2))}"
        elif len(owners) > 1 and self.maybe(0.1):
            a, b = self.chance.sample(owners, 2)
            made["decided by"] = self.one(f"at least {a}", f"more than half of {a} and {b}", f"1 of {a} and {b}")
            return True
        else:
            return True
        return False

    def _more(self, made: dict[str, Any], lane: str, ways: list[str]) -> None:
        if self.maybe(0.2):
            made["again"] = self.one("start over", "one more", "once")
        if self.maybe(0.12):
            made["not before"] = self.one("10 minutes after begun", "1 hour before hearing", "hearing")
        if len(ways) > 1 and self.maybe(0.25) and "decided by" not in made:
            counts = self.one("up to", "at least")
            within = self.one("", " within 1 day")
            apart = self.one("", ", 10 minutes apart")
            late = self.one("", ", a try counts as on time")
            made["tries"] = f"{counts} {self.one(1, 2, 3)}{within}{apart}{late}, then {ways[-1]}"
        if self.maybe(0.15):
            made["repeats"] = self.one("after 1 day and 3 days", f"every 2 days until {self.cause(lane)}", "weekly")
        if self.maybe(0.15):
            made["clock stops"] = self.one("never", f"while {self.condition(lane)}, at most 2 days")

    def _outcome(self, lane: str) -> Any:
        asks = ["ask flag and level", "may ask hearing", "ask plan", "may ask kind"]
        if lane == "care":
            asks = ["may ask mood", "ask mood", "may ask words"]
        acts = [None, None, self.one(*asks), self.one(*asks)]
        before = [each for each, where in self.lane.items() if where == lane or self.leaky]
        if before:
            acts.append(f"cancel {self.one(*before)}")
        acts += (
            [f"close {self.one(*self.lane.values()) if self.leaky and self.lane else lane}"] if self.maybe(0.3) else []
        )
        outside = lane != "care" or self.leaky
        acts += [self.one("tell coordinator", "page sergeant")] if outside else ["tell supervisor"]
        acts += ["end the case"] if outside and self.maybe(0.1) else []
        acts += ["start a linked case as begun"] if self.leaky and self.maybe(0.1) else []
        return self.one(*acts)


def text(chance: Random, *, leaky: bool = False, links: bool = True) -> str:
    """A text by chance; the checks may refuse it. A ``leaky`` one minds no agency's confidence."""
    draft = Draft(chance, leaky=leaky)
    names = [f"s{number}" for number in range(1, chance.randint(2, 8) + 1)]
    lanes: dict[str, dict[str, Any]] = {}
    for name in names:
        lane = draft.one("field", "field", "bench", "care", "care")
        lanes.setdefault(f"steps in {lane}", {})[name] = draft.step(name, lane)
    if links and draft.maybe(0.3):
        lane = draft.one("field", "care") if lanes.get("steps in care") else "field"
        link: dict[str, Any] = {"when": draft.cause(lane), "runs": "other", "as": "begun", "gives": "flag"}
        if draft.maybe(0.6):
            link["passes on"] = {"moved": draft.cause(lane)}
        lanes.setdefault(f"steps in {lane}", {})["beyond"] = link
    care = [each for each, lane in draft.lane.items() if lane == "care"]
    counted = f"{care[0]} ends" if care else "told-us"
    then = [draft.one(*acts) for acts in (_event_acts(draft),) if acts and draft.maybe(0.6)]
    document = {
        "protocol": "drawn",
        "timezone": "America/Chicago",
        "holidays": "US-MN",
        "agencies": {
            "council": {"open": "mon-fri 09:00-17:00", "lead": "coordinator"},
            "police": {"lead": "sergeant", "roles": {"patrol": "always, deputy sergeant"}},
            "court": {"open": "mon-fri 08:00-16:30", "lead": "clerk", "roles": {"judge": "deputy clerk"}},
            "shelter": {
                "confidential": "yes",
                "open": "mon-fri 08:30-17:00",
                "lead": "supervisor, director",
                "roles": {"advocate": "always, deputy backup", "backup": "always"},
            },
        },
        "agreements": {"mou": {"between": "all", "signed": "2026-01-15", "review by": "2027-01-15"}},
        "record": {
            "hearing": "date and time",
            "flag": "yes or no",
            "level": "number from 0 to 20",
            "kind": "one of a, b, c",
            "mood": "one of low, high",
            "plan": "list of whom (role), until (date and time)",
            "heavy": "yes if level is at least 10 or flag",
            "tally": f"count of {counted}" + draft.one("", " in the last 3 days", ", from zero after told-us"),
        },
        "vault": {"words": "text, kept by shelter"},
        "events": {
            "begun": {"from": "police and linked cases", "may bring": "hearing and flag", "then": "start a case"},
            "moved": {"from": "court", "brings": "hearing"},
            "checked": {
                "from": "police",
                "brings": "flag and level",
                "may bring": "kind",
                **({"then": then} if then else {}),
            },
            "told-us": {"from": "shelter"},
        },
        **lanes,
    }
    return yaml.safe_dump(document, sort_keys=False, width=10_000).replace(": null\n", ":\n")


def _event_acts(draft: Draft) -> list[str]:
    acts = [f"cancel {each}" for each in draft.outcomes]
    for lane in set(draft.lane.values()) - {"care"}:
        acts += [f"pause {lane} for at most 2 days, until moved", f"close {lane}", f"reopen {lane}"]
    return [*acts, "start a linked case as begun"]


def accepted(seed: int, tries: int = 200, *, links: bool = True) -> Compiled:
    """The first text from this seed that the checks accept."""
    chance = Random(seed)
    for _ in range(tries):
        try:
            return compile_text(text(chance, links=links), today=TODAY, explored=False)
        except SpecError:
            continue
    raise AssertionError(f"no text of seed {seed} was accepted")


def leaky(seed: int, code: str) -> str:
    """The first careless text from this seed on that one flow of the label rule alone refuses."""
    for each in range(seed, seed + 10_000):
        found = text(Random(each), leaky=True)
        try:
            compile_text(found, today=TODAY, explored=False)
        except SpecError as error:
            if {finding.code for finding in error.findings} == {code}:
                return found
    raise AssertionError(f"no text from seed {seed} on is refused with {code} alone")
