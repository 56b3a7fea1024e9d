"""Two texts compared in meaning: each rule of the note has its sentence, grade and consent (council.md section 2)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from datetime import datetime
from enum import IntEnum
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from protocol import expressions
from protocol.compiling.compiler import compile_text
from protocol.engine import clocks
from protocol.errors import HandoffError
from protocol.expressions import Joined
from protocol.kernel import Protocol
from protocol.revising.changes import Tag
from protocol.revising.diff import Difference, diff
from protocol.revising.guards import alike
from protocol.revising.lines import changed_lines
from protocol.revising.windows import Compared, Verdict, _due, compare
from tests.protocol.oracle import ZONES
from tests.protocol.random_texts import accepted
from tests.protocol.texts import SPECS, TODAY, compiled

P1 = "post-arrest-advocacy"
TEXT = (SPECS / P1 / "1.yaml").read_text()
FEW = settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
HOUR = 3_600_000_000


def edited(*edits: tuple[str, str]) -> Protocol:
    text = TEXT
    for old, new in edits:
        assert old in text, old
        text = text.replace(old, new, 1)
    return compile_text(text, today=TODAY).protocol


def against(*edits: tuple[str, str]) -> Difference:
    return diff(compiled(P1).protocol, edited(*edits))


RULES = yaml.safe_load((Path(__file__).parent / "revisions.yaml").read_text())


@pytest.mark.parametrize("rule", sorted(RULES))
def test_each_rule_has_its_sentence_its_grade_and_who_must_agree(rule: str) -> None:
    """One small edit of a bundled text, and the change it is."""
    want = RULES[rule]
    changes = against(*((each["from"], each["to"]) for each in want["edits"])).changes

    assert [
        each
        for each in changes
        if (each.code, each.tag.letter) == (want["code"], want["grade"])
        and want["says"] in each.says
        and set(want["consent"]) <= each.consent
    ], [(each.code, each.tag.letter, each.says, sorted(each.consent)) for each in changes]


def test_what_reads_alike_need_not_mean_alike() -> None:
    """The same line deleted: once the coordinator is told later all the same, once nobody tells the sergeant again."""
    told_twice = edited(
        ("2 hours late: tell coordinator}", "2 hours late: tell coordinator, 4 hours late: tell coordinator}")
    )
    told_late = edited(("2 hours late: tell coordinator}", "4 hours late: tell coordinator}"))
    told_never = edited((", 2 hours late: tell coordinator}", "}"))

    assert diff(told_twice, told_late).worst is Tag.LOOSENS
    assert diff(told_twice, told_never).worst is Tag.SAFEGUARD


def test_sixty_lines_rewritten_are_no_change_in_meaning() -> None:
    """Other units, another order of steps, other quotes and comments: only lines changed."""
    spec = yaml.load(TEXT.replace("within 2 hours", "within 120 minutes"), Loader=yaml.BaseLoader)  # noqa: S506 - text
    spec["steps in advocacy"] = dict(reversed(spec["steps in advocacy"].items()))
    text = yaml.safe_dump(spec, sort_keys=False, width=60)
    found = diff(compiled(P1).protocol, compile_text(text, today=TODAY).protocol)

    assert found.in_meaning == ()
    assert changed_lines(TEXT.splitlines(), text.splitlines()) > 60


@pytest.mark.parametrize("slug", sorted(each.name for each in SPECS.iterdir() if each.is_dir()))
def test_a_bundled_text_does_not_differ_from_itself(slug: str) -> None:
    """Nothing at all, not even in words."""
    assert diff(compiled(slug).protocol, compiled(slug).protocol).changes == ()


@FEW
@given(st.integers(0, 100_000))
def test_a_random_text_does_not_differ_from_itself(which: int) -> None:
    """Every part of the language is compared with itself."""
    protocol = accepted(which).protocol

    assert diff(protocol, protocol).changes == ()


@FEW
@given(st.integers(0, 100_000), st.integers(0, 100_000))
def test_two_random_texts_differ_the_same_way_each_time_and_nothing_grave_lacks_consent(one: int, two: int) -> None:
    """Twice the same changes, worst first; whatever is more than words names who must agree."""
    old = accepted(one).protocol
    new = replace(accepted(two).protocol, id=old.id)
    found, again = diff(old, new), diff(old, new)

    assert found == again
    assert [each.tag for each in found.changes] == sorted((each.tag for each in found.changes), reverse=True)
    assert not [each for each in found.in_meaning if not each.consent]


UNSEEN = {"words", "title", "renamed", "position", "outside", "show_always", "id", "kind", "closed", "born", "horizon"}
"""Parts of a compiled text that people do not read as its meaning, or that follow from others."""


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths to everything in a compiled text that one may change alone."""
    if is_dataclass(value):
        for each in fields(value):
            if each.name not in UNSEEN:
                yield from leaves(getattr(value, each.name), (*path, each.name))
    elif isinstance(value, tuple):
        for number, each in enumerate(value):
            yield from leaves(each, (*path, number))
    elif isinstance(value, bool) or (isinstance(value, int) and not isinstance(value, IntEnum)):
        yield path


