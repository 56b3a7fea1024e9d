"""Every text, in every language and channel: one message, and no word of the case."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.notices import wording
from protocol.kernel import Guard
from protocol.languages import TONGUES
from protocol.languages.notices import (
    BASIC,
    DUTIES,
    LONGEST,
    TWICE,
    Codes,
    Notice,
    Times,
    call,
    denied,
    septets,
    text,
    voicemail,
)
from store.notices.errands import Contact, Errand, Kind
from store.notices.resolving import Standing
from tests.protocol.texts import compiled

ZONES = ("America/Chicago", "America/Los_Angeles", "UTC")
INSTANTS = st.integers(1_700_000_000, 1_900_000_000).map(lambda second: second * 1_000_000)
MAYBE = st.none() | INSTANTS
TIMES = st.builds(Times, now=INSTANTS, zone=st.sampled_from(ZONES), by=MAYBE, at=INSTANTS, late=MAYBE)
CODES = st.none() | st.integers(50, 499).map(lambda each: Codes(each * 2, each * 2 + 1))
LINKS = st.none() | st.text("abcdefghijklmnopqrstuvwxyzABCXYZ0123456789-_", min_size=43, max_size=120).map(
    lambda each: f"https://handoff.example.org/have-it/{each}"
)
SENDERS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9 ]{0,10}[A-Za-z0-9]", fullmatch=True)
WORDS = {
    "en": "item needs you still waiting for moved to at take it by reply pass on open your list late message due "
    "system was down next time mark you have a colleague has this since nothing do passed no longer waits code not "
    "known or call the duty line please about in team is past its between agencies look test am pm mon tue wed thu "
    "fri sat sun one press hear again check cover asked is rota what started stopped",
    "es": "asunto le espera sigue pendiente pasa a usted hora tope responda para tomarlo pasarlo abra su lista "
    "mensaje tarde el sistema no funcionaba siguiente lo tiene otra persona desde nada que hacer pasado esto ya "
    "clave conocida o llame la guardia por favor de equipo mire entre entidades es una prueba am pm lun mar mié jue "
    "vie sab dom un pulse repetir ver se pide relevo turno puso en marcha detuvo",
}
"""Every word that a text may hold beside the sender's."""


def words_of(said: str) -> set[str]:
    return set(re.findall(r"[^\W\d_]+", re.sub(r"https://\S+", "", said).lower()))


@given(what=st.sampled_from(Notice), tongue=st.sampled_from(TONGUES), times=TIMES, codes=CODES, link=LINKS)
def test_a_text_is_one_message_of_known_words(
    what: Notice, tongue: str, times: Times, codes: Codes | None, link: str | None
) -> None:
    """Whatever the times, codes and link: 160 GSM-7 characters at most, no denied word, only words of the table."""
    said = text(what, tongue, times, sender="Rota", codes=codes, link=link)  # type: ignore[arg-type]
    assert septets(said) <= LONGEST
    assert set(said) <= BASIC | TWICE
    assert () == denied(re.sub(r"https://\S+", "", said))
    assert words_of(said) <= {"rota", *WORDS[tongue].split()}
    if what in DUTIES:
        assert codes is None or str(codes.take) in said


@given(times=TIMES, sender=SENDERS, tongue=st.sampled_from(TONGUES), what=st.sampled_from(Notice), codes=CODES)
def test_any_sender_fits(times: Times, sender: str, tongue: str, what: Notice, codes: Codes | None) -> None:
    """The longest sender there may be leaves every text one message, with its answer."""
    said = text(what, tongue, times, sender=sender, codes=codes)  # type: ignore[arg-type]
    assert septets(said) <= LONGEST
    for spoken in (call(what, tongue, sender=sender), voicemail(tongue, sender=sender)):  # type: ignore[arg-type]
        assert septets(spoken) <= LONGEST


@pytest.mark.parametrize("tongue", TONGUES)
def test_what_a_call_says_is_of_known_words_too(tongue: str) -> None:
    """A call and what it leaves on a machine: no denied word."""
    for what in Notice:
        for said in (call(what, tongue, sender="Rota"), voicemail(tongue, sender="Rota")):  # type: ignore[arg-type]
            assert () == denied(said)
            assert words_of(said) <= {"rota", "this", "is", "the", *WORDS[tongue].split()}


