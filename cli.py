"""The command ``handoff``: check and try a protocol text, run an installation, and speak to one.

``check``, ``show``, ``graph``, ``test``, ``diff``, ``rehearse``, ``schema``, ``doctor``, ``store``, ``people``,
``keys`` and ``up`` work here; the others speak HTTP to a running installation. Exit codes: 0 done, 1 findings or
refused, 2 usage. Wiring only, a page per command and so over 500 lines: what a command prints is in
``runtime.terminal``, what it does in the packages.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commands import migration, revision
from commands import notices as notices_commands
from commands.options import As, AsJson, Token, Url, remote
from protocol import clocks
from protocol.compiling import Compiled
from protocol.drawing import Form, draw
from protocol.errors import HandoffError, SpecError
from protocol.graph import graph
from protocol.kernel import Protocol
from protocol.outline import outline
from protocol.rehearsal import charts, saying
from protocol.rehearsal.habits import Habits, read_habits
from protocol.revising.diff import diff
from protocol.revising.lines import changed_lines
from protocol.spec import json_schema
from runtime import intake as taking_in
from runtime import logs, terminal, texts
from runtime.checking import Checked, check_text, check_texts
from runtime.mapping import read_mapping
from runtime.rehearsing import DAYS, arrivals, unsettled
from runtime.rehearsing import Order as RehearsalOrder
from runtime.rehearsing import rehearse as rehearse_both
from runtime.remote import items_of
from runtime.settings import load
from runtime.telling import tell

if TYPE_CHECKING:
    from store.session import Database

FOUND_SOMETHING = 1

app = typer.Typer(
    name="handoff",
    help="Handoff runs a community's protocols: who owes what to whom, and by when.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
store_app = typer.Typer(help="The database of this installation.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(store_app, name="store")
erasure_app = typer.Typer(
    help="What of ended cases is erased or held, for an agency's leads and its steward.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(erasure_app, name="erasure")
release_app = typer.Typer(
    help="What a survivor lets leave the house, and what left it.", no_args_is_help=True, rich_markup_mode=None
)
app.add_typer(release_app, name="release")
app.add_typer(migration.app, name="migration")
app.add_typer(revision.app, name="revision")
app.add_typer(notices_commands.app, name="notices")
Released = Annotated[str, typer.Argument(metavar="RELEASE", help="The release, by its id.")]
audit_app = typer.Typer(help="Who saw what, and whether that was changed.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(audit_app, name="audit")
people_app = typer.Typer(help="An agency's people, on this machine.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(people_app, name="people")
keys_app = typer.Typer(help="Keys.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(keys_app, name="keys")
keyholder_app = typer.Typer(
    help="An agency's own keyholder, on its own machine.", no_args_is_help=True, rich_markup_mode=None
)
app.add_typer(keyholder_app, name="keyholder")
KeptFor = Annotated[str, typer.Argument(metavar="AGENCY", help="The agency whose keys it keeps.")]
machine_app = typer.Typer(help="Keys of records systems.", no_args_is_help=True, rich_markup_mode=None)
keys_app.add_typer(machine_app, name="machine")

Text = Annotated[Path, typer.Argument(metavar="FILE", help="A protocol text (YAML).")]
Texts = Annotated[list[Path], typer.Argument(metavar="FILE...", help="Protocol texts (YAML).")]
TextOrSlug = Annotated[str, typer.Argument(metavar="FILE|SLUG", help="A protocol text, or a bundled protocol's name.")]
Wait = Annotated[
    float, typer.Option("--wait", metavar="SECONDS", min=0, help="Wait for something to list, so long at most.")
]
AtLeast = Annotated[int, typer.Option("--at-least", metavar="N", min=1, help="With --wait: until there are so many.")]
Limit = Annotated[int, typer.Option("--limit", min=1, max=200, help="How many to list at most.")]


@app.callback()
def begin() -> None:
    """Handoff runs a community's protocols: who owes what to whom, and by when."""
    # What a command says goes to standard output, whole JSON with --json; what it logs must not.
    logs.configure("warning")


@app.command()
def check(files: Texts, *, as_json: AsJson = False) -> None:
    """Say whether protocol texts can be published, with an example run of what goes wrong, and what to write instead.

    Every text is compiled, checked and explored; the last line says how many states were looked at, and how long it
    took. Texts that run one another are held against one another, and against the bundled ones.
    """
    checked = check_texts(files, _today())
    if as_json:
        found = [_found(each) for each in checked]
        terminal.print_json(found[0] if len(found) == 1 else found)
    for each in () if as_json else checked:
        terminal.findings(each.path, each.data, each.findings)
        if each.compiled is not None:
            terminal.checked(each.compiled, each.took)
    if any(each.compiled is None for each in checked):
        raise typer.Exit(FOUND_SOMETHING)


def _found(checked: Checked) -> dict[str, object]:
    """One text's findings, for programs."""
    known: dict[str, object] = {"file": str(checked.path)}
    if checked.compiled is not None:
        proof = checked.compiled.proof
        known |= {"protocol": checked.compiled.protocol.id, "hash": checked.compiled.hash, "states": proof.states}
        known |= {"searched": [asdict(each) for each in proof.searched], "undecided": proof.undecided}
    return {**known, "ms": checked.took, "findings": [asdict(each) for each in checked.findings]}


@app.command()
def show(protocol: TextOrSlug, *, as_json: AsJson = False) -> None:
    """Tell a protocol in plain English, step by step, from what the engine will run."""
    told = outline(_compiled(texts.find(protocol)).protocol)
    if as_json:
        terminal.print_json(asdict(told))
    else:
        terminal.outlined(told)


