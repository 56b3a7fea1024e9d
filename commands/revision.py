"""``handoff revision``: a council drafts, checks, votes, and takes back; nobody else puts a text in force."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from commands.options import As, AsJson, Token, Url, remote
from runtime import terminal, texts

app = typer.Typer(
    help="A council changes a text: draft, submit, vote, agree, sign, take back.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Number = Annotated[int, typer.Argument(metavar="NUMBER", min=1, help="The revision, by its number.")]
Why = Annotated[str, typer.Argument(metavar="WHY", help="The reason; without the code of any case.")]
TextFile = Annotated[Path | None, typer.Option("--text", metavar="FILE", help="The text. By default: as it is.")]
PlanFile = Annotated[
    Path | None, typer.Option("--plan", metavar="FILE", help="What becomes of open cases. Without it they stay.")
]
Aims = Annotated[str, typer.Option("--aims", help="What it is for: what a later look at the figures asks.")]
Emergency = Annotated[bool, typer.Option("--emergency", help="Signed, in force at once, ratified later.")]
NotBefore = Annotated[datetime | None, typer.Option("--not-before", help="In force no sooner: 2026-12-01T09:00.")]
COORDINATOR = "coordinator"


@app.command()
def found(
    rules: Annotated[Path, typer.Argument(metavar="FILE", help="The council's rules: see docs/revisions.md.")],
    *,
    url: Url = None,
    token: Token = None,
    as_: As = None,
    as_json: AsJson = False,
) -> None:
    """Found this installation's council, once. From then on texts come into force by its decision alone."""
    body = json.dumps({"rules": texts.read_bytes(rules).decode(errors="replace")}).encode()
    with remote(url, token, as_ or COORDINATOR) as there:
        _council(there.tell("POST", "/council", body), as_json=as_json)


@app.command()
def council(*, url: Url = None, token: Token = None, as_: As = None, as_json: AsJson = False) -> None:
    """Say who votes for each agency, and how long each part of a decision takes."""
    with remote(url, token, as_ or COORDINATOR) as there:
        _council(there.ask("/council"), as_json=as_json)