def names_of(slug: str) -> set[str]:
    """Every name in a bundled protocol: of steps, agencies, roles and fields, and what the text says of them."""
    protocol = compiled(slug).protocol
    found = {
        each.id for group in (protocol.steps, protocol.agencies, protocol.roles, protocol.fields) for each in group
    }
    titles = {each.title for each in protocol.words.values()}
    return {each.replace("-", " ").lower() for each in found | titles if each}


SLUGS = ("post-arrest-advocacy", "marac", "full-case-flow", "self-referral")
NAMES = {slug: names_of(slug) for slug in SLUGS}
STEPS = [(slug, each.id) for slug in SLUGS for each in compiled(slug).protocol.steps]


@given(
    place=st.sampled_from(STEPS),
    kind=st.sampled_from(Kind),
    tongue=st.sampled_from(TONGUES),
    now=INSTANTS,
    ago=st.integers(0, 10_000_000_000),
    due=MAYBE,
    taken=MAYBE,
    slot=st.integers(0, 9),
    why=st.sampled_from([None, "outcome", *Guard, "due", "late", "before-due", "elapsed"]),
    codes=CODES,
)
def test_no_text_of_any_errand_holds_a_word_of_its_case(
    place: tuple[str, str],
    kind: Kind,
    tongue: str,
    now: int,
    ago: int,
    due: int | None,
    taken: int | None,
    slot: int,
    why: str | None,
    codes: Codes | None,
) -> None:
    """Of every step of every bundled protocol, told in any way at any time: no name of the protocol, case or person."""
    slug, step = place
    protocol = compiled(slug).protocol
    known = protocol.step[step]
    contacts = (Contact(person="Canary Placeholder", channel="text", state="sent", slot=0, at=now, first_at=now),)
    found = Errand(
        id="canary-errand", case_id="canary-case", agency=known.agency, role=known.role, kind=kind, instance=1,
        notice_id="canary-notice", due=now - ago, since=now - ago, next_at=now, slot=slot,
        contacts=contacts if slot else (), person="Canary Placeholder",
    )  # fmt: skip
    standing = Standing(
        over=None, by=None, task_id="canary-task", step=step, agency=known.agency, owners=(known.role,),
        person="Canary Placeholder", delivered=now - ago, due=due, taken=taken, paused_until=None,
        why=None if why is None else str(why),
    )  # fmt: skip
    said = wording.said(found, standing, protocol, now, wording.To(tongue, "Rota", slot > 0))  # type: ignore[arg-type]
    for whole in (said.text(codes, None), said.call(), said.voicemail()):
        plain = " ".join(re.findall(r"[^\W\d_]+", whole.lower()))
        assert "canary" not in plain
        assert septets(whole) <= LONGEST
        assert () == denied(whole)
        assert not {each for each in NAMES[slug] if " " in each and each in plain}
        assert words_of(whole) <= {"rota", "this", "is", "the", *WORDS[tongue].split()}


def test_the_texts_are_those_agreed() -> None:
    """The English sentences, to the letter, as the experience was designed."""
    now = 1_794_646_200_000_000
    minute = 60 * 1_000_000
    times = Times(now=now, zone="America/Chicago", by=now + 8 * minute, at=now - 2 * minute)
    codes = Codes(482, 483)
    hour = text(Notice.TAKEN, "en", times, sender="Rota").partition("since ")[2].partition(".")[0]
    by = text(Notice.CONFIRMED, "en", times, sender="Rota").partition("mark ")[2].rstrip(".")
    assert f"Rota: 1 item needs you. Take it by {by}. Reply 482 to take it, 483 to pass it on." == text(
        Notice.NEW, "en", times, sender="Rota", codes=codes
    )
    assert f"Rota: 1 asunto le espera. Hora tope: {by}. Responda 482 para tomarlo, 483 para pasarlo." == text(
        Notice.NEW, "es", times, sender="Rota", codes=codes
    )
    assert f"Rota: 1 item moved to you at {hour}. Take it by {by}. Reply 482 to take it, 483 to pass it on." == text(
        Notice.MOVED, "en", times, sender="Rota", codes=codes
    )
    late = times._replace(late=now - 2 * minute)
    assert text(Notice.NEW, "en", late, sender="Rota", codes=codes).startswith(
        f"Rota: late message, due {hour}. System was down. Take it by {by}. Reply 482"
    )
