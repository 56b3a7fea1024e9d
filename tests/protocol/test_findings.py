"""Findings as a compiler shows them."""

from __future__ import annotations

from protocol.errors import Finding, Place
from protocol.text.findings import counted, tell


def finding(line: int, column: int, level: str = "error", run: tuple[str, ...] = ()) -> Finding:
    place = Place(line=line, column=column)
    return Finding(code="CODE", says="It is wrong.", place=place, write="Write it right.", level=level, run=run)


def test_the_caret_stands_below_the_place() -> None:
    """Name, line, column, level, code and sentence; the line; what to write."""
    assert (
        "text.yaml:2:4: error CODE: It is wrong.\n    2 | an error\n      |    ^ Write it right."
        == tell(finding(2, 4), "text.yaml", ["first", "an error"])
    )  # fmt: skip


def test_a_long_line_is_cut_around_the_place() -> None:
    """The caret still stands below what is meant."""
    _, line, caret = tell(finding(1, 501), "x", ["." * 500 + "!" + "." * 500]).splitlines()

    assert line.index("!") == caret.index("^")
    assert len(line) < 180


def test_a_place_outside_the_text_still_says_what_to_write() -> None:
    """The end of an empty file has no line to show."""
    assert tell(finding(1, 1), "x", []).endswith("Write it right.")


def test_an_example_run_is_told() -> None:
    """A finding that was proved by a run shows the shortest one."""
    assert tell(finding(1, 1, run=("arrest", "given")), "x", ["a"]).endswith("for example: arrest, then given")


def test_findings_are_counted_by_level() -> None:
    """Errors stop publishing, warnings do not."""
    found = (finding(1, 1), finding(1, 1, "warning"), finding(2, 1))

    assert ("2 errors, 1 warning", "no findings") == (counted(found), counted(()))
