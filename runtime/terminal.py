"""What the command line prints: answers on standard output, findings and progress on standard error."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from protocol.errors import Finding
from protocol.text.findings import counted, tell
from runtime.remote import items_of

if TYPE_CHECKING:
    # Most commands print none of these, and loading the engine takes longer than all else they do.
    from protocol.compiling.compiler import Compiled
    from protocol.mutating.trial import Trial
    from protocol.rehearsal.comparing import Comparison
    from protocol.rehearsal.learning import Learned
    from protocol.revising.diff import Difference
    from protocol.telling.outline import Outline
    from runtime import incidents
    from runtime.intake import Moved, Outcome
    from runtime.telling import Telling

# Texts may hold brackets and colons: nothing in them is markup.
out = Console(highlight=False, soft_wrap=True, markup=False, emoji=False)
err = Console(stderr=True, highlight=False, soft_wrap=True, markup=False, emoji=False)


def print_json(value: object) -> None:
    """A value for programs."""
    out.print(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def findings(path: Path, data: bytes, found: Sequence[Finding]) -> None:
    """Findings of a text, each with its line and a caret."""
    lines = data.decode(errors="replace").splitlines()
    for each in found:
        err.print(tell(each, str(path), lines))
    if found:
        err.print(f"{path}: {counted(found)}.")


def checked(compiled: Compiled, took: float) -> None:
    """What checking a text that can be published has come to."""
    protocol, proof = compiled.protocol, compiled.proof
    out.print(f"{protocol.id} can be published: {len(protocol.steps)} steps.")
    out.print(f"{proof.states:,} states explored in {took:.0f} ms.")
    for each in proof.searched:
        out.print(f"     {each.step}, its slice alone: {each.states:,} states")


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """How a list is shown: titles, a row's cells (paths into its JSON), and what to say of an empty one.

    A cell of two paths, ``must+item``, has the second in parentheses, where there is one.
    """

    titles: tuple[str, ...]
    cells: tuple[str, ...]
    empty: str


CASES = Columns(
    titles=("case", "protocol", "opened", "status", "your part"),
    cells=("code", "protocol", "opened_at", "status", "part"),
    empty="No cases.",
)
TASKS = Columns(
    titles=("case", "step", "you must", "clock", "task"),
    cells=("code", "step", "must+item", "clock.head", "id"),
    empty="Nothing to do.",
)
HANDOFFS = Columns(
    titles=("case", "step", "from", "to", "clock", "told or next"),
    cells=("code", "step", "from_agency", "agency", "clock.head", "clock.next"),
    empty="Nobody waits for anybody.",
)
ESCALATIONS = Columns(
    titles=("case", "step", "of", "told", "how", "why", "at", "seconds late"),
    cells=("code", "step", "agency", "told", "how", "why", "at", "late_seconds"),
    empty="Nobody had to be told of anything.",
)

READERS = Columns(
    titles=("at", "agency", "who", "what", "did", "saw", "allowed", "because"),
    cells=("at", "agency", "name", "kind", "action", "fields", "allowed", "reason"),
    empty="Nobody, as far as your agency is to know.",
)


HOLDS = Columns(
    titles=("case", "reason", "", "hold"),
    cells=("code", "reason", "says", "id"),
    empty="No hold stands.",
)
ORDERS = Columns(
    titles=("case", "part", "ground", "by", ""),
    cells=("code", "part", "ground", "person", "says"),
    empty="Nothing was ordered erased.",
)


RELEASES = Columns(
    titles=("case", "for", "role", "fields", "until", "state", "release"),
    cells=("case", "to_agency", "to_role", "fields", "until", "state", "release"),
    empty="No release was drafted.",
)
SHARED = Columns(
    titles=("case", "from", "fields", "until", "state", "release"),
    cells=("case", "from_agency", "fields", "until", "state", "release"),
    empty="Nothing was shared with you.",
)
DISCLOSED = Columns(
    titles=("when", "agency", "who", "fields", "purpose", "ground"),
    cells=("at", "agency", "name", "fields", "purpose", "ground"),
    empty="Nobody of another agency has seen anything.",
)


def erasures(found: Any, *, as_json: bool) -> None:  # noqa: ANN401 - JSON of the route
    """Holds that stand, those to be reviewed first, and orders with how far they have come."""
    if as_json:
        print_json(found)
        return
    listed(found["holds"], HOLDS, as_json=False)
    out.print("")
    listed(found["orders"], ORDERS, as_json=False)


def played(telling: Telling, *, covered: bool) -> None:
    """The stories of one protocol, and where one does not hold; ``covered``: and what they leave out."""
    for story in telling.stories:
        out.print(f"{'no' if story.problems else 'ok'} {story.ms:7.1f} ms  {story.scenario}")
        for each in story.problems:
            out.print(f"     {telling.path}:{each.place.line}: expected {each.expected}; found {each.found}")
    out.print(f"{telling.held} of {len(telling.stories)} scenarios hold.")
    if covered:
        coverage(telling)


def coverage(telling: Telling) -> None:
    """How much of a protocol its stories tell, and what none tells of."""
    for part in telling.coverage:
        if part.all:
            out.print(f"{part.all - len(part.missing):4} of {part.all:4} {part.kind}s")
            for missing in part.missing:
                out.print(f"             no scenario tells of {missing}")
    out.print(f"They tell {telling.told:.1f}% of {telling.protocol}.")


def changes_noticed(changed: dict[str, bool]) -> None:
    """Which changed units a scenario notices, and which none does."""
    if changed:
        out.print(f"Changed units noticed: {sum(changed.values())} of {len(changed)}.")
    for unit, found in changed.items():
        if not found:
            out.print(f"             no scenario notices what changes in {unit}")


def mutants(trial: Trial) -> None:
    """Mutants that no scenario noticed, as what they would change, and the share that was noticed."""
    for each in trial.survivors:
        out.print(f"{each.kind}, {each.unit}; {each.played} scenarios come by there")
        for says in each.says:
            out.print(f"     {says}")
    out.print(f"{trial.noticed} of {trial.made} mutants noticed: {trial.share:.1f}%.")


def listed(found: Any, columns: Columns, *, as_json: bool) -> None:  # noqa: ANN401 - JSON of a list route
    """A list of the interface: as it came for programs, as a table for people."""
    if as_json:
        print_json(found)
        return
    lines = [[_cell(each, path) for path in columns.cells] for each in items_of(found)]
    for line, each in zip(lines, items_of(found), strict=True):
        if each.get("practice"):
            line[0] += " (practice)"
    rows(columns.titles, lines, empty=columns.empty)


def _cell(item: dict[str, Any], path: str) -> str:
    first, _, second = path.partition("+")
    about = _at(item, second) if second else None
    return f"{_said(_at(item, first))}{f' ({_said(about)})' if about else ''}"


def _at(item: dict[str, Any], path: str) -> Any:  # noqa: ANN401 - JSON
    value: Any = item
    for part in path.split("."):
        value = value[part]
    return value


def _said(value: Any) -> str:  # noqa: ANN401 - JSON
    if isinstance(value, dict):
        return ", ".join(f"{name} {_said(part)}" for name, part in value.items())
    if isinstance(value, list):
        return ", ".join(map(_said, value)) or "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "-" if value is None or value == "" else str(value)


def rows(titles: Sequence[str], lines: Sequence[Sequence[str]], *, empty: str = "") -> None:
    """A table, or one sentence when there is nothing in it."""
    if not lines:
        out.print(empty)
        return
    cells = [titles, *lines]
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


def rehearsed(
    tally: incidents.Tally,
    compared: Comparison,
    wrong: tuple[tuple[str, tuple[str, ...]], ...],
    learned: Learned | None = None,
) -> None:
    """A rehearsal's report."""
    from protocol.rehearsal import saying  # noqa: PLC0415 - as above

    unread = f", {tally.refused:,} not readable" if tally.refused else ""
    out.print(
        f"{tally.read:,} rows read: {tally.filtered:,} passed over by the mapping, {tally.opened:,} cases{unread}"
    )
    for line in saying.lines(compared, learned):
        out.print(line)
    for says, steps in wrong:
        out.print(f"If {says}: {'the other way for ' + ', '.join(steps) if steps else 'nothing turns'}.")


def compared(found: Difference, lines: int) -> None:
    """What a text changes: a line of sums, then a line a change, worst first."""
    meant = found.in_meaning
    if not meant:
        out.print(f"no change in meaning, {_counted(lines, 'line')}")
    else:
        vote = "" if found.worst.majority == "silence" else f" ({found.worst.majority})"
        out.print(
            f"{_counted(len(meant), 'change')} in meaning, {_counted(lines, 'line')}; worst: {found.worst.says}{vote}"
        )
    for each in found.changes:
        agree = f"  [{', '.join(sorted(each.consent))}]" if each.consent else ""
        out.print(f"{each.code} {each.tag.letter}  {each.says}{agree}")


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
