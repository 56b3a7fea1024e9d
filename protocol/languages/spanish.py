"""Clocks explained in plain, neutral Spanish, with *usted*.

Names are the council's own words: those of roles and agencies stand without an article, whose gender nobody knows;
those of duties, events and fields stand between «».
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from protocol.expressions import Unit
from protocol.languages.language import Language, Say, Template, Whose
from protocol.state import PauseReason

SENTENCES: dict[Say, Template] = {
    Say.DUE: "Vence {at}. Tiempo restante: {amount}.",
    Say.LATE: "Retraso: {amount}. Vencía {at}.",
    Say.SHORT_NOTICE: "Hágalo ahora. Vence {at}; cuenta como aviso con poco tiempo, no como plazo vencido.",
    Say.NO_DEADLINE: "Sin plazo.",
    Say.NO_DUE_YET: "Todavía no tiene hora límite.",
    Say.PAUSED: "En pausa: {reason}.",
    Say.NOT_YET: "Todavía no. Se abre {at}.",
    Say.NOT_YET_KNOWN: "Todavía no.",
    Say.HANDED_OVER: "Se entregó {at}.",
    Say.ENDED: "Este asunto terminó. No hay nada que hacer.",
    Say.DONE: "Hecho. Se registró {at}.",
    Say.DONE_ON_TIME: "Hecho a tiempo. Vencía {due}; se registró {at}.",
    Say.DONE_LATE: "Hecho con retraso: {amount}. Vencía {due}; se registró {at}.",
    Say.SENT: "Se envió {at}, hace {amount}. Todavía nadie lo ha tomado.",
    Say.NOT_TAKEN_UP: "Nadie lo ha tomado. Se envió {at}, hace {amount}.",
    Say.IN_HAND: "Ya está en sus manos: lo tomaron {at}.",
    Say.BECAUSE: "{limit}.",
    Say.LEAD_REMINDED: "Mientras siga abierto, se le recuerda a quien dirige la agencia.",
    Say.PAUSE_ENDS: "La pausa termina a más tardar {at}.",
    Say.PAUSE_ENDS_REST_LEFT: "La pausa termina a más tardar {at}. Mientras tanto, el tiempo restante no corre.",
    Say.PAUSE_MOVES_NOTHING: "La pausa termina a más tardar {at}. No cambia la hora límite: vence {due}.",
    Say.NOTHING_NOW: "No hay nada que hacer ahora.",
    Say.OLD_RECORD: "Es un registro antiguo que se ingresó tarde: sus tareas se reparten en varios días.",
    Say.WAITS_UNKNOWN: "No se sabe qué espera.",
    Say.SAY_YOU_HAVE_IT: "Indique que lo tiene; no hace falta nada más.",
    Say.PRIVATE: "Lo demás es privado de {agency}.",
    Say.WAS: "Antes vencía {at}.",
    Say.WAS_UNTIL: "Antes vencía {at}, hasta que {cause}.",
    Say.IF_NOT_TAKEN: "Si nadie lo toma, {at} {acts}.",
    Say.IF_NOT_DONE: "Si no se hace, {at} {acts}.",
    Say.IF_NOT_TRIED: "Si nadie lo intenta, {at} {acts}.",
    Say.IF_TOO_FEW_TRIES: ("Si nadie lo intenta, {at} {acts}.", "Con menos de {count} intentos, {at} {acts}."),
    Say.TOLD: "Se avisó {told}.",
    Say.TOLD_WHOM: "a {roles}, {at}",
    Say.ENDS_DONE: "Termina cuando usted registre que se hizo.",
    Say.ENDS_RECORDED: "Termina cuando usted registre lo que pasó.",
    Say.ENDS_TAKEN: "Termina cuando usted lo tome.",
    Say.ENDS_BY_VOTES: "Termina cuando haya suficientes votos iguales.",
    Say.STILL_POSSIBLE: "Todavía puede hacerlo; contará como hecho con retraso.",
    Say.FROM_DELIVERY: "{length} desde que {agency} recibió esto ({at})",
    Say.FROM_DELIVERY_TO_COME: "{length} desde que {agency} reciba esto",
    Say.NEXT_DAY_AT: "a {hour} del día siguiente",
    Say.NEXT_WORKING_DAY_AT: "a {hour} del siguiente día hábil",
    Say.NEXT_AGENCY_DAY_AT: "a {hour} del siguiente día de {agency}",
    Say.NEXT_DAY_START: "al comienzo del día siguiente",
    Say.NEXT_WORKING_DAY_START: "al comienzo del siguiente día hábil",
    Say.NEXT_AGENCY_DAY_START: "al comienzo del siguiente día de {agency}",
    Say.DAY_END: "al final del día",
    Say.WORKING_DAY_END: "al final del día hábil",
    Say.AGENCY_DAY_END: "al final del día de {agency}",
    Say.DAY_START: "al comienzo del día",
    Say.WORKING_DAY_START: "al comienzo del día hábil",
    Say.AGENCY_DAY_START: "al comienzo del día de {agency}",
    Say.AT_FIELD: "en el momento de «{field}» ({at})",
    Say.AT_UNKNOWN: "en el momento de «{field}» (todavía no se sabe)",
    Say.BEFORE_FIELD: "{length} antes de «{field}» ({at})",
    Say.BEFORE_UNKNOWN: "{length} antes de «{field}» (todavía no se sabe)",
    Say.AFTER_FIELD: "{length} después de «{field}» ({at})",
    Say.AFTER_UNKNOWN: "{length} después de «{field}» (todavía no se sabe)",
    Say.AT_CAUSE: "cuando {cause}",
    Say.AFTER_CAUSE: "{length} después de que {cause}",
    Say.SOONER_OF_TWO: "lo que ocurra primero: {limits}",
    Say.LATER_OF_TWO: "lo que ocurra último: {limits}",
    Say.SOONEST_OF: "lo que ocurra primero: {limits}",
    Say.LATEST_OF: "lo que ocurra último: {limits}",
    Say.EITHER: "{then} si {test}; si no, {otherwise}",
    Say.HOLDS: "se cumple «{name}»",
    Say.HOLDS_NOT: "no se cumple «{name}»",
    Say.IS_KNOWN: "se conoce «{name}»",
    Say.IS_NOT_KNOWN: "no se conoce «{name}»",
    Say.IS: "«{name}» es «{value}»",
    Say.IS_NOT: "«{name}» no es «{value}»",
    Say.AT_LEAST: "«{name}» es {value} o más",
    Say.AT_MOST: "«{name}» es {value} o menos",
    Say.OVER: "«{name}» es más de {value}",
    Say.UNDER: "«{name}» es menos de {value}",
    Say.HAS_PASSED: "ya pasó «{name}»",
    Say.HAS_HAPPENED: "ya ocurrió «{name}»",
    Say.IS_OPEN: "está en curso «{name}»",
    Say.CAUSE_EVENT: "se informó «{name}»",
    Say.CAUSE_ENDED: "terminó «{name}»",
    Say.CAUSE_OUTCOME: "«{name}» terminó como «{rest}»",
    Say.CAUSE_OPENED: "se abrió «{name}»",
    Say.CAUSE_LATE: "se retrasó «{name}»",
    Say.CAUSE_CANCELLED: "se canceló «{name}»",
    Say.CAUSE_SETTLED: "terminó todo lo de «{name}»",
    Say.CAUSE_WAIT: "llegó un momento fijado",
    Say.CAUSE_COUNTER: "«{name}» llegó a {rest}",
    Say.ACT_MOVE: "pasa a {roles}",
    Say.ACT_ADD: ("se suma {roles}", "se suman {roles}"),
    Say.ACT_TELL: "se avisa a {roles}",
    Say.ACT_PAGE: "se llama a {roles}",
    Say.ACT_REMIND: ("se le recuerda a {roles}", "se les recuerda a {roles}"),
    Say.ACT_END_AS: "termina como «{outcome}»",
    Say.ROLE: "{role}",
    Say.COORDINATOR: "la coordinación",
    Say.AMOUNT_TINY: "menos de un minuto",
    Say.AMOUNT_MINUTES: "{count} min",
    Say.AMOUNT_HOURS: "{count} h",
    Say.AMOUNT_HOURS_MINUTES: "{count} h {minutes} min",
    Say.AMOUNT_DAYS: ("{count} día", "{count} días"),
    Say.AMOUNT_DAYS_HOURS: ("{count} día {hours} h", "{count} días {hours} h"),
    Say.TODAY: "a {hour}",
    Say.THIS_WEEK: "el {weekday} a {hour}",
    Say.THIS_YEAR: "el {weekday} {day} de {month} a {hour}",
    Say.ANOTHER_YEAR: "el {weekday} {day} de {month} de {year} a {hour}",
    Say.MIDNIGHT_TODAY: "hoy a las 12 de la noche",
    Say.MIDNIGHT_THIS_WEEK: "el {weekday} a las 12 de la noche",
    Say.MIDNIGHT_THIS_YEAR: "el {weekday} {day} de {month} a las 12 de la noche",
    Say.MIDNIGHT_ANOTHER_YEAR: "el {weekday} {day} de {month} de {year} a las 12 de la noche",
    Say.FIRST_OF_TWO: "{moment} (la primera vez que el reloj marca {hour} esa noche)",
    Say.SECOND_OF_TWO: "{moment} (la segunda vez que el reloj marca {hour} esa noche)",
    Say.YEARS: ("{count} año", "{count} años"),
    Say.KEPT_UNTIL: "Se guarda hasta cumplirse {length} del caso: vence {at}.",
    Say.KEPT_BY_HOLD: "No se borra mientras dure la retención legal. Debe revisarse a más tardar {at}.",
    Say.HOLD_TO_REVIEW: "Esta retención legal debía revisarse a más tardar {at}. Retírela o indique hasta cuándo dura.",
    Say.ERASING: "Se va a borrar: se ordenó {at}, y todavía no ha terminado.",
    Say.ERASED_BACKUPS_LEFT: "Se borró {at}. La última copia de sus claves desaparece {until}.",
    Say.ERASED: "Se borró {at}. Ya no queda ninguna copia de sus claves.",
}

_SOUNDS_I = re.compile(r"h?i(?![aeou])", re.IGNORECASE)
_SOUNDS_O = re.compile(r"h?o|8|11(?!\d)", re.IGNORECASE)


def _hour(hour: int, minute: int) -> str:
    """``las 2:57 a. m.``, ``la 1:05 p. m.``: with the article that goes with it."""
    shown = (hour - 1) % 12 + 1
    return f"{'la' if shown == 1 else 'las'} {shown}:{minute:02d} {'a. m.' if hour % 24 < 12 else 'p. m.'}"


def _and(items: Iterable[str]) -> str:
    """``a, b y c``; *e* before the sound of i."""
    *most, last = items
    return f"{', '.join(most)} {'e' if _SOUNDS_I.match(last) else 'y'} {last}" if most else last


def _or(items: Iterable[str]) -> str:
    """``a, b o c``; *u* before the sound of o."""
    *most, last = items
    return f"{', '.join(most)} {'u' if _SOUNDS_O.match(last) else 'o'} {last}" if most else last


SPANISH = Language(
    code="es",
    sentences=SENTENCES,
    lengths={
        (Unit.SECOND, Whose.PLAIN): ("{count} segundo", "{count} segundos"),
        (Unit.MINUTE, Whose.PLAIN): ("{count} minuto", "{count} minutos"),
        (Unit.HOUR, Whose.PLAIN): ("{count} hora", "{count} horas"),
        (Unit.HOUR, Whose.WORKING): ("{count} hora hábil", "{count} horas hábiles"),
        (Unit.HOUR, Whose.AGENCY): ("{count} hora de {agency}", "{count} horas de {agency}"),
        (Unit.DAY, Whose.PLAIN): ("{count} día", "{count} días"),
        (Unit.DAY, Whose.WORKING): ("{count} día hábil", "{count} días hábiles"),
        (Unit.DAY, Whose.AGENCY): ("{count} día de {agency}", "{count} días de {agency}"),
        (Unit.WEEK, Whose.PLAIN): ("{count} semana", "{count} semanas"),
        (Unit.MONTH, Whose.PLAIN): ("{count} mes", "{count} meses"),
    },
    reasons={
        PauseReason.WAITING_FOR_OTHERS: "en espera de otras personas",
        PauseReason.ACTIVE_INVESTIGATION: "investigación en curso",
        PauseReason.APPROVED_LEAVE: "permiso aprobado",
        PauseReason.UNSAFE_NOW: "no es seguro ahora",
        PauseReason.OTHER: "otro motivo",
        PauseReason.AS_AGREED: "según el protocolo",
    },
    weekdays=("lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo"),
    months=(
        "enero", "febrero", "marzo", "abril", "mayo", "junio",
        "julio", "agosto", "septiembre", "octubre", "noviembre", "diciembre",
    ),
    hour=_hour,
    listed=_and,
    choices=_or,
    any_of=_or,
)  # fmt: skip
