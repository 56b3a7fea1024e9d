"""What goes wrong, in words a person can act on.

Every error has a stable ``code`` (for programs and searches) and a ``message`` (for people).
HTTP statuses and exit codes are mapped once, at the edge, never here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


class HandoffError(Exception):
    """Base of every error Handoff raises on purpose."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where in a protocol text something stands; line and column count from 1."""

    line: int
    column: int
    key: str = ""


LONGEST_SAID = 160
"""Characters of what a text says that a sentence about it repeats."""


def shortened(sentence: str) -> str:
    """A sentence that quotes a long phrase, without the middle of it: how it begins and ends is what is read."""
    half = LONGEST_SAID // 2
    return sentence if len(sentence) <= 2 * LONGEST_SAID else f"{sentence[:half]} .. {sentence[-half:]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing the reader or a check has to say about a protocol text.

    ``says`` is the problem in one sentence, ``write`` what to write instead.
    An ``error`` stops publishing; a ``warning`` is shown and published; a ``note`` is no fault, only worth knowing.
    ``run`` is an example, in the words of scenarios (see ``runs.scenario_of``).
    """

    code: str
    says: str
    place: Place
    write: str = ""
    level: str = "error"
    run: tuple[str, ...] = ()


class SpecError(HandoffError):
    """A protocol text that cannot be published, with every finding that stops it."""

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        self.findings = findings
        first = findings[0]
        super().__init__(first.code, f"line {first.place.line}, column {first.place.column}: {first.says}")


MOST_FINDINGS = 100
"""Findings after which reading stops: who has mended these reads the next."""


def in_text_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The first of the findings, as they stand in the text."""
    return tuple(sorted(findings, key=lambda each: (each.place.line, each.place.column)))[:MOST_FINDINGS]
