"""``handoff scenario``: play stories, say what they leave out, try them on mutants, tell a finished case as one."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from commands.options import FOUND_SOMETHING, As, AsJson, TextOrSlug, Token, Url, compiled, remote
from runtime import terminal, texts

app = typer.Typer(
    help="The stories beside a protocol text: play them, see what they leave out, try them on mutants.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Some = Annotated[
    str | None, typer.Argument(metavar="FILE|SLUG", help="One text or protocol. By default: every bundled one.")
]
FailUnder = Annotated[
    float, typer.Option("--fail-under", metavar="PERCENT", help="Exit with 1 if they tell less of a protocol.")
]


@app.command("run")
def run(
    protocol: Some = None,
    *,
    covered: Annotated[
        bool, typer.Option("--coverage", help="Also print what of the protocol no scenario tells of.")
    ] = False,
    fail_under: FailUnder = 0,
    as_json: AsJson = False,
) -> None:
    """Play the scenarios that stand beside a protocol text, on the engine's own rules, with no server."""
    from runtime.telling import tell  # noqa: PLC0415 - the engine takes half a second to load; most commands need none

    tellings = []
    for name in texts.bundled() if protocol is None else (protocol,):
        path = texts.find(name)
        telling = tell(path, compiled(path).protocol)
        tellings.append(telling)
        if not as_json:
            terminal.played(telling, covered=covered)
    if as_json:
        found = [each.as_json() for each in tellings]
        terminal.print_json(found if protocol is None else found[0])
    if any(each.held < len(each.stories) or each.told < fail_under for each in tellings):
        raise typer.Exit(FOUND_SOMETHING)


@app.command("coverage")
def coverage(
    protocol: TextOrSlug,
    *,
    against: Annotated[
        str | None,
        typer.Option("--against", metavar="FILE|SLUG", help="The text before: is each change noticed by a scenario?"),
    ] = None,
    fail_under: FailUnder = 0,
    as_json: AsJson = False,
) -> None:
    """Say what of a protocol no scenario tells of and, against the text before, which changes none would notice.

    A change is noticed by a scenario that holds on one of the two texts only. Exit code 1 if one is not.
    """
    from protocol.mutating.trial import noticed  # noqa: PLC0415 - as above
    from protocol.scenarios.scenario import read_scenarios  # noqa: PLC0415 - as above
    from runtime.telling import tell  # noqa: PLC0415 - as above

    path = texts.find(protocol)
    new = compiled(path).protocol
    telling = tell(path, new)
    changed: dict[str, bool] = {}
    if against is not None:
        old = texts.find(against)
        stories = read_scenarios(texts.read_bytes(texts.stories_of(path)), new.zone)
        changed = noticed(compiled(old).protocol, new, stories)
    if as_json:
        parts = {"told": round(telling.told, 1), "coverage": [asdict(each) for each in telling.coverage]}
        terminal.print_json({"protocol": telling.protocol, **parts, "changed units noticed": changed})
    else:
        terminal.coverage(telling)
        terminal.changes_noticed(changed)
    if telling.told < fail_under or not all(changed.values()):
        raise typer.Exit(FOUND_SOMETHING)


@app.command("mutate")
def mutate(
    protocol: TextOrSlug,
    *,
    unit: Annotated[str, typer.Option("--unit", metavar="UNIT", help="Only of one unit, as step:first-call.")] = "",
    fail_under: Annotated[
        float, typer.Option("--fail-under", metavar="PERCENT", help="Exit with 1 if they notice a smaller share.")
    ] = 0,
    as_json: AsJson = False,
) -> None:
    """Change one thing of a protocol at a time, and say which changes its scenarios would not notice.

    A window doubled, a rung dropped, a condition turned round: hundreds of mutants, each played by the scenarios that
    come by there. What survives is printed as what it would change. It takes up to some minutes.
    """
    from protocol.mutating.trial import tried  # noqa: PLC0415 - as above
    from protocol.scenarios.scenario import read_scenarios  # noqa: PLC0415 - as above

    path = texts.find(protocol)
    known = compiled(path).protocol
    stories = read_scenarios(texts.read_bytes(texts.stories_of(path)), known.zone)
    trial = tried(known, stories, only=unit)
    if as_json:
        figures = {"mutants": trial.made, "noticed": trial.noticed, "share": round(trial.share, 1)}
        terminal.print_json({"protocol": known.id, **figures, "survivors": [asdict(each) for each in trial.survivors]})
    else:
        terminal.mutants(trial)
    if trial.share < fail_under:
        raise typer.Exit(FOUND_SOMETHING)


@app.command("from-case")
def from_case(
    case: Annotated[str, typer.Argument(metavar="CASE", help="A case that has ended, by its code.")],
    *,
    file: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write it there, not here.")] = None,
    url: Url = None,
    token: Token = None,
    as_: As = None,
    as_json: AsJson = False,
) -> None:
    """Tell a finished case again as a scenario: at other times, by roles, without anything that names anybody.

    For a lead of the agency that keeps the case, who reads it before it leaves the house. A path that fewer than five
    cases took is not told.
    """
    with remote(url, token, as_ or "supervisor") as there:
        found = there.ask(f"/cases/{case}/scenario")
    if file is not None:
        texts.write(file, found["scenario"])
    elif as_json:
        terminal.print_json(found)
    else:
        terminal.out.print(found["scenario"], soft_wrap=True, end="")
