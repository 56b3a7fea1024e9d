"""Findings as a compiler shows them: where, what, the line itself with a caret, and what to write instead. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from protocol.errors import Finding

LONGEST_LINE = 160
"""A source line is cut to this many characters around the place that is meant."""


def tell(finding: Finding, name: str, lines: Sequence[str]) -> str:
    """One finding of the text called ``name``, whose lines are given, as lines to print."""
    place = finding.place
    head = f"{name}:{place.line}:{place.column}: {finding.level} {finding.code}: {finding.says}"
    said = [head, *_pointed(finding, lines)]
    if finding.run:
        said.append(f"      for example: {', then '.join(finding.run)}")
    return "\n".join(said)


def counted(findings: Sequence[Finding]) -> str:
    """``2 errors, 1 warning``."""
    parts = [(sum(each.level == level for each in findings), level) for level in ("error", "warning", "note")]
    return ", ".join(f"{count} {word}{'' if count == 1 else 's'}" for count, word in parts if count) or "no findings"


def _pointed(finding: Finding, lines: Sequence[str]) -> list[str]:
    place = finding.place
    if not 0 < place.line <= len(lines):
        return [f"      {finding.write}"] if finding.write else []
    line = lines[place.line - 1].expandtabs(1)
    start = max(0, place.column - 1 - LONGEST_LINE // 2)
    shown = line[start : start + LONGEST_LINE]
    caret = " " * (place.column - 1 - start)
    return [f"{place.line:5} | {shown}", f"      | {caret}^ {finding.write}".rstrip()]
