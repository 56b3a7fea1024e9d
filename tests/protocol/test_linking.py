"""Checks across protocols: each half of a link held against the other."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from protocol.compiling.compiler import compile_text
from protocol.errors import Finding, SpecError
from protocol.kernel import Protocol
from protocol.names import Slug
from tests.protocol.texts import SPECS, TODAY

HOSPITAL = """\
protocol: hospital
timezone: America/Chicago
agencies:
 ward: {lead: sister, roles: [nurse]}
 desk: {lead: clerk}
agreements:
 mou: {between: all, signed: 2026-01-15, review by: 2027-01-15}
record:
 harm: one of none, some, grave
 score: number from 0 to 20
 seen-at: date and time
events:
 admitted: {from: ward, brings: harm, then: start a case}
 moved: {from: ward, brings: seen-at}
 scored: {from: ward, brings: score}
steps in care:
 ask:
  when: admitted
  who: nurse
  must: ask if she wants an advocate
  due: within 2 hours
  ladder: {when due: tell sister}
  outcomes: {yes: ask score, no: }
 support:
  when: ask yes
  runs: shelter
  as: referred
  gives: harm and score
  passes on:
   visited: moved
steps in after:
 close:
  when: admitted
  who: clerk
  must: close the file
  due: within 5 days
  ladder: {when due: tell sister}
"""

SHELTER = """\
protocol: shelter
timezone: America/Chicago
agencies:
 house: {lead: director, roles: [advocate]}
agreements:
 mou: {between: all, signed: 2026-01-15, review by: 2027-01-15}
record:
 harm: one of none, some, grave, unknown
 score: number from 0 to 100
 seen-at: date and time
events:
 referred: {from: linked cases, brings: harm, may bring: score, then: start a case}
 walked-in: {from: linked cases, then: start a case}
 visited: {from: house and linked cases, brings: seen-at}
 left: {from: house, then: cancel call}
steps in support:
 call:
  when any of: [referred, walked-in]
  who: advocate
  must: call her
  due: within 2 hours
  ladder: {when due: tell director}
"""


def others() -> dict[Slug, Protocol]:
    return {"shelter": compile_text(SHELTER, today=TODAY).protocol}


def found(text: str, beside: dict[Slug, Protocol]) -> Sequence[Finding]:
    try:
        return compile_text(text, today=TODAY, others=beside).findings
    except SpecError as error:
        return error.findings


def changed(text: str, old: str, new: str) -> str:
    assert text.count(old) == 1, old
    return text.replace(old, new)


def test_two_texts_that_agree_have_no_finding() -> None:
    """A link that the other text bears out is well, from either side."""
    hospital = compile_text(HOSPITAL, today=TODAY).protocol

    assert found(HOSPITAL, others()) == ()
    assert found(SHELTER, {"hospital": hospital}) == ()


FAULTS = [
    ("as: referred", "as: refered", "LINK_EVENT", "Did you mean referred?"),
    ("as: referred", "as: left", "LINK_EVENT", "There is referred, walked-in."),
    ("gives: harm and score", "gives: score", "LINK_GIVES", "Add harm to gives."),
    ("gives: harm and score", "gives: harm and seen-at", "LINK_GIVES", "There is harm, score."),
    ("harm: one of none, some, grave", "harm: one of none, some, dire", "LINK_TYPE",
     "Write harm in both records alike."),
    ("score: number from 0 to 20", "score: number from 0 to 200", "LINK_TYPE", "Write score in both records alike."),
    ("ward, brings: harm", "ward, may bring: harm", "LINK_UNSURE",
     "Write only if: harm is known, or let referred of shelter say may bring: harm."),
    ("   visited: moved", "   visit: moved", "LINK_EVENT", "Did you mean visited?"),
    ("   visited: moved", "   left: moved", "LINK_SOURCE", "There, write from: linked cases, beside who else."),
    ("   visited: moved", "   referred: admitted", "LINK_TWO_STARTS", "Pass on an event that begins none."),
    ("   visited: moved", "   visited: scored", "LINK_GIVES", "Pass on what asks or brings seen-at."),
    ("runs: shelter", "runs: sheltr", "LINK_UNKNOWN", "Did you mean shelter?"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "code", "write"), FAULTS, ids=[f"{each[2]}-{n}" for n, each in enumerate(FAULTS)]
)
def test_a_link_that_is_not_borne_out_is_found(old: str, new: str, code: str, write: str) -> None:
    """Each way in which a link may miss the other text has a code, and says what to write."""
    first = found(changed(HOSPITAL, old, new), others())[0]

    assert (first.code, first.write) == (code, write)
    assert first.level == ("warning" if code == "LINK_UNKNOWN" else "error")


def test_an_only_if_makes_a_field_known() -> None:
    """A field that may be missing is surely known where the link asks for it."""
    unsure = changed(HOSPITAL, "ward, brings: harm", "ward, may bring: harm")

    assert found(changed(unsure, "when: ask yes", "when: ask yes\n  only if: harm is known"), others()) == ()


def test_two_links_begin_a_case_alike() -> None:
    """One protocol begins the cases of another by one event."""
    second = " again:\n  when: ask no\n  runs: shelter\n  as: walked-in\nsteps in after:\n"

    codes = [each.code for each in found(changed(HOSPITAL, "steps in after:\n", second), others())]

    assert codes == ["LINK_TWO_STARTS", "LINK_TWO_STARTS"]


def test_the_end_of_a_confidential_case_is_no_cause() -> None:
    """Where the other protocol has a confidential agency, nothing may wait for its case to end."""
    waits = changed(HOSPITAL, "  when: admitted\n  who: clerk", "  when: support ends\n  who: clerk")
    quiet = changed(SHELTER, " house: {lead", " house: {confidential: yes, lead")

    assert found(waits, others()) == ()
    assert [each.code for each in found(waits, {"shelter": compile_text(quiet, today=TODAY).protocol})] == [
        "LABEL_LINK_END"
    ]
    assert found(HOSPITAL, {"shelter": compile_text(quiet, today=TODAY).protocol}) == ()


def test_a_protocol_that_others_run_keeps_what_they_rely_on() -> None:
    """A new text of the linked protocol is held against those in force that run it."""
    hospital = compile_text(HOSPITAL, today=TODAY).protocol
    (found_,) = found(changed(SHELTER, "brings: harm, may bring: score", "brings: harm"), {"hospital": hospital})

    assert found_.code == "LINK_GIVES"
    assert found_.says == "hospital runs this. referred of shelter does not bring score."


def test_the_bundled_texts_bear_one_another_out() -> None:
    """Every bundled text is well beside the others."""
    texts = {path.parent.name: path.read_text() for path in SPECS.glob("*/1.yaml")}
    beside = {slug: compile_text(text, today=TODAY).protocol for slug, text in texts.items()}

    assert {slug: found(text, beside) for slug, text in texts.items()} == dict.fromkeys(texts, ())
