"""Every refusal of a protocol text says what, where, and what to write instead."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from protocol.compiling.compiler import compile_text
from protocol.errors import Finding, SpecError
from tests.protocol.texts import SMALL, SPECS, TODAY, changed, compiled

REFUSALS = yaml.safe_load((Path(__file__).parent / "refusals.yaml").read_text())
PROTOCOL = Path(__file__).resolve().parents[2] / "protocol"
OTHERS = {
    "scenario.py", "stories.py", "state.py", "refusals.py",  # say nothing of a text
    "linking.py", "cover.py", "explorer.py", "runs.py", "retelling.py",  # have tests of their own
}  # fmt: skip
CODE = re.compile(r"(?!SCENARIO_|UTC$|LATE$)[A-Z]{3,}(_[A-Z]+)*")
ELSEWHERE = {
    "TEXT_ENCODING", "TEXT_TOO_LARGE", "TEXT_TOO_MANY_NODES",  # too large to show here: test_reading.py
    "LABEL_LINK_END",  # needs a second text: test_linking.py
    "UNUSED",  # a warning: below
    "NEVER_OPEN",  # no hours that can be written leave a week without an open day
}  # fmt: skip


def findings(text: str) -> tuple[Finding, ...]:
    with pytest.raises(SpecError) as caught:
        compile_text(text, today=TODAY, explored=False)
    return caught.value.findings


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda each: each["told"][0].split(" ")[1])
def test_a_refusal_says_what_where_and_what_to_write(refusal: dict[str, Any]) -> None:
    """Each faulty text is refused with exactly these places, codes and sentences."""
    text = SMALL
    for each in refusal["changes"]:
        old = each.get("old")
        assert old is None or text.count(old) == 1
        text = text + each["new"] if old is None else text.replace(old, each["new"])

    assert refusal["told"] == [
        f"{each.place.line}:{each.place.column} {each.code} {each.says} | {each.write}" for each in findings(text)[:3]
    ]


def test_every_refusal_of_a_text_has_its_sentence_tested() -> None:
    """No code of the reader, the compiler or the checks is without a text that brings it about."""
    told = {told.split(" ")[1] for each in REFUSALS for told in each["told"]}

    assert set() == set(codes()) - told - ELSEWHERE


def codes() -> Iterator[str]:
    """Every code a text can be refused with, as the modules of the core write them."""
    for path in PROTOCOL.glob("*.py"):
        if path.name not in OTHERS:
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Constant) and CODE.fullmatch(str(node.value)):
                    yield str(node.value)


def test_the_place_is_the_phrase_that_is_wrong() -> None:
    """A finding points at the line and column of the phrase, not at its step."""
    text = changed("when: refer given", "when: refer handed")
    line = next(number for number, each in enumerate(text.splitlines(), 1) if "refer handed" in each)

    (found,) = [each for each in findings(text) if each.code == "UNKNOWN_OUTCOME"]

    assert (found.place.line, found.place.column) == (line, 9)


def test_closing_another_agencys_lane_by_an_opt_out_is_refused() -> None:
    """A confidential agency's event that closes another agency's lane would show a survivor's choice."""
    text = changed(" moved: {from: police", " opt-out: {from: shelter, then: close report}\n moved: {from: police")

    assert [each.code for each in findings(text)] == ["LABEL_ACT"]


def test_a_step_outside_opened_by_an_inner_outcome_is_refused() -> None:
    """A police step opened by what the survivor answered would show it."""
    extra = "steps in after:\n visit:\n  when: call talked\n  who: patrol\n  must: visit\n  due: within 1 day\n"

    assert "LABEL_CAUSE" in [each.code for each in findings(SMALL + extra)]


def test_a_loop_that_waits_for_nobody_is_refused() -> None:
    """Two steps that open each other without a person, the world or time between them are refused."""
    extra = (
        "steps in loop:\n"
        " one:\n  when any of: [arrest, two opens]\n  who: patrol\n  must: go\n  due: within 1 day\n"
        " two:\n  when: one opens\n  who: patrol\n  must: go\n  due: within 1 day\n"
    )

    assert "LOOP_WITHOUT_WAITING" in [each.code for each in findings(SMALL + extra)]


def test_a_step_that_waits_for_a_release_is_refused() -> None:
    """No service may depend on a signed release."""
    extra = (
        "steps in sharing:\n"
        " share:\n  when: call talked\n  who: advocate\n  must: pass it on\n  shares: numbers with patrol\n"
        "  due: within 1 day\n"
        " next:\n  when: share shared\n  who: advocate\n  must: go on\n  due: within 1 day\n"
    )

    assert "RESTS_ON_RELEASE" in [each.code for each in findings(SMALL + extra)]


def test_every_finding_is_reported_at_once() -> None:
    """Two faults in one text are both reported, in text order."""
    text = changed("due: within 2 hours", "due: 2 hours").replace("who: advocate", "who: advocat")

    assert [each.code for each in findings(text)][:2] == ["LIMIT_LENGTH", "UNKNOWN_ROLE"]


def test_what_nothing_uses_is_a_warning() -> None:
    """A forgotten event, field, value or ladder is shown and does not stop publishing; used ones are not shown."""
    text = changed(" moved: {", " seen: {from: police}\n moved: {")
    text = text.replace(" hearing: date", " spare: yes or no\n hearing: date").replace(
        " numbers: ", " more: text\n numbers: ", 1
    )
    found = compile_text(text + "ladders:\n calm: {when due: tell lead}\n", today=TODAY).findings
    said = {(each.level, each.code, each.says.split(" ")[0]) for each in found}

    assert said == {("warning", "UNUSED", each) for each in ("seen", "spare", "danger", "more", "No")}


@pytest.mark.parametrize("slug", sorted(each.parent.name for each in SPECS.glob("*/1.yaml")))
def test_the_bundled_texts_have_no_findings(slug: str) -> None:
    """Not even a warning."""
    assert compiled(slug).findings == ()
