"""The disclosure log (T14): everything that left the house, for whom, which fields, by what right and when.

A line is kept in the transaction that writes the audit, before anything is opened; one whose opening the custodian
then denied says so. It is the owning agency's to read and to give to the survivor; nobody else can.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from protocol.engine.clocks import moment
from protocol.languages import Tongue
from protocol.names import OpaqueId, Slug
from protocol.state import Instant
from store.releases import papers
from store.releases.document import LAWFUL, Ground, Purpose
from store.releases.papers import Kind, Paper
from store.releases.words import Closed

COLUMNS = ("when", "agency", "person", "roles", "fields", "purpose", "ground", "release", "opened")


class Line(Closed):
    """One opening by somebody of another agency. ``opened`` is false where the custodian denied it."""

    id: OpaqueId
    at: Instant
    release: OpaqueId
    ground: Ground
    purpose: Purpose
    agency: Slug
    person: OpaqueId
    name: str
    roles: tuple[Slug, ...]
    fields: tuple[Slug, ...]
    opened: bool = True


def enter(connection: Connection, owner: Slug, case_id: OpaqueId, line: Line) -> None:
    """Keep a line, or keep it corrected. Needs a writing connection."""
    papers.keep(
        connection,
        Paper(id=line.id, agency=owner, kind=Kind.DISCLOSED, said=line.model_dump_json(), case_id=case_id),
    )


def lines(connection: Connection, owner: Slug, case_id: OpaqueId) -> tuple[Line, ...]:
    """What left an agency about a case, oldest first."""
    found = [Line.model_validate_json(each.said) for each in papers.of_case(connection, owner, Kind.DISCLOSED, case_id)]
    return tuple(sorted(found, key=lambda each: (each.at, each.id)))


def as_csv(found: Sequence[Line]) -> str:
    """The log as CSV (RFC 4180), with what a spreadsheet would take for a formula made harmless."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for each in found:
        row = (
            moment(each.at).isoformat(),
            each.agency,
            each.name,
            " ".join(each.roles),
            " ".join(each.fields),
            each.purpose.value,
            each.ground.value,
            each.release,
            "yes" if each.opened else "no",
        )
        writer.writerow([f"'{cell}" if cell[:1] in "=+-@\t\r" else cell for cell in row])
    return out.getvalue()


def as_letter(found: Sequence[Line], tongue: Tongue, zone: str) -> str:
    """The log as a plain letter, which names no agency as its sender: she may have to take it home.

    Args:
        found: the lines.
        tongue: the language.
        zone: the time zone of the protocol, in which times are told.
    """
    says = LETTER[tongue]
    given = [each for each in found if each.opened]
    told = [
        says["line"].format(
            when=moment(each.at, zone).strftime("%Y-%m-%d %H:%M"),
            name=each.name,
            agency=each.agency,
            fields=", ".join(each.fields),
            purpose=PURPOSES[tongue][each.purpose],
            ground=says[GROUNDS.get(each.ground, "threat")],
        )
        for each in given
    ]
    return "\n\n".join([says["head"], *(told or [says["nobody"]]), says["end"]]) + "\n"


GROUNDS = {Ground.RELEASE: "release", **{each: each.value for each in LAWFUL}}
"""The sentence of each ground; the others are dangers."""

LETTER: Mapping[Tongue, Mapping[str, str]] = {
    "en": {
        "head": "Who saw your information",
        "line": "On {when}, {name} of {agency} looked at: {fields}.\nWhat for: {purpose}. By what right: {ground}.",
        "release": "you signed for it",
        "threat": "without your signature, because somebody's life or safety was in danger",
        "case-conference": "without your signature, because agencies met about your safety and the law lets them",
        "mandated-report": "without your signature, because the law demands a report",
        "court-order": "without your signature, because a court ordered it",
        "nobody": "Nobody outside has looked at your information.",
        "end": "You can take back what you signed at any time, without a reason. What somebody wrote down before that "
        "stays with them. Ask before you take this letter home: is it safe there?",
    },
    "es": {
        "head": "Quién vio su información",
        "line": "El {when}, {name} de {agency} miró: {fields}.\nPara qué: {purpose}. Con qué derecho: {ground}.",
        "release": "usted lo firmó",
        "threat": "sin su firma, porque la vida o la seguridad de alguien estaba en peligro",
        "case-conference": "sin su firma, porque varios organismos se reunieron por su seguridad y la ley lo permite",
        "mandated-report": "sin su firma, porque la ley exige un aviso",
        "court-order": "sin su firma, porque lo ordenó un juzgado",
        "nobody": "Nadie de fuera ha mirado su información.",
        "end": "Puede retirar lo que firmó cuando quiera, sin dar razones. Lo que alguien apuntó antes se queda con "
        "esa persona. Antes de llevarse esta carta a casa, pregúntese: ¿es seguro tenerla allí?",
    },
}

PURPOSES: Mapping[Tongue, Mapping[Purpose, str]] = {
    "en": {each: each.value.replace("-", " ") for each in Purpose},
    "es": {
        Purpose.COURT_DATE: "la fecha del juzgado",
        Purpose.PROTECTION_ORDER: "una orden de protección",
        Purpose.PROSECUTION: "el proceso penal",
        Purpose.SAFETY_PLANNING: "su plan de seguridad",
        Purpose.HOUSING: "vivienda",
        Purpose.HEALTH: "salud",
        Purpose.CHILDREN: "sus hijos",
        Purpose.BENEFITS: "ayudas",
        Purpose.OTHER: "otra cosa",
        Purpose.SAFETY_OF_LIFE: "proteger una vida",
        Purpose.LEGAL_DUTY: "cumplir la ley",
    },
}
