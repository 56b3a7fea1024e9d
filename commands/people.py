"""``handoff people``: an agency's people, on this machine."""

from __future__ import annotations

from typing import Annotated

import typer

from commands.options import Agency, AsJson, database_here, now
from runtime import terminal
from runtime.settings import load

app = typer.Typer(help="An agency's people, on this machine.", no_args_is_help=True, rich_markup_mode=None)
PersonId = Annotated[str, typer.Argument(metavar="PERSON", help="The id that add and list print.")]


@app.command("add")
def add_person(
    name: Annotated[str, typer.Argument(metavar="NAME", help="How colleagues call them.")],
    *,
    agency: Agency,
    roles: Annotated[list[str] | None, typer.Option("--role", metavar="ROLE", help="A role; may be repeated.")] = None,
    as_json: AsJson = False,
) -> None:
    """Add somebody: an agency's first steward, who adds the others. Then: handoff people enrol."""
    from store import people  # noqa: PLC0415 - SQL takes a second to import; most commands need none
    from store.accounts import starting  # noqa: PLC0415 - as above

    with database_here() as database, database.write() as connection:
        starting.agency(connection, agency)
        made = people.add_person(connection, name=name, agency_id=agency, roles=roles or ())
    if as_json:
        terminal.print_json({"person": made.id, "agency": made.agency, "roles": made.roles})
    else:
        terminal.out.print(f"{made.id}\nNext: handoff people enrol {made.id}")


@app.command("list")
def list_people(*, agency: Agency, as_json: AsJson = False) -> None:
    """List an agency's people, and who is locked out."""
    from store import people  # noqa: PLC0415 - as above
    from store.accounts import lockout  # noqa: PLC0415 - as above

    with database_here() as database, database.read() as connection:
        found = [
            (each.id, each.name, ", ".join(each.roles), lockout.locked_out(connection, each.id, now()))
            for each in people.people(connection, agency_id=agency)
        ]
    titles = ("person", "name", "roles", "locked")
    if as_json:
        terminal.print_json([dict(zip(titles, each, strict=True)) for each in found])
    else:
        terminal.rows(titles, [(*said, "locked" if locked else "") for *said, locked in found])


@app.command()
def enrol(person: PersonId, *, as_json: AsJson = False) -> None:
    """Make a one-time link with which somebody chooses a password and an authenticator; holds three days."""
    from store.accounts import enrolling  # noqa: PLC0415 - as above

    settings = load()
    with database_here() as database, database.write() as connection:
        made = enrolling.make_link(connection, person, now())
    url = f"{settings.origin}/enrol#{made}"
    if as_json:
        terminal.print_json({"url": url, "link": made})
    else:
        terminal.out.print(url, soft_wrap=True)


@app.command()
def unlock(person: PersonId) -> None:
    """Let somebody who is locked out try again at once."""
    from store.accounts import lockout  # noqa: PLC0415 - as above
    from store.accounts.decisions import decided  # noqa: PLC0415 - as above

    with database_here() as database, database.write() as connection:
        lockout.open_all(connection, person)
        decided(connection, "unlock", now(), person=person, reason="operator")
    terminal.out.print("Unlocked.")


@app.command("end")
def end_person(person: PersonId) -> None:
    """Somebody leaves: nothing they had opens anything from the next request."""
    from store.accounts import enrolling  # noqa: PLC0415 - as above

    with database_here() as database, database.write() as connection:
        enrolling.deactivate(connection, person, now())
    terminal.out.print("Ended.")