def nothing_before(protocol: Any, path: tuple[Any, ...]) -> bool:
    """Whether a path asks if nothing is before or after: a length of zero is neither."""
    at = protocol
    for each in path[:-1]:
        at = at[each] if isinstance(at, tuple) else getattr(at, each)
    return path[-1] == "before" and bool(at.length.count == 0)


def changed(value: Any, path: tuple[Any, ...]) -> Any:
    """The same with one leaf otherwise: a yes a no, a number one more."""
    if not path:
        return (not value) if isinstance(value, bool) else value + 1
    first, *rest = path
    if isinstance(value, tuple):
        return (*value[:first], changed(value[first], tuple(rest)), *value[first + 1 :])
    return replace(value, **{first: changed(getattr(value, first), tuple(rest))})


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(sorted(each.name for each in SPECS.iterdir() if each.is_dir())), st.integers(0, 1_000_000))
def test_no_number_and_no_yes_of_a_text_changes_unseen(slug: str, which: int) -> None:
    """Whatever leaf of the compiled text is another: some change is said, or the meaning is the same."""
    old = compiled(slug).protocol
    paths = list(leaves(old))
    # A rung that only marks an instant, and a wait, have their times from their names: another time is another name.
    paths = [each for each in paths if each[0] != "waits" and not nothing_before(old, each)]
    paths = [each for each in paths if each[2:3] != ("rungs",) or old.steps[each[1]].rungs[each[3]].acts]
    path = paths[which % len(paths)]
    new = changed(old, path)

    assert diff(old, new).changes, path


# Renames


def test_a_declared_rename_is_one() -> None:
    """A step, an outcome, a field and an event by other names are the same things, and nothing else changes."""
    renamed = TEXT
    for old, new in (("safe-contact", "plan-contact"), ("no-way", "no-safe-way")):
        renamed = renamed.replace(old, new)
    renamed = renamed.replace(" plan-contact:\n", " plan-contact:\n  was: safe-contact\n")
    renamed = renamed.replace(
        "outcomes: [safe-to-call, no-safe-way]", "outcomes: {safe-to-call: {}, no-safe-way: {was: no-way}}"
    )
    found = diff(compiled(P1).protocol, compile_text(renamed, today=TODAY).protocol)

    assert found.in_meaning == ()
    assert {each.says for each in found.changes} == {
        "safe contact is now called plan contact.",
        "safe contact, no way is now called plan contact, no safe way.",
    }


def test_an_undeclared_rename_is_a_loss_with_a_hint() -> None:
    """A duty gone and another new, and what to write if they are one."""
    text = TEXT.replace("safe-contact", "plan-contact")
    found = diff(compiled(P1).protocol, compile_text(text, today=TODAY).protocol)
    (gone,) = [each for each in found.changes if each.code == "D17"]

    assert gone.tag is Tag.SAFEGUARD
    assert "write was: safe-contact" in gone.says


@pytest.mark.parametrize(("was", "code"), [("never-there", "WAS_UNKNOWN"), ("first-call", "WAS_THERE")])
def test_a_rename_of_nothing_is_refused(was: str, code: str) -> None:
    """What it was must have been, and must not be there still."""
    new = edited((" safe-contact:\n", f" safe-contact:\n  was: {was}\n"))

    with pytest.raises(HandoffError, match=code):
        diff(compiled(P1).protocol, new)


def test_a_rename_that_two_claim_is_refused() -> None:
    """Two steps that both say they were one."""
    new = edited(
        (" safe-contact:\n", " plan-contact:\n  was: safe-contact\n"),
        (" decline-talk:\n", " last-talk:\n  was: safe-contact\n"),
        ("safe-contact safe-to-call", "plan-contact safe-to-call"),
        ("decline-talk wants-court-told", "last-talk wants-court-told"),
        ("decline-talk ends", "last-talk ends"),
    )

    with pytest.raises(HandoffError, match="WAS_TWICE"):
        diff(compiled(P1).protocol, new)


