"""The table of who may do what as Cedar policies, translated apart from ours, so that one can be held to the other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product
from typing import Any

import cedarpy

from store.policy import Action, Class, Kind, Object, Subject, SubjectKind
from store.policy.table import TABLE, Condition, Row

WORDS: dict[Condition, str] = {
    Condition.PERSON: 'principal.kind == "person"',
    Condition.OWN: "((resource has agency && resource.agency == principal.agency)"
    " || (resource has owner && resource.owner == principal.agency))",
    Condition.OWNED: "(resource has owner && resource.owner == principal.agency)",
    Condition.PUBLIC: "!(resource has owner)",
    Condition.OUTSIDE: "resource.outside",
    Condition.PARTY: '(principal.roles.contains("coordinator") || resource.parties.contains(principal.agency))',
    Condition.TOLD: "(resource has agency && resource.agency == principal.agency"
    " && resource.told.containsAny(principal.roles))",
    Condition.VOTER: "resource.voters.containsAny(principal.roles)",
    Condition.KEEPER: "(resource has keeper && resource.keeper == principal.agency)",
    Condition.ON_CASE: "resource.onCase.containsAny(principal.roles)",
    Condition.RECIPIENT: "(resource.recipients.contains(principal.id)"
    " || resource.recipients.contains(principal.agency))",
    Condition.BROKEN_GLASS: "resource.brokenGlass.contains(principal.id)",
    Condition.LEADS: "resource.leads.containsAny(principal.roles)",
    Condition.SELF: "(resource has person && resource.person == principal.id)",
    Condition.OTHER: "(resource has person && resource.person != principal.id)",
    Condition.COORDINATES: 'principal.roles.contains("coordinator")',
    Condition.COUNCIL: 'principal.roles.contains("council-member")',
    Condition.UNSHIELDED: "!resource.keptOut.contains(principal.id)",
}


def policies(table: Iterable[Row]) -> str:
    """A table as Cedar: one permit for each row, and nothing else, so everything else is denied."""
    return "\n".join(
        f'permit(principal, action == Action::"{row.action}-{row.of}", resource is {row.kind.value.title()}) '
        f"when {{ {' && '.join(WORDS[each] for each in row.where)} }};"
        for row in table
    )


def allowed(table: Sequence[Row], asked: Sequence[tuple[Subject, Action, Object, Class]]) -> list[bool]:
    """What Cedar says to each question; an error of a policy is a failure here, and would deny."""
    subjects = {each: f"s{number}" for number, each in enumerate(dict.fromkeys(who for who, *_ in asked))}
    objects = {each: f"o{number}" for number, each in enumerate(dict.fromkeys(it for _, _, it, _ in asked))}
    entities = [_subject(each, name) for each, name in subjects.items()]
    entities += [_object(each, name) for each, name in objects.items()]
    requests = [
        {
            "principal": f'Subject::"{subjects[who]}"',
            "action": f'Action::"{action}-{of}"',
            "resource": f'{it.kind.value.title()}::"{objects[it]}"',
            "context": {},
        }
        for who, action, it, of in asked
    ]
    answers = cedarpy.is_authorized_batch(requests, policies(table), entities)
    problems = [each.diagnostics.errors for each in answers if each.diagnostics.errors]
    assert problems == []
    return [each.allowed for each in answers]


def _subject(who: Subject, name: str) -> dict[str, Any]:
    attributes = {"id": who.person_id, "agency": who.agency, "kind": who.kind.value, "roles": list(who.roles)}
    return {"uid": {"type": "Subject", "id": name}, "attrs": attributes, "parents": []}


def _object(it: Object, name: str) -> dict[str, Any]:
    sets = {
        "parties": it.parties,
        "voters": it.voters,
        "told": it.told,
        "onCase": it.on_case,
        "recipients": it.recipients,
        "keptOut": it.kept_out,
        "leads": it.leads,
        "brokenGlass": it.broken_glass,
    }
    attributes: dict[str, Any] = {name: sorted(each) for name, each in sets.items()} | {"outside": it.outside}
    attributes |= {name: value for name, value in _names(it) if value is not None}
    return {"uid": {"type": it.kind.value.title(), "id": name}, "attrs": attributes, "parents": []}


def _names(it: Object) -> tuple[tuple[str, str | None], ...]:
    return (("agency", it.agency), ("owner", it.owner), ("keeper", it.keeper), ("person", it.person))


ROLES = ((), ("advocate",), ("supervisor", "advocate"), ("coordinator",), ("council-member",))
SOME = 7
"""Of so many objects one is asked about in ways that no row can allow."""
MINE, OTHERS = "advocacy", "police"


def subjects() -> list[Subject]:
    """A person and a records system in each set of roles."""
    return [
        Subject(person_id=f"{kind}-{number}", name="Placeholder", agency=MINE, roles=roles, kind=kind)
        for kind, (number, roles) in product(SubjectKind, enumerate(ROLES))
    ]


def objects(who: Subject) -> list[Object]:
    """Every object that differs for a subject in something that a condition asks about."""
    kept_out: tuple[frozenset[str], ...] = (frozenset(), frozenset((who.person_id,)))
    parties = (frozenset((MINE, OTHERS)), frozenset((OTHERS,)))
    roles = (frozenset(("advocate",)), frozenset(("officer",)))
    found = [Object(kind=Kind.CASE, parties=each, kept_out=out) for each, out in product(parties, kept_out)]
    found += [
        Object(
            kind=kind, agency=agency, owner=owner, outside=outside, parties=party, voters=role, told=role, kept_out=out
        )
        for kind, agency, owner, outside, party, role, out in product(
            (Kind.TASK, Kind.FACT, Kind.NOTICE),
            (None, MINE, OTHERS),
            (None, MINE, OTHERS),
            (True, False),
            parties,
            roles,
            kept_out,
        )
    ]
    persons: tuple[frozenset[str], ...] = (frozenset(), frozenset((who.person_id,)))
    recipients = (*persons, frozenset((MINE,)), frozenset((OTHERS,)))
    found += [
        Object(kind=Kind.VALUE, keeper=keeper, on_case=role, recipients=named, kept_out=out, broken_glass=glass)
        for keeper, role, named, out, glass in product((MINE, OTHERS), roles, recipients, kept_out, kept_out)
    ]
    found += [
        Object(kind=kind, keeper=keeper, on_case=role, recipients=named, kept_out=out, leads=leads, person=person)
        for kind, keeper, role, named, out, leads, person in product(
            (Kind.RELEASE, Kind.LOG, Kind.GLASS, Kind.SHIELD),
            (MINE, OTHERS),
            roles,
            persons,
            kept_out,
            (frozenset(), frozenset(("supervisor",))),
            (None, who.person_id, "somebody"),
        )
    ]
    return [*found, Object(kind=Kind.FIGURES)]


def questions() -> list[tuple[Subject, Action, Object, Class]]:
    """Every subject and object with all that a row names for its kind, and with all else for one object in seven."""
    named = {(row.kind, row.action, row.of) for row in TABLE}
    return [
        (who, action, it, of)
        for who in subjects()
        for number, it in enumerate(objects(who))
        for action, of in product(Action, Class)
        if (it.kind, action, of) in named or number % SOME == 0
    ]