@app.command("graph")
def draw_graph(
    protocol: TextOrSlug,
    *,
    form: Annotated[Form, typer.Option("--format", help="What to draw it as.")] = Form.SVG,
    ladders: Annotated[bool, typer.Option("--ladders", help="Write every rung into the box of its step.")] = False,
    file: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write it there, not here.")] = None,
) -> None:
    """Draw a protocol: its lanes as bands, its steps from left to right, what opens what and what cancels what."""
    drawn = draw(graph(_compiled(texts.find(protocol)).protocol, ladders=ladders), form)
    if file is None:
        sys.stdout.write(drawn)
    else:
        texts.write(file, drawn)


@app.command("test")
def play_scenarios(
    protocol: Annotated[
        str | None, typer.Argument(metavar="FILE|SLUG", help="One text or protocol. By default: every bundled one.")
    ] = None,
    *,
    covered: Annotated[
        bool, typer.Option("--coverage", help="Also print what of the protocol no scenario tells of.")
    ] = False,
    fail_under: Annotated[
        float, typer.Option("--fail-under", metavar="PERCENT", help="Exit with 1 if they tell less of a protocol.")
    ] = 0,
    as_json: AsJson = False,
) -> None:
    """Play the scenarios that stand beside a protocol text, on the engine's own rules, with no server."""
    tellings = []
    for name in texts.bundled() if protocol is None else (protocol,):
        path = texts.find(name)
        telling = tell(path, _compiled(path).protocol)
        tellings.append(telling)
        if not as_json:
            terminal.played(telling, covered=covered)
    if as_json:
        found = [each.as_json() for each in tellings]
        terminal.print_json(found if protocol is None else found[0])
    if any(each.held < len(each.stories) or each.told < fail_under for each in tellings):
        raise typer.Exit(FOUND_SOMETHING)


