"""Every refusal of a protocol text says what, where, and what to write instead."""

from __future__ import annotations

import pytest

from protocol.compiling import compile_text
from protocol.errors import Finding, SpecError
from tests.protocol.texts import SMALL, TODAY, changed

LADDER = "must: call her\n  ladder: "
MOU = "agreements:\n mou: {between: all, signed: 2026-01-15, review by: 2027-01-15}\n"
CASES = [
    ("LIMIT_LENGTH", "due: within 2 hours", "due: 2 hours", "within 2 hours"),
    ("LENGTH_UNIT", "due: within 2 hours", "due: within 2h", "2 hours"),
    ("UNKNOWN_CALENDAR", "due: within 2 hours", "due: within 2 business days", "working days"),
    ("UNKNOWN_ROLE", "who: patrol", "who: patrol officer", "Join names: patrol-officer"),
    ("UNKNOWN_ROLE", "must: call her", LADDER + "{when due: tell supervizor}", "Did you mean supervisor?"),
    ("NO_CLOCK", "  due: within 2 hours\n", "", "Add due"),
    ("UNKNOWN_OUTCOME", "when: refer given", "when: refer handed", "It ends given"),
    ("WHEN_LIST", "when: refer given", "when: [refer given, arrest]", "when any of"),
    ("CONDITION_READS_TWO_WAYS", "when: refer given", "when: refer given\n  only if: a and b or c", "yes if a and b"),
    ("VAULT_READ", "when: refer given", "when: refer given\n  only if: numbers", "Ask a yes or no"),
    ("NO_CLOCK_YET", "due: within 1 working day, or 30 minutes before hearing if sooner", "due: hearing", "if sooner"),
    ("SENDER_EATS_TIME", "due: within 1 working day, or", "due: within 60 minutes of arrest, or", "from delivery"),
    ("LABEL_RUNG", "must: call her", LADDER + "{when due: tell coordinator}", "Tell supervisor."),
    ("TELL_SURVIVOR", "must: call her", LADDER + "{when due: tell survivor}", "Write a step"),
    ("TRIES_THEN", ", then not-reached", "", "then O"),
    ("RECORD_TEXT", "danger: number from 0 to 20", "danger: text", "vault"),
    ("RECORD_PROTECTED", " danger: number", " phone: number", "vault"),
    ("UNKNOWN_KEY", "must: call her", "must: call her\n  deu: within 2 hours", "Did you mean due?"),
    ("MISSING_KEY", "  must: call her\n", "", "Add must."),
    ("TEXT_DUPLICATE_KEY", "  who: patrol\n", "  who: patrol\n  who: sergeant\n", "Keep one"),
    ("TEXT_ANCHOR", "  who: patrol\n", "  who: &a patrol\n", "out"),
    ("TEXT_TAG", "  who: patrol\n", "  who: !!str patrol\n", "Remove"),
    ("HOLIDAYS", "holidays: US-MN", "holidays: US-XX", "US-MN"),
    ("TIMEZONE", "timezone: America/Chicago", "timezone: America/Springfield", "America/Chicago"),
    ("NO_AGREEMENT", MOU, "", "agreements"),
    ("AGREEMENT_EXPIRED", "review by: 2027-01-15", "review by: 2026-02-15", "Renew"),
    ("NO_START", ", then: start a case", "", "start a case"),
    ("NAME", "roles: [patrol]", "roles: [Patrol Officer]", "patrol-officer"),
    ("MISS_REACHES_NOBODY", "must: call her",
     LADDER + "{when due: remind owner, every 1 day after that: remind owner}", "tell lead"),
]  # fmt: skip


def findings(text: str) -> tuple[Finding, ...]:
    with pytest.raises(SpecError) as caught:
        compile_text(text, today=TODAY)
    return caught.value.findings


@pytest.mark.parametrize(("code", "old", "new", "hint"), CASES, ids=[f"{case[0]}-{n}" for n, case in enumerate(CASES)])
def test_refusal_names_the_fault_its_place_and_the_remedy(code: str, old: str, new: str, hint: str) -> None:
    """A broken text is refused with a stable code, a line and column, and what to write instead."""
    found = [each for each in findings(changed(old, new)) if each.code == code]

    assert found, [each.code for each in findings(changed(old, new))]
    assert hint in found[0].write
    assert found[0].place.line >= 1
    assert found[0].place.column >= 1


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
