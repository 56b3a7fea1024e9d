"""The table of who may do what: its two readings agree with each other and with Cedar; each of its rows matters."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from sqlalchemy import Boolean, Column, Connection, MetaData, String, Table, insert, select

from store.policy import Action, Class, Kind, Object, Subject, SubjectKind, decide
from store.policy.clauses import CLAUSES, clause
from store.policy.deciding import compiled
from store.policy.table import TABLE, Condition, Row
from store.policy.tables import shield
from store.session import Database
from store.tables import party, voter
from tests.store import cedar

AGENCIES = ("advocacy", "police", "court")
ROLE = ("advocate", "officer", "judge", "coordinator")
LISTED = sorted({(row.action, row.kind, row.of) for row in TABLE if set(row.where) <= set(CLAUSES)})


def test_cedar_decides_as_the_table_does() -> None:
    """Over every role, action, kind, class and condition, Cedar and we never differ."""
    asked = cedar.questions()
    said = cedar.allowed(TABLE, asked)
    ours = [decide(*each).allowed for each in asked]

    differences = [question for question, one, other in zip(asked, ours, said, strict=True) if one != other]
    assert differences == []
    assert len(asked) > 50_000
    assert 0 < sum(ours) < len(ours) / 2


def test_absence_denies() -> None:
    """Of an empty table nothing is allowed, and of ours nothing that no row names."""
    asked = cedar.questions()
    named = {(row.action, row.kind, row.of) for row in TABLE}

    assert not any(decide(*each, {}).allowed for each in asked)
    assert not any(
        decide(who, action, it, of).allowed for who, action, it, of in asked if (action, it.kind, of) not in named
    )


def mutants() -> list[tuple[Row, tuple[Row, ...]]]:
    """Each row, and the table with it left out or with one condition of it less."""
    found: list[tuple[Row, tuple[Row, ...]]] = []
    for number, row in enumerate(TABLE):
        rest = (*TABLE[:number], *TABLE[number + 1 :])
        wheres = [tuple(each for each in row.where if each is not less) for less in row.where]
        found += [(row, rest), *((row, (*rest, replace(row, where=where))) for where in wheres)]
    return found


def test_no_row_and_no_condition_is_idle() -> None:
    """Nine of ten changes of the table change some answer; those that do not are named."""
    by_key: dict[tuple[Action, Kind, Class], list[tuple[Subject, Action, Object, Class]]] = {}
    for question in cedar.questions():
        by_key.setdefault((question[1], question[2].kind, question[3]), []).append(question)
    idle = []
    for row, table in mutants():
        made, asked = compiled(table), by_key[row.action, row.kind, row.of]
        if all(decide(*each, made).allowed == decide(*each).allowed for each in asked):
            idle.append(set(table) ^ set(TABLE))

    assert len(idle) <= len(mutants()) / 10, idle


@pytest.mark.parametrize("seed", range(12))
def test_what_is_listed_is_what_is_allowed(database: Database, seed: int) -> None:
    """On random rows and subjects, SQL selects exactly the rows on which the table allows the action."""
    chance = Random(seed)
    rows = [_row(number, chance) for number in range(60)]
    parties = {(f"h{number}", agency) for number in range(3) for agency in AGENCIES if chance.random() < 0.5}
    voters = {
        (f"h{number}", f"s{step}", role, agency)
        for number in range(3)
        for step in range(2)
        for role, agency in zip(ROLE, AGENCIES, strict=False)
        if chance.random() < 0.4
    }
    kept_out = {(f"c{number}", f"p{person}") for number in range(4) for person in range(4) if chance.random() < 0.3}
    with database.write() as connection:
        for hash_, agency in sorted(parties):
            connection.execute(insert(party).values(protocol_hash=hash_, agency=agency))
        for hash_, step, role, agency in sorted(voters):
            connection.execute(insert(voter).values(protocol_hash=hash_, step=step, role=role, agency=agency))
        for case_id, person in sorted(kept_out):
            connection.execute(
                insert(shield).values(
                    case_id=case_id, person_id=person, reason="knows", by_person="p", by_agency="advocacy", at=0
                )
            )
    with database.write() as connection:
        table = _table(connection, rows)
        for who in (_subject(number, chance) for number in range(8)):
            for action, kind, of in LISTED:
                wanted = clause(action, kind, of, table, who, table.c.protocol_hash)
                found = set(connection.execute(select(table.c.id).where(wanted)).scalars())
                allowed = {
                    row["id"]
                    for row in rows
                    if decide(who, action, _object(kind, row, who, parties, voters, kept_out), of).allowed
                }
                assert found == allowed, (action, kind, of, who)


def test_every_kind_that_is_listed_is_tried() -> None:
    """Cases, tasks, facts and notices are selected by SQL; all else is decided one by one."""
    assert {kind for _, kind, _ in LISTED} == {Kind.CASE, Kind.TASK, Kind.FACT, Kind.NOTICE}


Drawn = dict[str, str | bool | None]


def _row(number: int, chance: Random) -> Drawn:
    return {
        "id": f"r{number}",
        "case_id": f"c{chance.randrange(4)}",
        "protocol_hash": f"h{chance.randrange(3)}",
        "agency": chance.choice((*AGENCIES, None)),
        "owner": chance.choice((None, None, *AGENCIES)),
        "outside": chance.random() < 0.5,
        "step": f"s{chance.randrange(2)}",
        "role": chance.choice(ROLE),
    }


def _table(connection: Connection, rows: list[Drawn]) -> Table:
    """The rows as a table of their own, which nobody else sees and which goes with the connection's end."""
    columns = [Column(name, Boolean if name == "outside" else String(64)) for name in rows[0]]
    drawn = Table("drawn", MetaData(), *columns, prefixes=["TEMPORARY"])
    drawn.create(connection)
    connection.execute(insert(drawn), rows)
    return drawn


def _subject(number: int, chance: Random) -> Subject:
    return Subject(
        person_id=f"p{number % 4}",
        name="Placeholder",
        agency=chance.choice(AGENCIES),
        roles=tuple(sorted(chance.sample(ROLE, chance.randrange(3)))),
        kind=chance.choice(tuple(SubjectKind)),
    )


def _object(
    kind: Kind,
    row: Drawn,
    who: Subject,
    parties: set[tuple[str, str]],
    voters: set[tuple[str, str, str, str]],
    kept_out: set[tuple[str, str]],
) -> Object:
    hash_ = row["protocol_hash"]
    agency, owner = row["agency"], row["owner"]
    return Object(
        kind=kind,
        agency=None if agency is None else str(agency),
        owner=None if owner is None else str(owner),
        outside=bool(row["outside"]),
        parties=frozenset(each for known, each in parties if known == hash_),
        voters=frozenset(
            role for known, step, role, each in voters if (known, step, each) == (hash_, row["step"], who.agency)
        ),
        told=frozenset((str(row["role"]),)),
        kept_out=frozenset(person for case_id, person in kept_out if case_id == row["case_id"]),
    )


def test_the_conditions_of_lists_are_those_that_sql_knows() -> None:
    """Every condition is judged on objects; those that lists ask about are in SQL as well."""
    asked = {each for row in TABLE for each in row.where}
    assert asked == set(Condition)
    assert Action.OPEN not in {action for action, _, _ in LISTED}
    assert Class.VALUES not in {of for _, _, of in LISTED}
