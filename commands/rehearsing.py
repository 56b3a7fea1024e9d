"""``handoff rehearse``: last year through two texts."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commands.options import FOUND_SOMETHING, As, AsJson, TextOrSlug, Token, Url, compiled, remote
from protocol.errors import SpecError
from protocol.rehearsal import DAYS
from runtime import terminal, texts

if TYPE_CHECKING:
    from protocol.kernel import Protocol
    from protocol.names import Slug
    from protocol.rehearsal.habits import Habits
    from protocol.rehearsal.learning import Learned

SITE = "site"


def rehearse(  # noqa: PLR0913 - the options of a command
    new: TextOrSlug,
    *,
    against: Annotated[str, typer.Option("--against", metavar="FILE|SLUG", help="The text in force, to compare with.")],
    incidents: Annotated[Path, typer.Option("--incidents", metavar="FILE", help="An export: when arrests were made.")],
    map_: Annotated[Path, typer.Option("--map", metavar="MAP", help="How to read the export: see docs/intake.md.")],
    habits: Annotated[
        Path | None,
        typer.Option("--habits", metavar="FILE|site", help="How people act; site: as an installation's facts show."),
    ] = None,
    seed: Annotated[
        int, typer.Option("--seed", min=0, max=1 << 62, help="Which chance; the same, the same bytes.")
    ] = 1,
    days: Annotated[int, typer.Option("--days", min=1, max=366, help="How long each case is followed.")] = DAYS,
    svg: Annotated[Path | None, typer.Option("--svg", metavar="FILE", help="Also draw it there.")] = None,
    sensitivity: Annotated[
        bool, typer.Option("--sensitivity", help="Also say what would turn if the assumptions were wrong.")
    ] = False,
    url: Url = None,
    token: Token = None,
    as_: As = None,
    as_json: AsJson = False,
) -> None:
    """Play last year's arrests through two texts with modelled people, and say what would differ. No forecast."""
    from protocol.engine import clocks  # noqa: PLC0415 - the engine takes half a second to load; most commands need none
    from protocol.rehearsal import charts, saying  # noqa: PLC0415 - as above
    from runtime.mapping import read_mapping  # noqa: PLC0415 - as above
    from runtime.rehearsing import Order as RehearsalOrder  # noqa: PLC0415 - as above
    from runtime.rehearsing import arrivals, processes, unsettled  # noqa: PLC0415 - as above
    from runtime.rehearsing import rehearse as rehearse_both  # noqa: PLC0415 - as above

    with processes() as pool:
        data = texts.read_bytes(map_)
        protocols = compiled(texts.find(against)).protocol, compiled(texts.find(new)).protocol
        learned = _site(protocols[0].id, url, token, as_) if str(habits) == SITE else None
        known = _habits(habits, protocols) if learned is None else learned.habits
        try:
            found, tally = arrivals(incidents, read_mapping(data), protocols, clocks.instant(datetime.now(UTC)))
        except SpecError as error:
            terminal.findings(map_, data, error.findings)
            raise typer.Exit(FOUND_SOMETHING) from None
        order = RehearsalOrder(protocols=protocols, habits=known, seed=seed, days=days)
        compared = rehearse_both(order, found, pool)
        wrong = unsettled(order, found, pool) if sensitivity else ()
    if svg is not None:
        texts.write(svg, charts.svg(compared, f"{protocols[1].title or protocols[1].id}: old and new text rehearsed"))
    if as_json:
        rows = {"read": tally.read, "passed over": tally.filtered, "not readable": tally.refused}
        terminal.print_json({"rows": rows, **saying.data(compared, learned), "if assumptions are wrong": dict(wrong)})
        return
    terminal.rehearsed(tally, compared, wrong, learned)


def _site(slug: Slug, url: str | None, token: str | None, as_: str | None) -> Learned:
    """Habits that an installation learned from its own facts."""
    from pydantic import TypeAdapter  # noqa: PLC0415 - as above

    from protocol.rehearsal.learning import Learned  # noqa: PLC0415 - as above

    with remote(url, token, as_ or "coordinator") as there:
        return TypeAdapter(Learned).validate_python(there.ask(f"/protocols/{slug}/habits"))


def _habits(path: Path | None, protocols: tuple[Protocol, Protocol]) -> Habits:
    from protocol.rehearsal.habits import Habits, read_habits  # noqa: PLC0415 - as above

    if path is None:
        return Habits()
    data = texts.read_bytes(path)
    try:
        return read_habits(data, *protocols)
    except SpecError as error:
        terminal.findings(path, data, error.findings)
        raise typer.Exit(FOUND_SOMETHING) from None