# Conditions


def test_conditions_that_are_true_alike_are_alike() -> None:
    """Not (a and b) and not a or not b; another order; what is unknown counts as not so."""
    protocol = compiled(P1).protocol
    wants, heard = (expressions.Test(test=expressions.TestKind.TRUE, name=name) for name in ("wants-notice", "heard"))
    not_wants = expressions.Test(test=expressions.TestKind.TRUE, name="wants-notice", negate=True)
    both, other = (Joined(word="and", parts=parts) for parts in ((wants, heard), (heard, wants)))

    assert alike(protocol, protocol, both, other) is True
    assert alike(protocol, protocol, wants, Joined(word="and", parts=(wants, wants))) is True
    assert alike(protocol, protocol, wants, not_wants) is False
    assert alike(protocol, protocol, wants, None) is False
    assert alike(protocol, protocol, Joined(word="or", parts=(both, wants)), wants) is True


# Windows


CALENDARS = (
    "mon-fri 08:00-16:30",
    "mon-fri 09:00-12:00, mon-fri 13:00-17:00",
    "mon-thu 10:00-18:00",
    "tue-sat 00:00-24:00",
)
LIMITS = ("within {n} hours", "within {n} working hours", "within {d} days", "within {d} working days",
          "next working day at 11:00", "next day at 09:00", "within {n} hours, or within {d} working days if sooner",
          "within {d} days, or next working day at 16:00 if later")  # fmt: skip


def windowed(chance: Random) -> Protocol:
    """A text of one step with a window by chance."""
    limit = chance.choice(LIMITS).format(n=chance.randint(1, 30), d=chance.randint(1, 4))
    return compile_text(
        "protocol: window\n"
        f"timezone: {chance.choice(ZONES)}\nholidays: US-MN\n"
        f"agencies:\n one: {{open: '{chance.choice(CALENDARS)}', lead: worker}}\n"
        " council: {open: mon-fri 09:00-17:00, lead: coordinator}\n"
        "events:\n begun: {from: one, then: start a case}\n"
        f"steps in lane:\n task:\n  when: begun\n  who: worker\n  must: do it\n  due: {limit}\n",
        today=TODAY,
    ).protocol


@pytest.mark.parametrize("seed", range(24))
def test_windows_compare_as_at_every_tenth_minute(seed: int) -> None:
    """Random pairs in all zones: no delivery of two years' odd weeks lies outside what the comparison says."""
    chance = Random(seed)
    old = windowed(chance)
    new = windowed(chance)
    new = compile_text_in(new, old.zone) if chance.random() < 0.8 else new
    before, after = old.steps[0].due, new.steps[0].due
    assert before is not None
    assert after is not None
    found = compare(old, new, before, after, "one")
    sooner, later = by_minutes(old, new, chance)

    assert found.sooner >= sooner
    assert found.later >= later
    assert reached(found, sooner, later), (found, sooner / HOUR, later / HOUR)


def compile_text_in(protocol: Protocol, zone: str) -> Protocol:
    """The same protocol in another zone."""
    calendars = tuple(replace(each, zone=zone) for each in protocol.calendars)
    return replace(protocol, zone=zone, calendars=calendars)


def by_minutes(old: Protocol, new: Protocol, chance: Random) -> tuple[int, int]:
    """The most that due times move, looked at every tenth minute of weeks with clock changes, holidays and none."""
    sooner = later = 0
    first, second = old.steps[0].due, new.steps[0].due
    assert first is not None
    assert second is not None
    for week in (
        *(datetime(2027, month, day, tzinfo=ZoneInfo(old.zone)) for month, day in ((3, 8), (11, 1), (11, 22), (6, 7))),
    ):
        start = clocks.instant(week)
        for minute in range(chance.randrange(10), 9 * 24 * 60, 10):
            at = start + minute * 60_000_000
            one, two = _due(old, first, "one", at), _due(new, second, "one", at)
            assert one is not None
            assert two is not None
            sooner, later = max(sooner, one - two), max(later, two - one)
    return sooner, later


def reached(found: Compared, sooner: int, later: int) -> bool:
    """Whether the verdict is what those minutes showed; other weeks may hold a rarer extreme."""
    if found.verdict is Verdict.SAME:
        return sooner == later == 0
    return found.verdict is not Verdict.UNDECIDED
