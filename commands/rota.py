"""``handoff rota``: who is on duty, where nobody is, cover asked and given, one's own calendar."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from commands.options import As, AsJson, Token, Url, remote
from runtime import terminal

app = typer.Typer(
    help="Who is on duty, where nobody is, cover asked and given.", no_args_is_help=True, rich_markup_mode=None
)
RoleName = Annotated[str, typer.Argument(metavar="ROLE", help="A role of my agency that has a rota.")]
ShiftId = Annotated[str, typer.Argument(metavar="SHIFT", help="The id that show prints.")]
From = Annotated[str, typer.Option("--from", metavar="TIME", help="When it begins: 2026-11-15T02:00:00-06:00.")]
To = Annotated[str, typer.Option("--to", metavar="TIME", help="When it ends, written the same way.")]
ADVOCATE, COORDINATOR = "advocate", "coordinator"
GAPS_FOUND = 1


@app.command()
def show(*, url: Url = None, token: Token = None, as_: As = None, as_json: AsJson = False) -> None:
    """Print who is rung for each role of my agency over fourteen days, and the shifts."""
    with remote(url, token, as_ or ADVOCATE) as there:
        found = there.ask("/rotas")
    if as_json:
        terminal.print_json(found)
        return
    for each in found["items"]:
        zone = each["zone"]
        terminal.out.print(f"\n{each['role']} ({zone}){'' if each['by_rota'] else ', without a rota'}")
        lines = [[*_span(one, zone), one["how"], ", ".join(one["names"])] for one in each["watches"]]
        terminal.rows(("from", "to", "why", "who is rung"), lines)
        shifts = [[one["id"], *_span(one, zone), one["name"], _told(one)] for one in each["shifts"]]
        if shifts:
            terminal.rows(("shift", "from", "to", "who", ""), shifts)


@app.command()
def gaps(*, url: Url = None, token: Token = None, as_: As = None, as_json: AsJson = False) -> None:
    """List where nobody on duty can be reached in fourteen days, and what the proof of cover says.

    Coordinators see every agency's, leads and stewards their own. Exit code 1 if somebody waits for nobody.
    """
    with remote(url, token, as_ or COORDINATOR) as there:
        found = there.ask("/rotas/gaps")
    if as_json:
        terminal.print_json(found)
    else:
        lines = [[each["agency"], each["role"], *_span(each, each["zone"]), each["how"]] for each in found["items"]]
        terminal.rows(
            ("agency", "role", "from", "to", "rung instead"), lines, empty="Somebody is on duty at all times."
        )
        for each in found["findings"]:
            terminal.out.print(f"{each['protocol']}: {each['says']}")
    if found["findings"] or any(each["how"] == "nobody" for each in found["items"]):
        raise typer.Exit(GAPS_FOUND)


@app.command()
def put(  # noqa: PLR0913 - its options
    role: RoleName,
    *,
    start: From,
    end: To,
    person: Annotated[str | None, typer.Option("--person", help="Who has it, by id; me, if nobody is named.")] = None,
    weeks: Annotated[int, typer.Option("--weeks", help="At the same local times of so many weeks.")] = 1,
    beside: Annotated[bool, typer.Option("--beside", help="Also where somebody is on duty already.")] = False,
    url: Url = None,
    token: Token = None,
    as_: As = None,
    as_json: AsJson = False,
) -> None:
    """Put somebody on duty: me, or (leads and stewards) anybody of my agency who has the role."""
    body = {"starts_at": start, "ends_at": end, "person": person, "weeks": weeks, "beside": beside}
    with remote(url, token, as_ or ADVOCATE) as there:
        found = there.tell("POST", f"/rotas/{role}/shifts", json.dumps(body).encode())
    if as_json:
        terminal.print_json(found)
    else:
        terminal.rows(
            ("shift", "from", "to", "who"), [[e["id"], e["starts_at"], e["ends_at"], e["name"]] for e in found]
        )


@app.command()
def cover(  # noqa: PLR0913 - its options
    shift: ShiftId,
    *,
    start: Annotated[str | None, typer.Option("--from", metavar="TIME", help="From then on only.")] = None,
    end: Annotated[str | None, typer.Option("--to", metavar="TIME", help="Until then only.")] = None,
    url: Url = None,
    token: Token = None,
    as_: As = None,
    as_json: AsJson = False,
) -> None:
    """Ask for cover of my shift, or a part of it. I stay on until somebody says yes."""
    _do(f"/rotas/shifts/{shift}/cover", {"starts_at": start, "ends_at": end}, url, token, as_, as_json=as_json)


@app.command("yes")
def say_yes(shift: ShiftId, *, url: Url = None, token: Token = None, as_: As = None, as_json: AsJson = False) -> None:
    """Say yes to somebody who asks for cover: the shift is mine from now on."""
    _do(f"/rotas/shifts/{shift}/yes", {}, url, token, as_, as_json=as_json)


@app.command()
def keep(shift: ShiftId, *, url: Url = None, token: Token = None, as_: As = None, as_json: AsJson = False) -> None:
    """Ask for cover no more."""
    _do(f"/rotas/shifts/{shift}/keep", {}, url, token, as_, as_json=as_json)


@app.command()
def remove(shift: ShiftId, *, url: Url = None, token: Token = None, as_: As = None, as_json: AsJson = False) -> None:
    """Take a shift out (leads and stewards)."""
    _do(f"/rotas/shifts/{shift}/remove", {}, url, token, as_, as_json=as_json)


@app.command()
def feed(*, url: Url = None, token: Token = None, as_: As = None, as_json: AsJson = False) -> None:
    """Make a new secret address for my calendar, shown this once; the one before it ends."""
    with remote(url, token, as_ or ADVOCATE) as there:
        found = there.tell("POST", "/rotas/feed", b"")
    if as_json:
        terminal.print_json(found)
    else:
        terminal.out.print(found["url"], soft_wrap=True)


def _do(path: str, body: dict[str, Any], url: str | None, token: str | None, as_: str | None, *, as_json: bool) -> None:
    with remote(url, token, as_ or ADVOCATE) as there:
        found = there.tell("POST", path, json.dumps(body).encode())
    if as_json:
        terminal.print_json(found)
    else:
        terminal.out.print(f"{found['name']}, {_told(found)}" if "name" in found else "Done.")


def _span(each: dict[str, Any], zone: str) -> list[str]:
    return [_local(each["starts_at"], zone), _local(each["ends_at"], zone)]


def _local(at: str, zone: str) -> str:
    return f"{datetime.fromisoformat(at).astimezone(ZoneInfo(zone)):%a %b %d %H:%M}"


def _told(each: dict[str, Any]) -> str:
    if each["cover_wanted"]:
        return "cover wanted"
    return f"for {each['covers']}" if each["covers"] else "on duty"
