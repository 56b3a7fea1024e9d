"""Commands about protocol texts, which need no installation: check, show, draw, compare."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commands.options import FOUND_SOMETHING, AsJson, TextOrSlug, compiled, today
from protocol.telling.forms import Form
from runtime import terminal, texts

if TYPE_CHECKING:
    from runtime.checking import Checked

Texts = Annotated[list[Path], typer.Argument(metavar="FILE...", help="Protocol texts (YAML).")]


def check(files: Texts, *, as_json: AsJson = False) -> None:
    """Say whether protocol texts can be published, with an example run of what goes wrong, and what to write instead.

    Every text is compiled, checked and explored; the last line says how many states were looked at, and how long it
    took. Texts that run one another are held against one another, and against the bundled ones.
    """
    from runtime.checking import check_texts  # noqa: PLC0415 - the engine takes half a second to load; most commands need none

    checked = check_texts(files, today())
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


def show(protocol: TextOrSlug, *, as_json: AsJson = False) -> None:
    """Tell a protocol in plain English, step by step, from what the engine will run."""
    from protocol.telling.outline import outline  # noqa: PLC0415 - as above

    told = outline(compiled(texts.find(protocol)).protocol)
    if as_json:
        terminal.print_json(asdict(told))
    else:
        terminal.outlined(told)


def draw_graph(
    protocol: TextOrSlug,
    *,
    form: Annotated[Form, typer.Option("--format", help="What to draw it as.")] = Form.SVG,
    ladders: Annotated[bool, typer.Option("--ladders", help="Write every rung into the box of its step.")] = False,
    file: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write it there, not here.")] = None,
) -> None:
    """Draw a protocol: its lanes as bands, its steps from left to right, what opens what and what cancels what."""
    from protocol.telling.drawing import draw  # noqa: PLC0415 - as above
    from protocol.telling.graph import graph  # noqa: PLC0415 - as above

    drawn = draw(graph(compiled(texts.find(protocol)).protocol, ladders=ladders), form)
    if file is None:
        sys.stdout.write(drawn)
    else:
        texts.write(file, drawn)


def compare_texts(
    old: Annotated[str, typer.Argument(metavar="OLD", help="The older text: a file, or a bundled protocol's name.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="The newer text.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Say what a newer text changes in meaning: each change a sentence, its grade, and which agencies must agree to it.

    Exit code 1 if a change is more than words, so that a script can tell.
    """
    from protocol.revising.diff import diff  # noqa: PLC0415 - as above
    from protocol.revising.lines import changed_lines  # noqa: PLC0415 - as above

    texts_of = texts.find(old), texts.find(new)
    found = diff(*(compiled(each).protocol for each in texts_of))
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


def schema() -> None:
    """Print the JSON Schema of protocol texts, for editors."""
    from protocol.text.spec import json_schema  # noqa: PLC0415 - as above

    terminal.print_json(json_schema())
