"""Texts checked together: each by itself, and against the protocols it runs or is run by."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from protocol.compiling.compiler import Compiled, compile_text
from protocol.errors import Finding, SpecError
from protocol.kernel import Protocol
from protocol.names import Slug
from runtime import texts


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found in one text; ``compiled`` is None when it cannot be published."""

    path: Path
    data: bytes
    compiled: Compiled | None
    findings: Sequence[Finding]
    took: float
    """Milliseconds."""


def check_texts(paths: Sequence[Path], today: date) -> tuple[Checked, ...]:
    """Check texts against one another and the bundled ones; of one protocol, the text that is given counts.

    Raises:
        HandoffError: ``FILE`` when one cannot be read.
    """
    given = [(path, texts.read_bytes(path)) for path in paths]
    others = {each.id: each for each in (*_readable(_bundled(), today), *_readable([data for _, data in given], today))}
    return tuple(check_text(path, data, today, others) for path, data in given)


def check_text(path: Path, data: bytes, today: date, others: dict[Slug, Protocol] | None = None) -> Checked:
    """Check one text, against others if they are given."""
    began = time.perf_counter()
    try:
        compiled = compile_text(data, today=today, others=others)
    except SpecError as error:
        return Checked(path, data, None, error.findings, _since(began))
    return Checked(path, data, compiled, compiled.findings, _since(began))


def _since(began: float) -> float:
    return round((time.perf_counter() - began) * 1000, 1)


def _bundled() -> list[bytes]:
    return [texts.read_bytes(versions[max(versions)]) for versions in texts.bundled().values()]


def _readable(found: Sequence[bytes], today: date) -> Iterator[Protocol]:
    """Those of the texts that can be published by themselves."""
    for data in found:
        try:
            yield compile_text(data, today=today, explored=False).protocol
        except SpecError:
            continue
