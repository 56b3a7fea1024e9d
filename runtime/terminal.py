"""What the command line prints: answers on standard output, findings and progress on standard error."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from protocol.errors import Finding
from protocol.findings import counted, tell
from protocol.outline import Outline
from runtime.intake import Moved, Outcome

# Texts may hold brackets and colons: nothing in them is markup.
out = Console(highlight=False, soft_wrap=True, markup=False, emoji=False)
err = Console(stderr=True, highlight=False, soft_wrap=True, markup=False, emoji=False)


def as_json(value: object) -> None:
    """A value for programs."""
    out.print(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def findings(path: Path, data: bytes, found: Sequence[Finding]) -> None:
    """Findings of a text, each with its line and a caret."""
    lines = data.decode(errors="replace").splitlines()
    for each in found:
        err.print(tell(each, str(path), lines))
    if found:
        err.print(f"{path}: {counted(found)}.")


def outlined(told: Outline) -> None:
    """A protocol in plain English."""
    out.print(told.title)
    for part in told.parts:
        out.print(f"\n{part.title}")
        for line in part.lines:
            out.print(f"  {line}")
        for clause in part.clauses:
            out.print(f"\n  {clause.number}. {clause.step}")
            for sentence in clause.sentences:
                out.print(f"     {sentence}")


def rows(titles: Sequence[str], lines: Sequence[Sequence[object]], *, empty: str) -> None:
    """A table, or one sentence when there is nothing in it."""
    if not lines:
        out.print(empty)
        return
    cells = [[*titles], *([("" if cell is None else str(cell)) for cell in each] for each in lines)]
    widths = [max(len(each[place]) for each in cells) for place in range(len(titles))]
    for each in cells:
        # Never cut: what is printed is copied, searched and piped.
        out.print("  ".join(cell.ljust(width) for cell, width in zip(each, widths, strict=True)).rstrip())


def taken_in(outcome: Outcome, report: Path) -> None:
    """What became of an intake."""
    tally = outcome.tally
    out.print(
        f"{tally.read:,} rows read: {tally.filtered:,} passed over by the mapping, {tally.opened:,} opened a case, "
        f"{tally.joined:,} joined the case they had, {tally.refused:,} refused."
    )
    if outcome.unanswered:
        out.print(f"{outcome.unanswered:,} of them got no answer: run it again for these.")
    if tally.held:
        out.print(f"{tally.held:,} cases are old records: their first tasks are spread over the coming working days.")
    if tally.repeated_hours:
        out.print(f"{tally.repeated_hours:,} local times came twice, and were taken as the mapping says.")
    if tally.refused:
        out.print(f"Refused rows, with line and reason: {report}")
    out.print(f"{outcome.seconds:.1f} s, {outcome.rate:.0f} cases a second.")


@contextmanager
def progress(size: int, *, quiet: bool) -> Iterator[Moved]:
    """A bar for so many bytes, on a terminal only."""
    if quiet or not err.is_terminal:
        yield lambda _read: None
        return
    columns = (TextColumn("taking in"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True) as shown:
        bar = shown.add_task("", total=size)
        yield lambda read: shown.update(bar, completed=read)
