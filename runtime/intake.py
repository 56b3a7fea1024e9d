"""One intake: an export and its mapping in, cases out, every refused row in a report, and counts that add up."""

from __future__ import annotations

import asyncio
import csv
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from protocol.compiling.compiler import compile_text
from protocol.errors import HandoffError, SpecError
from protocol.kernel import Protocol
from protocol.state import Instant
from runtime.incidents import Reader, RefusedRow, Tally, header_of
from runtime.mapping import Sheet, judge
from runtime.records import Record, opened, records
from runtime.remote import Remote
from runtime.sending import Sender, Target

Moved = Callable[[int], None]
"""Called with how many bytes of the file have been read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What to take in: the export, how to read it, where refused rows are listed."""

    file: Path
    sheet: Sheet
    protocol: Protocol
    report: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of an intake. ``stopped`` says why it ended before the file did, if so."""

    tally: Tally
    seconds: float
    stopped: HandoffError | None

    @property
    def unanswered(self) -> int:
        """Rows that were read and got no answer, because the run stopped."""
        known = self.tally
        return known.read - known.filtered - known.opened - known.joined - known.refused

    @property
    def rate(self) -> float:
        """Reports answered per second."""
        return (self.tally.opened + self.tally.joined) / self.seconds if self.seconds else 0.0


def protocol_of(remote: Remote, slug: str) -> Protocol:
    """The protocol in force at an installation.

    Raises:
        HandoffError: there is none of that name, or the installation cannot be reached.
    """
    found = remote.ask(f"/protocols/{slug}")
    # Judged as of the day it was published: whether it could be published today is another question.
    published = max(found["versions"], key=lambda each: int(each["version"]))["published_at"]
    day: date = datetime.fromisoformat(published).date()
    return compile_text(found["text"], today=day).protocol


def take_in(order: Order, remote: Remote, now: Instant, moved: Moved) -> Outcome:
    """Send every row of an export that the mapping wants; safe to run again, whatever broke off.

    Raises:
        SpecError: the mapping does not fit the export or the protocol; nothing was sent.
        HandoffError: the export cannot be read at all, or the report cannot be written.
    """
    began = time.perf_counter()
    with opened(order.file) as (stream, raw):
        mapping = order.sheet.mapping
        rows = records(stream, mapping.delimiter)
        header = header_of(rows)
        findings = judge(order.sheet, order.protocol, header)
        if findings:
            raise SpecError(findings)
        reader = Reader(mapping=mapping, protocol=order.protocol, header=header, now=now)
        target = Target(url=remote.url, headers=remote.headers, protocol=order.protocol, mapping=mapping)
        with _report(order) as write:
            sender = Sender(target, reader.tally, write, lambda: moved(raw.tell()))
            stopped = _run(sender, reader, rows)
    return Outcome(tally=reader.tally, seconds=time.perf_counter() - began, stopped=stopped)


def _run(sender: Sender, reader: Reader, rows: Iterator[Record]) -> HandoffError | None:
    try:
        asyncio.run(sender.send(reader.read(rows)))
    except HandoffError as error:
        return error
    except KeyboardInterrupt:
        return HandoffError("STOPPED", "It was stopped. What went in stays in: run it again for the rest.")
    return None


@contextmanager
def _report(order: Order) -> Iterator[Callable[[RefusedRow], None]]:
    """The report of refused rows, written as they come so that a run that breaks off leaves it too."""
    if order.report.resolve() == order.file.resolve():
        raise HandoffError("FILE", "The report would overwrite the export: name another file with --report.")
    try:
        handle = order.report.open("w", encoding="utf-8", newline="")
    except OSError as error:
        raise HandoffError("FILE", f"{order.report} cannot be written: {error.strerror}.") from None
    with handle:
        table = csv.writer(handle)
        table.writerow(("line", "code", "reason"))
        yield lambda row: table.writerow((row.line, row.code, row.reason))