@app.command("diff")
def compare_texts(
    old: Annotated[str, typer.Argument(metavar="OLD", help="The older text: a file, or a bundled protocol's name.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="The newer text.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Say what a newer text changes in meaning: each change a sentence, its grade, and which agencies must agree to it.

    Exit code 1 if a change is more than words, so that a script can tell.
    """
    texts_of = texts.find(old), texts.find(new)
    found = diff(*(_compiled(each).protocol for each in texts_of))
    if as_json:
        changes = [
            {"unit": e.unit, "code": e.code, "tag": e.tag.letter, "says": e.says, "consent": sorted(e.consent)}
            for e in found.changes
        ]
        terminal.print_json({"worst": found.worst.letter, "vote": found.worst.majority, "changes": changes})
    else:
        old_lines, new_lines = (texts.read_bytes(each).decode(errors="replace").splitlines() for each in texts_of)
        terminal.compared(found, changed_lines(old_lines, new_lines))
    if found.in_meaning:
        raise typer.Exit(FOUND_SOMETHING)


@app.command()
def rehearse(  # noqa: PLR0913 - the options of a command
    new: TextOrSlug,
    *,
    against: Annotated[str, typer.Option("--against", metavar="FILE|SLUG", help="The text in force, to compare with.")],
    incidents: Annotated[Path, typer.Option("--incidents", metavar="FILE", help="An export: when arrests were made.")],
    map_: Annotated[Path, typer.Option("--map", metavar="MAP", help="How to read the export: see docs/intake.md.")],
    habits: Annotated[
        Path | None, typer.Option("--habits", metavar="FILE", help="How people act: see docs/rehearsal.md.")
    ] = None,
    seed: Annotated[
        int, typer.Option("--seed", min=0, max=1 << 62, help="Which chance; the same, the same bytes.")
    ] = 1,
    days: Annotated[int, typer.Option("--days", min=1, max=366, help="How long each case is followed.")] = DAYS,
    svg: Annotated[Path | None, typer.Option("--svg", metavar="FILE", help="Also draw it there.")] = None,
    sensitivity: Annotated[
        bool, typer.Option("--sensitivity", help="Also say what would turn if the assumptions were wrong.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Play last year's arrests through two texts with modelled people, and say what would differ. No forecast."""
    data = texts.read_bytes(map_)
    protocols = _compiled(texts.find(against)).protocol, _compiled(texts.find(new)).protocol
    known = Habits() if habits is None else _habits(habits, protocols)
    try:
        found, tally = arrivals(incidents, read_mapping(data), protocols, clocks.instant(datetime.now(UTC)))
    except SpecError as error:
        terminal.findings(map_, data, error.findings)
        raise typer.Exit(FOUND_SOMETHING) from None
    order = RehearsalOrder(protocols=protocols, habits=known, seed=seed, days=days)
    compared = rehearse_both(order, found)
    wrong = unsettled(order, found) if sensitivity else ()
    if svg is not None:
        texts.write(svg, charts.svg(compared, f"{protocols[1].title or protocols[1].id}: old and new text rehearsed"))
    if as_json:
        rows = {"read": tally.read, "passed over": tally.filtered, "not readable": tally.refused}
        terminal.print_json({"rows": rows, **saying.data(compared), "if assumptions are wrong": dict(wrong)})
        return
    terminal.rehearsed(tally, compared, wrong)


def _habits(path: Path, protocols: tuple[Protocol, Protocol]) -> Habits:
    data = texts.read_bytes(path)
    try:
        return read_habits(data, *protocols)
    except SpecError as error:
        terminal.findings(path, data, error.findings)
        raise typer.Exit(FOUND_SOMETHING) from None


@app.command()
def schema() -> None:
    """Print the JSON Schema of protocol texts, for editors."""
    terminal.print_json(json_schema())


@app.command()
def up() -> None:
    """Start Handoff here: Temporal, custodian, worker and API, until Ctrl-C."""
    from api import launch  # noqa: PLC0415 - SQL and Temporal take two seconds to import; most commands need neither

    began = time.monotonic()
    settings = load()
    asyncio.run(launch.up(settings, terminal.out.print, began))


@app.command()
def doctor(*, as_json: AsJson = False) -> None:
    """Look whether this installation has all it needs, and what will need attention soon."""
    from api import launch  # noqa: PLC0415 - as above
    from store import diagnosis  # noqa: PLC0415 - as above

    settings = load()
    checks = diagnosis.diagnose(settings, _today())
    table, versions = settings.as_table(), diagnosis.versions()
    answers = launch.is_ready(settings)
    if as_json:
        found = {"settings": [asdict(each) for each in table], "versions": versions, "ready": answers}
        terminal.print_json({**found, "checks": [asdict(each) for each in checks]})
    else:
        terminal.rows(("setting", "value", "default"), [(e.name, e.value, e.default) for e in table])
        terminal.out.print("\n" + ", ".join(f"{name} {number}" for name, number in versions.items()) + "\n")
        terminal.rows(("check", "", "found"), [(each.name, str(each.state), each.says) for each in checks])
        terminal.out.print(f"\nHandoff {'is ready' if answers else 'does not answer'} at {settings.url}.")
    if any(each.state is diagnosis.State.BAD for each in checks):
        raise typer.Exit(FOUND_SOMETHING)


@store_app.command()
def rebuild(*, as_json: AsJson = False) -> None:
    """Build every screen's data again from the recorded facts, and say whether anything was different."""
    from store.keyring.opening import custodian_of, open_keyring  # noqa: PLC0415 - as above
    from store.rebuild import rebuild as rebuild_read_model  # noqa: PLC0415 - as above
    from store.session import Database  # noqa: PLC0415 - as above

    settings = load()
    with (
        custodian_of(settings) as custodian,
        closing(open_keyring(settings, custodian)) as ring,
        closing(Database(settings.database_url, ring)) as database,
    ):
        report = rebuild_read_model(database)
    same = report.before == report.after
    if as_json:
        terminal.print_json({**asdict(report), "same": same})
    else:
        said = "nothing was different" if same else "something was different, and is right again"
        terminal.out.print(f"{report.facts:,} facts of {report.cases:,} cases read; {said}.")


@audit_app.command("heads")
def keep_heads(
    *,
    file: Annotated[Path, typer.Option("--out", metavar="FILE", help="The file they are kept in; added to.")],
    url: Url = None,
    token: Token = None,
    as_: As = None,
    as_json: AsJson = False,
) -> None:
    """Keep the signed heads of the audit outside the installation; exit code 1 if they contradict those kept before."""
    from store.audit import kept  # noqa: PLC0415 - as above

    before = kept.read(file)
    known, new = before, 0
    with remote(url, token, as_ or "steward") as there:
        while True:
            last = known.heads[-1].n if known is not None and known.heads else 0
            found = kept.followed(known, there.ask("/audit/heads", after=last))
            fresh = found.heads[0 if known is None else len(known.heads) :]
            kept.add(file, found, fresh)
            known, new = found, new + len(fresh)
            if not fresh:
                break
    if as_json:
        terminal.print_json({"new": new, "kept": len(known.heads), "key": known.key.hex()})
    else:
        terminal.out.print(f"{new:,} new heads, {len(known.heads):,} kept in {file}. The site's key: {known.key.hex()}")


@audit_app.command("verify")
def verify_audit(
    *,
    heads: Annotated[
        Path | None, typer.Option("--heads", metavar="FILE", help="Heads that somebody kept, to hold it against.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Look whether a row of the audit here was altered, taken out, moved or cut off; exit code 1 if one was.

    Without kept heads, whoever holds both the database and the site's key could have written all of it anew.
    """
    from store.audit import keeping  # noqa: PLC0415 - as above

    began = time.monotonic()
    verdict = keeping.judged(load(), heads, clocks.instant(datetime.now(UTC)))
    took = time.monotonic() - began
    if as_json:
        found = [{**asdict(each), "says": each.says()} for each in verdict.flaws]
        terminal.print_json({**asdict(verdict), "flaws": found, "seconds": round(took, 3)})
    else:
        for each in verdict.flaws:
            terminal.err.print(f"{each.says()} ({each.wrong.value})")
        said = "nothing is wrong" if not verdict.flaws else f"{len(verdict.flaws):,} things are wrong"
        terminal.out.print(
            f"{verdict.rows:,} rows of {verdict.chains:,} chains and {verdict.heads:,} heads: {said}. "
            f"{took:.1f} s, {verdict.rows / max(took, 1e-9):,.0f} rows a second."
        )
    if verdict.flaws:
        raise typer.Exit(FOUND_SOMETHING)


@audit_app.command("seen")
def who_saw(
    case: Annotated[str, typer.Argument(metavar="CASE", help="A case, by its id or its code.")],
    *,
    url: Url = None,
    token: Token = None,
    as_: As = None,
    as_json: AsJson = False,
) -> None:
    """List who saw a case, newest first: for a lead or the steward of an agency that has a part in it."""
    with remote(url, token, as_ or "steward") as there:
        found = there.all_items(f"/cases/{case}/readers", limit=1000)
    terminal.listed(found, terminal.READERS, as_json=as_json)


@keys_app.command("where")
def where_keys_are(*, as_json: AsJson = False) -> None:
    """List each agency of the published protocols and where its keys are."""
    from store.custodian import levels  # noqa: PLC0415 - as above

    found = levels.levels(load())
    if as_json:
        terminal.print_json({each: {"confidential": secret, "here": here} for each, (secret, here) in found.items()})
    else:
        terminal.rows(
            ("agency", "confidential", "keys"),
            [
                (a, "yes" if c else "no", "on this machine" if here else "with its keyholder")
                for a, (c, here) in found.items()
            ],
        )


@keys_app.command("join")
def join_keyholder(
    code: Annotated[str, typer.Argument(metavar="CODE", help="What handoff keyholder enrol printed.")],
) -> None:
    """Hand an agency's keys over to its own keyholder; afterwards they are not on this machine any more."""
    from store.custodian import joining  # noqa: PLC0415 - as above

    card = joining.join(load(), code)
    terminal.out.print(f"The keys of {card.agency} are with its keyholder. Start Handoff again now.")


@keys_app.command("rotate")
def rotate_keys(
    agency: Annotated[str, typer.Argument(metavar="AGENCY", help="The agency whose next key is taken into use.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Take an agency's next key into use and wrap what was sealed before to it; safe to run again."""
    from store.custodian import rotating  # noqa: PLC0415 - as above
    from store.custodian.router import custodians  # noqa: PLC0415 - as above
    from store.session import Database  # noqa: PLC0415 - as above

    settings = load()
    database = Database(settings.database_url)
    try:
        done = rotating.rotate(database, custodians(settings), agency)
    finally:
        database.close()
    if as_json:
        terminal.print_json(asdict(done))
    else:
        terminal.out.print(
            f"Key {done.epoch} is in use; {done.moved:,} of {done.records:,} records were wrapped to it."
        )


@keys_app.command("protect")
def protect_keys() -> None:
    """Shut all agencies' keys on this machine in the PKCS #11 token that the settings name; safe to run again."""
    from store.custodian import safekeeping  # noqa: PLC0415 - as above

    terminal.out.print(f"{safekeeping.protect(load())} keys were open and are shut now. Start Handoff again.")


Escrow = Annotated[Path, typer.Argument(metavar="FILE", help="The escrow file that goes with the cards.")]


@keys_app.command("cards")
def make_cards(
    agency: Annotated[str, typer.Argument(metavar="AGENCY", help="The agency whose keys they bring back.")],
    *,
    of: Annotated[int, typer.Option("--of", min=2, max=12, help="How many cards are printed.")] = 3,
    need: Annotated[int, typer.Option("--need", min=2, max=12, help="How many of them bring the keys back.")] = 2,
) -> None:
    """Print new paper cards for an agency's keys, once; earlier cards open none of the keys made from now on."""
    from store.custodian import escrow, safekeeping  # noqa: PLC0415 - as above

    file, made, cards = safekeeping.cards(load(), agency, need=need, of=of)
    for each in cards:
        terminal.out.print("\n".join(escrow.sheet(made, each)), "")
    terminal.out.print(f"Put a copy of {file} with each card, and again after each rotation of keys.")


@keys_app.command("recover")
def recover_keys(
    file: Escrow,
    *,
    here: Annotated[
        bool, typer.Option("--here", help="To this installation, and not to the agency's keyholder.")
    ] = False,
) -> None:
    """Bring an agency's keys back with its paper cards, which are asked for."""
    from store.custodian import escrow, safekeeping  # noqa: PLC0415 - as above

    agency, back = safekeeping.recover(load(), file, _typed(escrow.read(file).need), here=here)
    terminal.out.print(f"{back} keys of {agency} are back; those that were here are the same.")


@keys_app.command("drill")
def drill_cards(file: Escrow) -> None:
    """Look whether an agency's paper cards would bring back every key that is here; changes nothing. Once a year."""
    from store.custodian import escrow, safekeeping  # noqa: PLC0415 - as above

    agency, opened = safekeeping.drill(load(), file, _typed(escrow.read(file).need))
    terminal.out.print(f"The cards open {opened} keys of {agency}, all that are here.")


def _typed(need: int) -> list[str]:
    return [typer.prompt(f"Card {number} of {need} needed", hide_input=True) for number in range(1, need + 1)]


@keyholder_app.command("rotate")
def rotate_keyholder(agency: KeptFor) -> None:
    """Make the agency's next key; then run handoff keys rotate where Handoff runs."""
    from store.custodian import keyholding  # noqa: PLC0415 - as above

    terminal.out.print(
        f"Key {keyholding.rotate(load(), agency)} is made. Where Handoff runs: handoff keys rotate {agency}"
    )


@keyholder_app.command("run")
def run_keyholder(
    agency: KeptFor,
    *,
    host: Annotated[str, typer.Option("--host", help="The address it listens on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help="The port it listens on.")] = 8443,
) -> None:
    """Keep an agency's keys and open values for its people, until Ctrl-C."""
    from store.custodian import keyholding  # noqa: PLC0415 - as above

    keyholding.run(load(), agency, host, port, terminal.out.print)


@keyholder_app.command("enrol")
def enrol_installation(
    agency: KeptFor,
    host: Annotated[str, typer.Argument(metavar="HOST", help="The address at which Handoff reaches this keyholder.")],
    *,
    port: Annotated[int, typer.Option("--port", help="The port.")] = 8443,
) -> None:
    """Print a code, good once and for an hour, with which an installation of Handoff enrols here."""
    from store.custodian import keyholding  # noqa: PLC0415 - as above

    terminal.out.print(keyholding.code(load(), agency, host, port), soft_wrap=True)


@keyholder_app.command("person")
def add_keyholder_person(
    agency: KeptFor, name: Annotated[str, typer.Argument(metavar="NAME", help="The name they sign in with.")]
) -> None:
    """Enrol a person of the agency; prints the secret for their authenticator, once."""
    from store.custodian import keyholding  # noqa: PLC0415 - as above

    password = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    terminal.out.print(keyholding.person(load(), agency, name, password), soft_wrap=True)


@keyholder_app.command("remove")
def remove_keyholder_person(
    agency: KeptFor, name: Annotated[str, typer.Argument(metavar="NAME", help="Who signs in no more.")]
) -> None:
    """Let a person sign in no more; what they are signed in to ends at once."""
    from store.custodian import keyholding  # noqa: PLC0415 - as above

    keyholding.remove(load(), agency, name)


@keyholder_app.command("audit")
def audit_keyholder(agency: KeptFor) -> None:
    """Look whether a row of the keyholder's own audit was altered; exit code 1 if one was."""
    from store.custodian import keyholding  # noqa: PLC0415 - as above

    terminal.out.print(f"{keyholding.audited(load(), agency):,} rows: nothing is wrong.")


@app.command("backup")
def back_up(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the main database's backup goes.")],
    *,
    keys_to: Annotated[
        Path, typer.Option("--keys-to", metavar="FOLDER", help="Another folder, for the keys' own; kept for 7 days.")
    ],
    as_json: AsJson = False,
) -> None:
    """Back up the main database, and the keys' database apart from it; agencies' private keys are in neither."""
    from store.erasure import backups  # noqa: PLC0415 - as above

    written = backups.back_up(load(), folder, keys_to, clocks.instant(datetime.now(UTC)))
    if as_json:
        terminal.print_json([str(each) for each in written])
    else:
        terminal.out.print("\n".join(str(each) for each in written))


@app.command("restore")
def put_back(
    backup: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="A backup of the main database, of any age.")
    ] = None,
    *,
    keys: Annotated[
        Path | None, typer.Option("--keys", metavar="FILE", help="Also put the keys back, from at most 7 days ago.")
    ] = None,
    replay: Annotated[bool, typer.Option("--replay", help="Only carry the erasure list out again.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Replace the database that is there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Put a backup back and erase from it what was erased since; nothing opens before that is done."""
    from runtime.supervisor import hold_lock  # noqa: PLC0415 - as above
    from store.erasure import backups  # noqa: PLC0415 - as above

    if replay == (backup is not None):
        raise HandoffError("RESTORE_WHAT", "Give a backup's FILE, or --replay alone.")
    if backup is not None and not yes:
        raise HandoffError("RESTORE_SURE", "This replaces the database that is there. If you mean it, add --yes.")
    settings, now = load(), clocks.instant(datetime.now(UTC))
    settings.make_folders()
    with hold_lock(settings.lock_file):
        if backup is None:
            removed = backups.replay_list(settings, now)
        else:
            removed = backups.restore(settings, backup, keys, now).removed
    if as_json:
        terminal.print_json({"removed": removed})
    else:
        terminal.out.print(f"The database is as it was; {removed:,} erased parts of cases were removed from it again.")


@erasure_app.command("status")
def erasure_status(*, url: Url = None, token: Token = None, as_: As = None, as_json: AsJson = False) -> None:
    """List the holds that stand, those to be reviewed first, and what is or was erased, with how far it has come."""
    with remote(url, token, as_ or "supervisor") as there:
        terminal.erasures(there.ask("/erasures"), as_json=as_json)


@erasure_app.command("run")
def erasure_run(*, url: Url = None, token: Token = None, as_: As = None, as_json: AsJson = False) -> None:
    """Look now for what is due, and carry your agency's orders on; the installation does so itself every hour."""
    with remote(url, token, as_ or "supervisor") as there:
        terminal.erasures(there.tell("POST", "/erasures/run", b"{}"), as_json=as_json)


@erasure_app.command("hold")
def erasure_hold(  # noqa: PLR0913 - the options of a command
    case: Annotated[str, typer.Argument(metavar="CASE", help="The case, by its code.")],
    *,
    reason: Annotated[
        str | None,
        typer.Option("--reason", metavar="WORD", help="subpoena, litigation, court-order, complaint or other."),
    ] = None,
    review: Annotated[
        datetime | None,
        typer.Option("--review", metavar="DATE", formats=["%Y-%m-%d"], help="The day by which it is looked at again."),
    ] = None,
    keep: Annotated[str | None, typer.Option("--keep", metavar="HOLD", help="Let this hold stand until then.")] = None,
    lift: Annotated[str | None, typer.Option("--lift", metavar="HOLD", help="Lift this hold.")] = None,
    url: Url = None,
    token: Token = None,
    as_: As = None,
    as_json: AsJson = False,
) -> None:
    """Let nothing of your agency's in a case be erased, keep such a hold until a later day, or lift it.

    A note is not taken here, where it would stay in the shell's history: see the HTTP interface.
    """
    path, body = f"/cases/{case}/holds", {}
    if review is not None:
        body["review_at"] = review.replace(tzinfo=UTC).isoformat()
    if reason is not None:
        body["reason"] = reason
    if lift or keep:
        path += f"/{lift or keep}/{'lift' if lift else 'keep'}"
    with remote(url, token, as_ or "supervisor") as there:
        found = there.tell("POST", path, json.dumps(body).encode())
    if as_json:
        terminal.print_json(found)
    else:
        terminal.out.print(found.get("says") or "The hold is lifted.")


@release_app.command("list")
def release_list(
    case: Annotated[
        str | None, typer.Argument(metavar="CASE", help="Your agency's about this case; else what was shared with you.")
    ] = None,
    *,
    url: Url = None,
    token: Token = None,
    as_: As = None,
    as_json: AsJson = False,
) -> None:
    """List your agency's releases about a case, or what others shared with you. Nothing that they share is shown."""
    with remote(url, token, as_ or "supervisor") as there:
        if case is None:
            terminal.listed(there.ask("/releases"), terminal.SHARED, as_json=as_json)
        else:
            terminal.listed(there.ask(f"/cases/{case}/releases"), terminal.RELEASES, as_json=as_json)


@release_app.command("sign")
def release_sign(  # noqa: PLR0913 - the options of a command
    release: Released,
    *,
    signer: Annotated[
        str, typer.Option("--signer", metavar="WHO", help="Who has to sign: survivor, minor or incapacity.")
    ] = "survivor",
    form: Annotated[str, typer.Option("--form", metavar="WORD", help="paper or device.")] = "paper",
    survivor: Annotated[bool, typer.Option("--she-signed", help="She signed it.")] = False,
    guardian: Annotated[bool, typer.Option("--guardian-signed", help="Her parent or guardian signed it.")] = False,
    not_suspect: Annotated[
        bool, typer.Option("--guardian-not-suspect", help="You know that the guardian is not the suspect.")
    ] = False,
    order: Annotated[bool, typer.Option("--guardians-order", help="The court's order is attached.")] = False,
    language: Annotated[str, typer.Option("--language", help="In which it was explained.")] = "english",
    url: Url = None,
    token: Token = None,
    as_: As = None,
    as_json: AsJson = False,
) -> None:
    """Put your agency's key to a release that was explained to her and that she signed."""
    body = {
        "signer": signer,
        "form": form,
        "by_survivor": survivor,
        "by_guardian": guardian,
        "guardian_not_suspect": not_suspect,
        "guardians_order": order,
        "language": language,
    }
    with remote(url, token, as_ or "supervisor") as there:
        found = there.tell("POST", f"/releases/{release}/sign", json.dumps(body).encode())
    terminal.listed([found], terminal.RELEASES, as_json=as_json)


@release_app.command("revoke")
def release_revoke(
    release: Released, *, url: Url = None, token: Token = None, as_: As = None, as_json: AsJson = False
) -> None:
    """Take a release back, on her word and without a reason; from the next look on it opens nothing."""
    with remote(url, token, as_ or "supervisor") as there:
        found = there.tell("POST", f"/releases/{release}/revoke", b"{}")
    terminal.listed([found], terminal.RELEASES, as_json=as_json)


@release_app.command("log")
def release_log(
    case: Annotated[str, typer.Argument(metavar="CASE", help="The case, by its code.")],
    *,
    url: Url = None,
    token: Token = None,
    as_: As = None,
    as_json: AsJson = False,
) -> None:
    """List who of other agencies saw what about a case, and by what right."""
    with remote(url, token, as_ or "supervisor") as there:
        terminal.listed(there.ask(f"/cases/{case}/disclosures"), terminal.DISCLOSED, as_json=as_json)


@app.command()
def publish(file: Text, *, url: Url = None, token: Token = None, as_: As = None, as_json: AsJson = False) -> None:
    """Publish a protocol text to a running installation; cases that are open keep theirs."""
    data = texts.read_bytes(file)
    with remote(url, token, as_ or "coordinator") as there:
        try:
            found = there.tell("POST", "/protocols", data, kind="application/yaml")
        except SpecError as error:
            if as_json:
                terminal.print_json({"file": str(file), "findings": [asdict(each) for each in error.findings]})
            else:
                terminal.findings(file, data, error.findings)
            raise typer.Exit(FOUND_SOMETHING) from None
    if as_json:
        terminal.print_json(found)
    else:
        terminal.out.print(f"{found['protocol']} is in force as version {found['version']}.")


@app.command()
def intake(  # noqa: PLR0913 - the options of a command
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A records system's export: CSV, plain or gzip.")],
    *,
    protocol: Annotated[str, typer.Option("--protocol", metavar="SLUG", help="The protocol to report to.")],
    map_: Annotated[Path, typer.Option("--map", metavar="MAP", help="How to read the export: see docs/intake.md.")],
    report: Annotated[
        Path | None, typer.Option("--report", help="Where refused rows are listed. FILE.refused.csv here")
    ] = None,
    url: Url = None,
    token: Token = None,
    as_: As = None,
    as_json: AsJson = False,
) -> None:
    """Report every incident of an export; safe to run again. Exit code 1 if any row was refused."""
    data = texts.read_bytes(map_)
    refused = report or Path(f"{file.name}.refused.csv")
    try:
        sheet = read_mapping(data)
        with remote(url, token, as_ or f"{sheet.mapping.source}-records") as there:
            known = taking_in.protocol_of(there, protocol)
            order = taking_in.Order(file=file, sheet=sheet, protocol=known, report=refused)
            with terminal.progress(texts.size_of(file), quiet=as_json) as moved:
                outcome = taking_in.take_in(order, there, clocks.instant(datetime.now(UTC)), moved)
    except SpecError as error:
        terminal.findings(map_, data, error.findings)
        raise typer.Exit(FOUND_SOMETHING) from None
    if as_json:
        figures = {"unanswered": outcome.unanswered, "seconds": round(outcome.seconds, 3), "report": str(refused)}
        terminal.print_json({**asdict(outcome.tally), **figures})
    else:
        terminal.taken_in(outcome, refused)
    if outcome.stopped is not None:
        raise outcome.stopped
    if outcome.tally.refused:
        raise typer.Exit(FOUND_SOMETHING)


@app.command()
def cases(  # noqa: PLR0913 - the options of a command
    *,
    limit: Limit = 50,
    wait: Wait = 0,
    at_least: AtLeast = 1,
    url: Url = None,
    token: Token = None,
    as_: As = None,
    as_json: AsJson = False,
) -> None:
    """List cases in which your agency has a part, newest first."""
    with remote(url, token, as_ or "coordinator") as there:
        found = there.await_items("/cases", wait, at_least, limit=limit)
    terminal.listed(found, terminal.CASES, as_json=as_json)


@app.command()
def tasks(  # noqa: PLR0913 - the options of a command
    *,
    ids: Annotated[bool, typer.Option("--ids", help="Print the tasks' ids only, one a line.")] = False,
    limit: Limit = 50,
    wait: Wait = 0,
    at_least: AtLeast = 1,
    url: Url = None,
    token: Token = None,
    as_: As = None,
    as_json: AsJson = False,
) -> None:
    """List what you owe, with the time left: late first, then what nobody has taken up."""
    with remote(url, token, as_ or "coordinator") as there:
        found = there.await_items("/tasks", wait, at_least, limit=limit)
    if ids:
        terminal.out.print("\n".join(str(each["id"]) for each in items_of(found)))
    else:
        terminal.listed(found, terminal.TASKS, as_json=as_json)


@app.command()
def handoffs(  # noqa: PLR0913 - the options of a command
    *,
    limit: Limit = 50,
    wait: Wait = 0,
    at_least: AtLeast = 1,
    url: Url = None,
    token: Token = None,
    as_: As = None,
    as_json: AsJson = False,
) -> None:
    """List which agency waits for which, as a coordinator sees it: stalled first."""
    with remote(url, token, as_ or "coordinator") as there:
        found = there.await_items("/handoffs", wait, at_least, limit=limit)
    terminal.listed(found, terminal.HANDOFFS, as_json=as_json)


@app.command()
def escalations(  # noqa: PLR0913 - the options of a command
    *,
    limit: Limit = 50,
    wait: Wait = 0,
    at_least: AtLeast = 1,
    url: Url = None,
    token: Token = None,
    as_: As = None,
    as_json: AsJson = False,
) -> None:
    """List who was told of what, when and why, newest first."""
    with remote(url, token, as_ or "coordinator") as there:
        found = there.await_items("/escalations", wait, at_least, limit=limit)
    terminal.listed(found, terminal.ESCALATIONS, as_json=as_json)


@app.command()
def call(  # noqa: PLR0913 - the options of a command
    method: Annotated[str, typer.Argument(metavar="METHOD", help="GET or POST.")],
    path: Annotated[str, typer.Argument(metavar="PATH", help="A path under /api/v1, for example /tasks.")],
    body: Annotated[str, typer.Argument(metavar="JSON", help="What to send; - reads it from standard input.")] = "{}",
    *,
    wait: Wait = 0,
    url: Url = None,
    token: Token = None,
    as_: As = None,
) -> None:
    """Call the HTTP interface as somebody, and print its answer as JSON."""
    with remote(url, token, as_ or "coordinator") as there:
        if method.upper() == "GET":
            terminal.print_json(there.await_items(path, wait) if wait else there.ask(path))
        else:
            said = sys.stdin.buffer.read() if body == "-" else body.encode()
            terminal.print_json(there.tell(method.upper(), path, said))


Agency = Annotated[str, typer.Option("--agency", metavar="SLUG", help="An agency that a published protocol names.")]
PersonId = Annotated[str, typer.Argument(metavar="PERSON", help="The id that add and list print.")]
KeyId = Annotated[str, typer.Argument(metavar="KEY", help="The id between hk_ and the second _.")]
Days = Annotated[int, typer.Option("--days", min=1, max=365, help="How long it holds.")]


@people_app.command("add")
def add_person(
    name: Annotated[str, typer.Argument(metavar="NAME", help="How colleagues call them.")],
    *,
    agency: Agency,
    roles: Annotated[list[str] | None, typer.Option("--role", metavar="ROLE", help="A role; may be repeated.")] = None,
    as_json: AsJson = False,
) -> None:
    """Add somebody: an agency's first steward, who adds the others. Then: handoff people enrol."""
    from store import people  # noqa: PLC0415 - as above
    from store.accounts import starting  # noqa: PLC0415 - as above

    with _database() as database, database.write() as connection:
        starting.agency(connection, agency)
        made = people.add_person(connection, name=name, agency_id=agency, roles=roles or ())
    if as_json:
        terminal.print_json({"person": made.id, "agency": made.agency, "roles": made.roles})
    else:
        terminal.out.print(f"{made.id}\nNext: handoff people enrol {made.id}")


@people_app.command("list")
def list_people(*, agency: Agency, as_json: AsJson = False) -> None:
    """List an agency's people, and who is locked out."""
    from store import people  # noqa: PLC0415 - as above
    from store.accounts import lockout  # noqa: PLC0415 - as above

    with _database() as database, database.read() as connection:
        found = [
            (each.id, each.name, ", ".join(each.roles), lockout.locked_out(connection, each.id, _now()))
            for each in people.people(connection, agency_id=agency)
        ]
    titles = ("person", "name", "roles", "locked")
    if as_json:
        terminal.print_json([dict(zip(titles, each, strict=True)) for each in found])
    else:
        terminal.rows(titles, [(*said, "locked" if locked else "") for *said, locked in found])


@people_app.command()
def enrol(person: PersonId, *, as_json: AsJson = False) -> None:
    """Make a one-time link with which somebody chooses a password and an authenticator; holds three days."""
    from store.accounts import enrolling  # noqa: PLC0415 - as above

    settings = load()
    with _database() as database, database.write() as connection:
        made = enrolling.make_link(connection, person, _now())
    url = f"{settings.origin}/enrol#{made}"
    if as_json:
        terminal.print_json({"url": url, "link": made})
    else:
        terminal.out.print(url, soft_wrap=True)


@people_app.command()
def unlock(person: PersonId) -> None:
    """Let somebody who is locked out try again at once."""
    from store.accounts import lockout  # noqa: PLC0415 - as above
    from store.accounts.decisions import decided  # noqa: PLC0415 - as above

    with _database() as database, database.write() as connection:
        lockout.open_all(connection, person)
        decided(connection, "unlock", _now(), person=person, reason="operator")
    terminal.out.print("Unlocked.")


@people_app.command("end")
def end_person(person: PersonId) -> None:
    """Somebody leaves: nothing they had opens anything from the next request."""
    from store.accounts import enrolling  # noqa: PLC0415 - as above

    with _database() as database, database.write() as connection:
        enrolling.deactivate(connection, person, _now())
    terminal.out.print("Ended.")


@machine_app.command("make")
def make_key(
    *,
    agency: Agency,
    protocol: Annotated[str, typer.Option("--protocol", metavar="SLUG", help="The protocol it is for.")],
    events: Annotated[
        list[str] | None, typer.Option("--event", metavar="SLUG", help="An event it may submit; may be repeated.")
    ] = None,
    reads: Annotated[bool, typer.Option("--read", help="It reads the list of cases and submits nothing.")] = False,
    days: Days = 365,
) -> None:
    """Make a key of an agency's records system, shown this once. Two may hold at a time."""
    from store.accounts import machine_keys, starting  # noqa: PLC0415 - as above
    from store.policy import Scope  # noqa: PLC0415 - as above

    scope = Scope(protocol=protocol, events=tuple(events or ()), may="read" if reads else "submit")
    with _database() as database, database.write() as connection:
        system = starting.records_system(connection, agency)
        terminal.out.print(machine_keys.make(connection, system, scope, _now(), days=days), soft_wrap=True)


@machine_app.command("rotate")
def rotate_key(key: KeyId, *, days: Days = 365) -> None:
    """Make a new key with the scope of an old one, which goes on holding for seven days."""
    from store.accounts import machine_keys  # noqa: PLC0415 - as above

    with _database() as database, database.write() as connection:
        terminal.out.print(machine_keys.rotate(connection, key, _now(), days=days), soft_wrap=True)


@machine_app.command("end")
def end_key(key: KeyId) -> None:
    """End a key at once."""
    from store.accounts import machine_keys  # noqa: PLC0415 - as above

    with _database() as database, database.write() as connection:
        machine_keys.end(connection, key, _now())
    terminal.out.print("Ended.")


@machine_app.command("list")
def list_keys(*, as_json: AsJson = False) -> None:
    """List the keys that hold, the one that ends first in front."""
    from store.accounts import machine_keys  # noqa: PLC0415 - as above

    with _database() as database, database.read() as connection:
        found = machine_keys.listed(connection, _now())
    if as_json:
        terminal.print_json([asdict(each) for each in found])
    else:
        said = [
            (
                e.id,
                e.agency,
                e.scope.protocol,
                e.scope.may,
                ", ".join(e.scope.events),
                str(clocks.moment(e.ends_at).date()),
            )
            for e in found
        ]
        terminal.rows(("key", "agency", "protocol", "may", "events", "until"), said)


@contextmanager
def _database() -> Iterator[Database]:
    """The database of this machine's installation; what is logged meanwhile does not mix with what is printed."""
    from store.session import Database  # noqa: PLC0415 - as above

    logs.configure("warning")
    database = Database(load().database_url)
    try:
        yield database
    finally:
        database.close()


def _now() -> int:
    return clocks.instant(datetime.now(UTC))


def _compiled(path: Path) -> Compiled:
    checked = check_text(path, texts.read_bytes(path), _today())
    if checked.compiled is None:
        terminal.findings(path, checked.data, checked.findings)
        raise typer.Exit(FOUND_SOMETHING)
    return checked.compiled


def _today() -> date:
    return datetime.now(UTC).date()


def main() -> None:
    """Run the command line; what goes wrong as expected is one plain sentence with its code."""
    try:
        app()
    except HandoffError as error:
        if "--json" in sys.argv:
            terminal.err.print(json.dumps({"code": error.code, "message": error.message}))
        else:
            terminal.err.print(f"handoff: {error.message} ({error.code})")
        sys.exit(FOUND_SOMETHING)


if __name__ == "__main__":
    main()
