"""What is said outside Handoff, on telephones and in mail: fixed sentences, one text of 160 GSM-7 characters each.

From ``notes/ux.md`` §5. Never a code, name, place, agency, step or word of violence: whoever sees a locked screen
learns that a rota exists. Nothing of a case can get in, for nothing but times, reply codes and a link is taken. Spanish
does without the accents that GSM-7 lacks (a, i, o and u). Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum, auto
from typing import Final, NamedTuple

from protocol.engine import clocks
from protocol.languages import LANGUAGES, Tongue
from protocol.state import Instant

LONGEST: Final = 160
BASIC: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
TWICE: Final = frozenset("^{}\\[~]|€")
"""Characters of GSM 03.38 that count as two."""

DENIED: Final[Mapping[Tongue, frozenset[str]]] = {
    "en": frozenset(
        [
            "abuse",
            "abused",
            "abuser",
            "abusive",
            "advocacy",
            "advocate",
            "agency",
            "arrest",
            "arrested",
            "assault",
            "attorney",
            "attack",
            "bail",
            "battered",
            "battery",
            "case",
            "charge",
            "charged",
            "child",
            "children",
            "client",
            "confidential",
            "counselor",
            "court",
            "crime",
            "criminal",
            "custody",
            "danger",
            "dangerous",
            "defendant",
            "detective",
            "domestic",
            "dv",
            "emergency",
            "family",
            "hearing",
            "hospital",
            "hotline",
            "incident",
            "injunction",
            "jail",
            "judge",
            "kill",
            "lethality",
            "magistrate",
            "offender",
            "officer",
            "partner",
            "patrol",
            "perpetrator",
            "police",
            "prison",
            "prosecutor",
            "protection",
            "protective",
            "rape",
            "refuge",
            "report",
            "risk",
            "safe",
            "safety",
            "sheriff",
            "shelter",
            "stalking",
            "strangulation",
            "survivor",
            "suspect",
            "threat",
            "trafficking",
            "victim",
            "violence",
            "violent",
            "warrant",
            "weapon",
        ]
    ),
    "es": frozenset(
        [
            "abogada",
            "abogado",
            "abusador",
            "abuso",
            "abusos",
            "acusado",
            "agencia",
            "agresor",
            "agresora",
            "agresion",
            "agresión",
            "amenaza",
            "arresto",
            "arrestado",
            "asalto",
            "audiencia",
            "carcel",
            "cárcel",
            "casa",
            "caso",
            "cliente",
            "corte",
            "crimen",
            "custodia",
            "defensora",
            "delito",
            "denuncia",
            "detenido",
            "domestica",
            "doméstica",
            "emergencia",
            "familia",
            "fiscal",
            "fiscalia",
            "fiscalía",
            "golpes",
            "hijos",
            "hospital",
            "incidente",
            "informe",
            "juez",
            "jueza",
            "juzgado",
            "muerte",
            "pareja",
            "patrulla",
            "peligro",
            "policia",
            "policía",
            "preso",
            "proteccion",
            "protección",
            "refugio",
            "riesgo",
            "segura",
            "seguridad",
            "seguro",
            "sobreviviente",
            "sospechoso",
            "testigo",
            "tribunal",
            "victima",
            "víctima",
            "violacion",
            "violación",
            "violencia",
            "violento",
        ]
    ),
}
"""Words that no title, text, mail, calendar or file name may hold (``notes/ux.md`` S4), in lower case."""


class Notice(StrEnum):
    """What is said."""

    NEW = auto()
    AGAIN = auto()
    MOVED = auto()
    REMINDER = auto()
    LOOK = auto()
    TEAM = auto()
    BETWEEN = auto()
    ASK = auto()
    CONFIRMED = auto()
    TAKEN = auto()
    PASSED = auto()
    OVER = auto()
    UNKNOWN = auto()
    TEST = auto()
    COVER = auto()
    STOPPED = auto()


DUTIES: Final = frozenset((Notice.NEW, Notice.AGAIN, Notice.MOVED))
"""What is repeated until somebody has it: it says by when, and how to answer."""


class Codes(NamedTuple):
    """The two answers to one notice: three digits each."""

    take: int
    pass_on: int


class Times(NamedTuple):
    """What a notice may say of time. ``by``: take it by then, or the next time mark; ``at``: when it moved, or was due.

    ``late``: it was to be said at that instant, and the system was down. Cover is asked for from ``at`` to ``by``.
    """

    now: Instant
    zone: str
    by: Instant | None = None
    at: Instant | None = None
    late: Instant | None = None


_FIRST: Final[Mapping[Tongue, Mapping[Notice, str]]] = {
    "en": {
        Notice.NEW: "1 item needs you.",
        Notice.AGAIN: "still waiting for you.",
        Notice.MOVED: "1 item moved to you at {at}.",
        Notice.REMINDER: "still waiting for you.",
        Notice.LOOK: "1 item for you to look at. Open your list.",
        Notice.TEAM: "1 item in your team is past its time. Please look.",
        Notice.BETWEEN: "1 item between agencies is past its time. Please look.",
        Notice.ASK: "please call the duty line about 1 item.",
        Notice.CONFIRMED: "you have it.",
        Notice.TAKEN: "a colleague has this since {at}. Nothing to do.",
        Notice.PASSED: "passed on. Nothing to do.",
        Notice.OVER: "this no longer waits. Nothing to do.",
        Notice.UNKNOWN: "code not known. Open your list or call the duty line.",
        Notice.TEST: "this is a test. Nothing to do.",
        Notice.COVER: "cover is asked for, {at} to {by}. Open your rota.",
        Notice.STOPPED: "what you started has stopped. Please look.",
    },
    "es": {
        Notice.NEW: "1 asunto le espera.",
        Notice.AGAIN: "1 asunto sigue pendiente.",
        Notice.MOVED: "1 asunto pasa a usted. Hora: {at}.",
        Notice.REMINDER: "1 asunto sigue pendiente.",
        Notice.LOOK: "1 asunto para ver. Abra su lista.",
        Notice.TEAM: "1 asunto de su equipo pasa de su hora. Por favor mire.",
        Notice.BETWEEN: "1 asunto entre entidades pasa de su hora. Por favor mire.",
        Notice.ASK: "por favor llame a la guardia por 1 asunto.",
        Notice.CONFIRMED: "usted lo tiene.",
        Notice.TAKEN: "otra persona lo tiene desde {at}. Nada que hacer.",
        Notice.PASSED: "pasado a otra persona. Nada que hacer.",
        Notice.OVER: "esto ya no espera. Nada que hacer.",
        Notice.UNKNOWN: "clave no conocida. Abra su lista o llame a la guardia.",
        Notice.TEST: "esto es una prueba. Nada que hacer.",
        Notice.COVER: "se pide un relevo, {at} a {by}. Abra su turno.",
        Notice.STOPPED: "lo que usted puso en marcha se detuvo. Por favor mire.",
    },
}


class _Then(StrEnum):
    LATE = auto()
    BY = auto()
    NEXT = auto()
    REPLY = auto()
    LIST = auto()
    CALL = auto()
    CALL_TO_LOOK = auto()
    VOICEMAIL = auto()


_THEN: Final[Mapping[Tongue, Mapping[_Then, str]]] = {
    "en": {
        _Then.LATE: "late message, due {late}. System was down.",
        _Then.BY: "Take it by {by}.",
        _Then.NEXT: "Next time mark {by}.",
        _Then.REPLY: "Reply {take} to take it, {pass_on} to pass it on.",
        _Then.LIST: "Open your list.",
        _Then.CALL: "This is the {sender}. One item needs you. Press 1 to take it, 2 to pass it on, 3 to hear again.",
        _Then.CALL_TO_LOOK: "This is the {sender}. Please check your list.",
        _Then.VOICEMAIL: "This is the {sender}. Please check your list.",
    },
    "es": {
        _Then.LATE: "mensaje tarde, hora {late}. El sistema no funcionaba.",
        _Then.BY: "Hora tope: {by}.",
        _Then.NEXT: "Siguiente hora: {by}.",
        _Then.REPLY: "Responda {take} para tomarlo, {pass_on} para pasarlo.",
        _Then.LIST: "Abra su lista.",
        _Then.CALL: "{sender}: un asunto le espera. Pulse 1 para tomarlo, 2 para pasarlo, 3 para repetir.",
        _Then.CALL_TO_LOOK: "{sender}: por favor mire su lista.",
        _Then.VOICEMAIL: "{sender}: por favor mire su lista.",
    },
}
_DAYS: Final[Mapping[Tongue, tuple[str, ...]]] = {
    "en": LANGUAGES["en"].weekdays,
    "es": ("lun", "mar", "mié", "jue", "vie", "sab", "dom"),
}


def text(
    what: Notice, tongue: Tongue, times: Times, *, sender: str, codes: Codes | None = None, link: str | None = None
) -> str:
    """The whole text of a notice, at most ``LONGEST`` long.

    Args:
        what: which.
        tongue: the reader's language.
        times: what it may say of time.
        sender: the word it begins with.
        codes: how to answer by text; without them and without a ``link`` a duty says to open the list.
        link: an "I have it" link, left out where it would make the text too long.
    """
    first, then = _FIRST[tongue][what], _THEN[tongue]
    said = {name: "" if at is None else _moment(at, times, tongue) for name, at in _named(times).items()}
    sentences = [first]
    if times.late is not None:
        # In place of New's first sentence; before what others are told.
        sentences = [then[_Then.LATE], *([] if what in DUTIES else [first])]
    if what in DUTIES and times.by is not None:
        sentences.append(then[_Then.BY])
    if what in {Notice.CONFIRMED, Notice.REMINDER} and times.by is not None:
        sentences.append(then[_Then.NEXT])
    begun = f"{sender}: {' '.join(sentences).format(**said)}"
    if what not in DUTIES:
        return begun
    for answer in _answers(then, codes, link):
        whole = f"{begun} {answer}"
        if septets(whole) <= LONGEST:
            return whole
    return begun


def call(what: Notice, tongue: Tongue, *, sender: str) -> str:
    """What a call says; keys 1 and 2 answer a duty."""
    chosen = _Then.CALL if what in DUTIES else _Then.CALL_TO_LOOK
    return _THEN[tongue][chosen].format(sender=sender)


def voicemail(tongue: Tongue, *, sender: str) -> str:
    """What a call leaves on a machine, which counts for nothing."""
    return _THEN[tongue][_Then.VOICEMAIL].format(sender=sender)


def septets(said: str) -> int:
    """How much room a text takes in GSM-7; more than one message holds if a character is not in it."""
    if not set(said) <= BASIC | TWICE:
        return LONGEST * len(said) + LONGEST + 1
    return len(said) + sum(each in TWICE for each in said)


def denied(said: str) -> tuple[str, ...]:
    """The words of a text that must not be in it, in any language."""
    words = {each.strip(".,:;!?()\"'").lower() for each in said.replace("-", " ").replace("/", " ").split()}
    return tuple(sorted(words & (DENIED["en"] | DENIED["es"])))


def _answers(then: Mapping[_Then, str], codes: Codes | None, link: str | None) -> list[str]:
    """How one can answer, the best first."""
    found = [] if codes is None else [then[_Then.REPLY].format(take=codes.take, pass_on=codes.pass_on)]
    return [*found, *([] if link is None else [link]), then[_Then.LIST]]


def _named(times: Times) -> dict[str, Instant | None]:
    return {"by": times.by, "at": times.at, "late": times.late}


def _moment(at: Instant, times: Times, tongue: Tongue) -> str:
    """``2:57 AM``; with the weekday if not today, the date past six days."""
    moment, today = clocks.moment(at, times.zone), clocks.moment(times.now, times.zone)
    hour = f"{(moment.hour - 1) % 12 + 1}:{moment.minute:02d} {'AM' if moment.hour < 12 else 'PM'}"
    days = abs(moment.toordinal() - today.toordinal())
    if days == 0:
        return hour
    if days <= 6:
        return f"{_DAYS[tongue][moment.weekday()]} {hour}"
    date = f"{moment.day}/{moment.month}" if tongue == "es" else f"{moment.month}/{moment.day}"
    return f"{date} {hour}"