def _council(given: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        terminal.print_json(given)
        return
    lines = [[agency, ", ".join(roles)] for agency, roles in given["electors"].items()]
    terminal.rows(("agency", "votes by"), lines)
    said = "   ".join(f"{name} {time}" for name, time in given["times"].items())
    terminal.out.print(f"quorum {given['quorum']}, with {' or '.join(given['advocacy'])}   {said}")


@app.command()
def new(  # noqa: PLR0913 - the options of a command
    protocol: Annotated[str, typer.Argument(metavar="PROTOCOL", help="The protocol, by its name.")],
    *,
    text: TextFile = None,
    plan: PlanFile = None,
    aims: Aims = "",
    emergency: Emergency = False,
    not_before: NotBefore = None,
    url: Url = None,
    token: Token = None,
    as_: As = None,
    as_json: AsJson = False,
) -> None:
    """Begin a draft, held against the text in force."""
    body = _draft(text, plan, aims, emergency=emergency, not_before=not_before)
    with remote(url, token, as_ or COORDINATOR) as there:
        made = there.tell("POST", "/revisions", json.dumps({**body, "protocol": protocol}).encode())
        _said(made, as_json=as_json)


@app.command()
def write(  # noqa: PLR0913 - the options of a command
    number: Number,
    *,
    text: TextFile = None,
    plan: PlanFile = None,
    aims: Aims = "",
    emergency: Emergency = False,
    not_before: NotBefore = None,
    url: Url = None,
    token: Token = None,
    as_: As = None,
    as_json: AsJson = False,
) -> None:
    """Write a draft anew, against the text in force now. What was voted on it counts no longer."""
    body = _draft(text, plan, aims, emergency=emergency, not_before=not_before)
    with remote(url, token, as_ or COORDINATOR) as there:
        _said(there.tell("PUT", f"/revisions/{number}", json.dumps(body).encode()), as_json=as_json)


def _draft(
    text: Path | None, plan: Path | None, aims: str, *, emergency: bool, not_before: datetime | None
) -> dict[str, object]:
    made: dict[str, object] = {"aims": aims, "emergency": emergency}
    for name, file in (("text", text), ("plan", plan)):
        if file is not None:
            made[name] = texts.read_bytes(file).decode(errors="replace")
    if not_before is not None:
        made["effective_at"] = not_before.astimezone().isoformat()
    return made


@app.command("list")
def every(*, url: Url = None, token: Token = None, as_: As = None, as_json: AsJson = False) -> None:
    """List the revisions, newest first."""
    with remote(url, token, as_ or COORDINATOR) as there:
        given = there.ask("/revisions")
    if as_json:
        terminal.print_json(given)
        return
    lines = [[str(each["number"]), each["protocol"], each["state"], ", ".join(each["waits_on"])] for each in given]
    terminal.rows(("number", "protocol", "state", "waits on"), lines, empty="No changes proposed.")


@app.command()
def show(number: Number, *, url: Url = None, token: Token = None, as_: As = None, as_json: AsJson = False) -> None:
    """Say what a revision changes, where it stands, and who must do what before it is in force."""
    with remote(url, token, as_ or COORDINATOR) as there:
        _said(there.ask(f"/revisions/{number}"), as_json=as_json)


@app.command()
def submit(number: Number, *, url: Url = None, token: Token = None, as_: As = None, as_json: AsJson = False) -> None:
    """Let a draft be checked and, if it is clean, be commented and voted on."""
    with remote(url, token, as_ or COORDINATOR) as there:
        _said(there.tell("POST", f"/revisions/{number}/submit", b"{}"), as_json=as_json)


@app.command()
def vote(
    number: Number,
    choice: Annotated[str, typer.Argument(metavar="CHOICE", help="for, against or abstain.")],
    *,
    url: Url = None,
    token: Token = None,
    as_: As = None,
    as_json: AsJson = False,
) -> None:
    """Cast your agency's vote on what is there now; a later one replaces it."""
    _act(number, {"act": "vote", "choice": choice}, url, token, as_, as_json=as_json)


@app.command()
def recuse(
    number: Number, why: Why, *, url: Url = None, token: Token = None, as_: As = None, as_json: AsJson = False
) -> None:
    """Step aside: your agency is not counted."""
    _act(number, {"act": "recuse", "says": why}, url, token, as_, as_json=as_json)


@app.command()
def consent(number: Number, *, url: Url = None, token: Token = None, as_: As = None, as_json: AsJson = False) -> None:
    """Agree to what it obliges your agency to. Silence is no consent."""
    _act(number, {"act": "consent"}, url, token, as_, as_json=as_json)


@app.command()
def veto(  # noqa: PLR0913 - the options of a command
    number: Number,
    why: Why,
    unit: Annotated[list[str], typer.Option("--unit", help="What it is about, of your own: step:NAME.")],
    *,
    url: Url = None,
    token: Token = None,
    as_: As = None,
    as_json: AsJson = False,
) -> None:
    """Turn down what would oblige your agency. It is not outvoted; without it the rest goes straight to the ballot."""
    _act(number, {"act": "veto", "says": why, "units": unit}, url, token, as_, as_json=as_json)


@app.command()
def sign(  # noqa: PLR0913 - the options of a command
    number: Number,
    seat: Annotated[str, typer.Argument(metavar="SEAT", help="What you sign for: coordinator, or your agency.")],
    *,
    way_back: Annotated[bool, typer.Option("--way-back", help="Take it back: the text before is in force.")] = False,
    url: Url = None,
    token: Token = None,
    as_: As = None,
    as_json: AsJson = False,
) -> None:
    """Sign an emergency change; or, when it is in force, the way back from any change."""
    body = {"act": "sign-way-back" if way_back else "sign", "seat": seat}
    _act(number, body, url, token, as_, as_json=as_json)


@app.command()
def say(  # noqa: PLR0913 - the options of a command
    number: Number,
    words: Annotated[str, typer.Argument(metavar="WORDS", help="A comment; without the code of any case.")],
    *,
    answers: Annotated[int | None, typer.Option("--answers", min=0, help="The comment that this answers.")] = None,
    url: Url = None,
    token: Token = None,
    as_: As = None,
    as_json: AsJson = False,
) -> None:
    """Comment on a revision, or answer a comment as the council's coordinator."""
    body: dict[str, object] = {"act": "comment", "says": words}
    if answers is not None:
        body = {"act": "answer", "says": words, "answers": answers}
    _act(number, body, url, token, as_, as_json=as_json)


@app.command()
def observe(
    number: Number,
    verdict: Annotated[str, typer.Argument(metavar="VERDICT", help="met, not-met or cannot-tell.")],
    *,
    url: Url = None,
    token: Token = None,
    as_: As = None,
    as_json: AsJson = False,
) -> None:
    """Say what a month's figures show of what it is for; after the third it is closed."""
    _act(number, {"act": "observe", "verdict": verdict}, url, token, as_, as_json=as_json)


@app.command()
def withdraw(number: Number, *, url: Url = None, token: Token = None, as_: As = None, as_json: AsJson = False) -> None:
    """Give a revision up before it is in force."""
    _act(number, {"act": "withdraw"}, url, token, as_, as_json=as_json)


@app.command()
def rehearse(  # noqa: PLR0913 - the options of a command
    number: Number,
    *,
    times: Annotated[
        Path | None, typer.Option("--times", metavar="FILE", help="A table whose first column is when a case begins.")
    ] = None,
    habits: Annotated[
        Path | None, typer.Option("--habits", metavar="FILE", help="How people act: see docs/rehearsal.md.")
    ] = None,
    url: Url = None,
    token: Token = None,
    as_: As = None,
    as_json: AsJson = False,
) -> None:
    """Rehearse a revision there, with its own cases' times of a year unless told others, and keep it on its page."""
    body: dict[str, object] = {"source": "own" if times is None else "file"}
    for name, file in (("times", times), ("habits", habits)):
        if file is not None:
            body[name] = texts.read_bytes(file).decode(errors="replace")
    with remote(url, token, as_ or COORDINATOR) as there:
        given = there.tell("POST", f"/revisions/{number}/rehearsal", json.dumps(body).encode())
    if as_json:
        terminal.print_json(given)
        return
    report = given["report"]
    terminal.out.print(f"rehearsal, not forecast: {report['cases'][0]} cases over {report['weeks']} weeks")
    lines = [
        [each["step"], _points(each["on_time"]["old"]), _points(each["on_time"]["new"])]
        for each in report["steps"]
        if each["of"] != [0, 0]
    ]
    terminal.rows(("step", "on time, old text", "new text"), lines)
    if report["habits"]:
        for says, roles in (
            ("of this site's own facts", [each["role"] for each in report["habits"]["roles"]]),
            ("as declared", report["habits"]["declared"]),
        ):
            terminal.out.print(f"habits {says}: {', '.join(roles) or 'of no role'}")
    terminal.out.print("It cannot know:")
    for each in report["cannot know"]:
        terminal.out.print(f"- {each}")


@app.command("before-after")
def before_after(
    number: Number, *, url: Url = None, token: Token = None, as_: As = None, as_json: AsJson = False
) -> None:
    """Say how each handoff was kept before and since a revision: what, never why; no difference before 8 weeks."""
    with remote(url, token, as_ or COORDINATOR) as there:
        given = there.ask(f"/revisions/{number}/before-after")
    if as_json:
        terminal.print_json(given)
        return
    terminal.out.print(f"aims: {given['aims'] or '-'}")
    lines = [
        [
            f"{each['from_agency']} > {each['agency']}",
            each["step"],
            *(_kept(each[side], due) for side, due in zip(("before", "after"), each["due"], strict=True)),
            each["says"],
            "" if each["asked"] else "also seen, not asked",
        ]
        for each in given["looks"]
    ]
    terminal.rows(("agencies", "step", "before", "after", "it is", ""), lines, empty="No whole week yet.")


def _points(found: float | None) -> str:
    return "-" if found is None else f"{found:.0f}%"


def _kept(side: dict[str, Any] | None, due: int | None) -> str:
    if side is None:
        return "too few" if due is None else f"{due} due"
    return f"{side['share']:.0f}% of {due} ({side['low']:.0f} to {side['high']:.0f})"


def _act(
    number: int, body: Mapping[str, object], url: str | None, token: str | None, as_: str | None, *, as_json: bool
) -> None:
    """Do something with the bundle as it is now: what is on the reader's screen was printed with its first letters."""
    with remote(url, token, as_ or COORDINATOR) as there:
        bundle = there.ask(f"/revisions/{number}")["bundle"]
        given = there.tell("POST", f"/revisions/{number}/acts", json.dumps({**body, "bundle": bundle}).encode())
    _said(given, as_json=as_json)


def _said(given: dict[str, Any], *, as_json: bool) -> None:
    """Where a revision stands, what it changes, what it waits for."""
    if as_json:
        terminal.print_json(given)
        return
    because = f" ({given['because']})" if given["because"] else ""
    until = f" until {given['until']}" if given["until"] else ""
    said = f"r-{given['number']} {given['protocol']}: {given['state']}{because}{until}, bundle {given['bundle'][:8]}"
    terminal.out.print(said)
    lines = [[each["code"], each["says"], ", ".join(each["consent"])] for each in given["changes"]]
    if lines:
        terminal.rows(("rule", "change", "must agree"), lines)
        terminal.out.print(f"worst: {given['worst']}; needs {given['majority']}")
    if (count := given["tally"]) is not None:
        voted = f"{count['votes_for']} for, {count['against']} against, {count['abstained']} abstained"
        terminal.out.print(f"{voted}, of {count['electors']}; recused: {', '.join(count['recused']) or 'nobody'}")
    if given["waits_on"]:
        terminal.out.print(f"waits on {', '.join(given['waits_on'])}")
