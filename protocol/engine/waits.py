"""The waits of a case: which are over when, whether an occurrence armed them or a field says the moment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from protocol.engine import clocks
from protocol.kernel import Wait
from protocol.names import Slug
from protocol.state import Instant

if TYPE_CHECKING:
    from protocol.engine.running import Running


def wait_times(running: Running) -> Iterator[tuple[Wait, Instant]]:
    """Every wait that will be over at a known instant."""
    for armed in running.waits:
        wait = running.protocol.wait[armed.wait]
        yield wait, _after(running, wait, armed.anchor)
    for wait in running.protocol.field_waits:
        value = running.fields.get(wait.at.name or "")
        if isinstance(value, bool) or not isinstance(value, int):
            continue
        at, last = _after(running, wait, value), running.last.get(f"wait:{wait.id}")
        if last is None or at > last.effective:
            yield wait, at


def drop_wait(running: Running, name: Slug, at: Instant) -> None:
    """Forget a wait that an occurrence armed: it is over."""
    wait = running.protocol.wait[name]
    running.waits = [each for each in running.waits if each.wait != name or _after(running, wait, each.anchor) > at]


def _after(running: Running, wait: Wait, anchor: Instant) -> Instant:
    span, protocol = wait.at.length, running.protocol
    calendar = protocol.clock if span.calendar is None else protocol.calendar[span.calendar]
    return clocks.shift(calendar, anchor, span, before=wait.at.before, edge=wait.at.edge, at=wait.at.at)
