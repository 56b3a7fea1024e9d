"""A protocol drawn: nothing of it is missing, nothing overlaps, and every text form can be read."""

from __future__ import annotations

import re
from itertools import combinations
from xml.etree import ElementTree as ET

import pytest

from protocol.compiling.compiler import compile_text
from protocol.kernel import Protocol
from protocol.telling.drawing import draw
from protocol.telling.forms import Form
from protocol.telling.graph import EdgeKind, Graph, graph
from protocol.telling.layered import WIDTH, layout
from tests.protocol.texts import SPECS, TODAY, compiled

SLUGS = sorted(each.name for each in SPECS.iterdir() if each.is_dir())
SVG = "{http://www.w3.org/2000/svg}"

TEXT = """\
protocol: drawn
title: 'Drawn & "quoted" <here>'
timezone: America/Chicago
agencies:
 council: {lead: coordinator}
 police: {lead: sergeant, roles: [patrol]}
 court: {lead: clerk}
agreements:
 mou: {between: all, signed: 2026-01-15, review by: 2036-01-15}
record:
 hearing: date and time
 misses: count of visit missed, from zero after talk done
events:
 booked: {from: police, may bring: hearing, then: start a case}
 freed: {from: police, then: cancel visit}
 told: {from: court}
steps in visits:
 visit:
  when any of: [booked, talk again, 3 days after visit missed]
  who: patrol
  must: 'ask "how; are #1 you" & <listen> \\ wait'
  due: within 2 hours
  ladder: {when due: tell sergeant, 1 day late: tell coordinator}
  outcomes: [done, missed]
 talk:
  when any of: [visit 1 day late, misses reaches 3, visit cancelled]
  who: sergeant
  must: talk it over
  due: within 2 days
  outcomes: [done, again]
steps in court:
 sit:
  when all of: [visit done, told]
  or at latest: 2 days after visit done
  who: clerk
  must: sit
  due: within 2 days
 attend:
  when any of: [hearing, visit opens, talk ends]
  who: clerk
  must: attend
  due: within 2 days
"""


def drawn(*, ladders: bool = False) -> Graph:
    return graph(compile_text(TEXT, today=TODAY, explored=False).protocol, ladders=ladders)


def lines(found: Graph) -> set[tuple[str, str, str, str]]:
    return {(each.source, found.label(each), each.target, each.kind) for each in found.edges}


def test_every_kind_of_cause_is_a_line() -> None:
    """Events, outcomes, ends, openings, lateness, cancelling, counts, waits and moments each lead to what they open."""
    assert {
        ("event:booked", "", "step:visit", "opens"),
        ("step:talk", "again", "step:visit", "opens"),
        ("step:visit", "3 days after missed", "step:visit", "opens"),
        ("step:visit", "is 1 day late", "step:talk", "opens"),
        ("count:misses", "reaches 3", "step:talk", "opens"),
        ("step:visit", "is cancelled", "step:talk", "opens"),
        ("step:visit", "done", "step:sit", "opens"),
        ("event:told", "", "step:sit", "opens"),
        ("moment:at-hearing", "", "step:attend", "opens"),
        ("step:visit", "opens", "step:attend", "opens"),
        ("step:talk", "ends", "step:attend", "opens"),
        ("step:visit", "missed", "count:misses", "opens"),
        ("step:talk", "done", "count:misses", "ends"),
        ("event:freed", "", "step:visit", "ends"),
    } == lines(drawn())


def test_a_join_says_in_its_box_when_it_opens_at_latest() -> None:
    """The latest time of a join is a line of the box, not a box of its own."""
    (sit,) = (each for each in drawn().nodes if each.id == "step:sit")

    assert "opens when all of them came" in sit.lines
    assert "opens at latest 2 days after visit ends as done" in sit.lines


def test_ladders_are_folded_until_asked_for() -> None:
    """A box has the rungs of its step only with ``ladders``."""
    folded, unfolded = ({one.id: one.lines for one in drawn(ladders=each).nodes} for each in (False, True))

    assert "When due: the sergeant is told" not in folded["step:visit"]
    assert "When due: the sergeant is told" in unfolded["step:visit"]


@pytest.mark.parametrize("slug", SLUGS)
def test_nothing_of_a_bundled_protocol_is_missing(slug: str) -> None:
    """Every lane with steps, event, step, outcome, count and link is there, and every line joins two boxes."""
    protocol = compiled(slug).protocol
    found = graph(protocol)
    boxes = {each.id: each for each in found.nodes}

    assert {each.lane for each in protocol.steps} <= {each.id for each in found.bands}
    assert {f"event:{each.id}" for each in protocol.events} <= set(boxes)
    assert {f"count:{name}" for name, _ in protocol.counters} <= set(boxes)
    assert {f"link:{each.id}" for each in protocol.links} <= set(boxes)
    for step in protocol.steps:
        rows = {each.label for each in boxes[f"step:{step.id}"].exits}
        assert {each.id.replace("-", " ") for each in step.outcomes} <= rows
    for edge in found.edges:
        assert edge.target in boxes
        assert not edge.exit or edge.exit in {each.id for each in boxes[edge.source].exits}


@pytest.mark.parametrize("slug", SLUGS)
def test_what_opens_a_step_leads_to_it(slug: str) -> None:
    """Every outcome that opens a step has a line from its own row to that step."""
    protocol = compiled(slug).protocol
    found = {(each.source, each.exit, each.target) for each in graph(protocol).edges if each.kind is EdgeKind.OPENS}

    assert _causes(protocol)
    assert _causes(protocol) <= found


def _causes(protocol: Protocol) -> set[tuple[str, str, str]]:
    wanted = set()
    for step in protocol.steps:
        for ref in (ref for arm in step.when.arms for ref in arm if ref.startswith("outcome:")):
            owner, _, outcome = ref.removeprefix("outcome:").partition("/")
            wanted.add((f"step:{owner}", f"outcome/{outcome}", f"step:{step.id}"))
    return wanted


@pytest.mark.parametrize("ladders", [False, True])
@pytest.mark.parametrize("slug", SLUGS)
def test_nothing_overlaps(slug: str, ladders: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """No box covers another or leaves its lane's band; every box and line is inside the drawing."""
    found = graph(compiled(slug).protocol, ladders=ladders)
    placed = layout(found)
    strips = {each.title: each for each in placed.strips}
    titles = {each.id: each.title for each in found.bands}

    for one, other in combinations(placed.boxes, 2):
        beside = one.x + WIDTH <= other.x or other.x + WIDTH <= one.x
        assert beside or one.y + one.height <= other.y or other.y + other.height <= one.y, (one.node.id, other.node.id)
    for box in placed.boxes:
        strip = strips[titles[box.node.band]]
        assert strip.y < box.y < box.y + box.height < strip.y + strip.height
        assert 0 < box.x < box.x + WIDTH < placed.width
    for x, y in (point for line in placed.lines for point in line.reach):
        assert 0 < x < placed.width
        assert 0 < y < placed.height


@pytest.mark.parametrize("slug", SLUGS)
def test_no_line_runs_through_a_box(slug: str) -> None:
    """Where a line runs between two of its points, no box stands; curves are held by their own control points."""
    placed = layout(graph(compiled(slug).protocol))

    for line in placed.lines:
        for points in _pieces(line.path):
            left, right = min(x for x, _ in points), max(x for x, _ in points)
            top, bottom = min(y for _, y in points), max(y for _, y in points)
            for box in placed.boxes:
                apart = right <= box.x or left >= box.x + WIDTH or bottom <= box.y or top >= box.y + box.height
                assert apart, (line.edge, box.node.id)


def _pieces(path: str) -> list[list[tuple[float, float]]]:
    """Each curve's and each straight piece's points."""
    found, last = [], (0.0, 0.0)
    for command, said in re.findall(r"([MCL])([^MCL]+)", path):
        points = [(float(x), float(y)) for x, _, y in (each.partition(",") for each in said.split())]
        if command != "M":
            found.append([last, *points])
        last = points[-1]
    return found


@pytest.mark.parametrize("slug", SLUGS)
def test_a_drawing_can_be_heard(slug: str) -> None:
    """The drawing has a title and a description, every box and every line a title; ids are there once."""
    protocol = compiled(slug).protocol
    root = ET.fromstring(draw(graph(protocol), Form.SVG))  # noqa: S314 - our own text

    assert root.get("role") == "img"
    assert protocol.title == root.findtext(f"{SVG}title")
    assert f"{len(protocol.steps)} steps" in (root.findtext(f"{SVG}desc") or "")
    groups = root.findall(f"{SVG}g")
    assert {f"step:{each.id}" for each in protocol.steps} <= {each.get("id") for each in groups}
    assert all(each.findtext(f"{SVG}title") for each in groups)
    ids = [each.get("id") for each in root.iter() if each.get("id")]
    assert len(ids) == len(set(ids))


def test_a_drawing_stands_alone() -> None:
    """Nothing in it is fetched from elsewhere, and its colours follow the reader's light or dark."""
    text = draw(drawn(), Form.SVG)

    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
    assert "prefers-color-scheme:dark" in text


@pytest.mark.parametrize("slug", SLUGS)
def test_mermaid_declares_what_it_joins(slug: str) -> None:
    """Every line is one of five forms; every box that a line joins was declared, in a lane that was closed."""
    text = draw(graph(compiled(slug).protocol), Form.MERMAID)
    first, _, *rest = text.splitlines()
    declared = {each.group(1) for each in re.finditer(r'^    (\w+)[\[(]{1,2}"[^"]*"[\])]{1,2}$', text, re.MULTILINE)}
    joined = re.compile(r'^  (\w+) (?:-->|-- "[^"]+" -->|-\. "[^"]+" \.-[x>]) (\w+)$')

    assert first == "flowchart LR"
    assert text.count("  subgraph ") == text.count("\n  end\n")
    for each in rest:
        if not each.startswith(("    ", "  subgraph ", "  end")):
            found = joined.match(each)
            assert found is not None, each
            assert set(found.groups()) <= declared


@pytest.mark.parametrize("slug", SLUGS)
def test_dot_declares_what_it_joins(slug: str) -> None:
    """Braces close, strings are quoted, and every box that a line joins was declared."""
    text = draw(graph(compiled(slug).protocol), Form.DOT)
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', "S", text)
    declared = set(re.findall(r'^    "([^"]+)" \[label=', text, re.MULTILINE))
    joined = re.findall(r'^  "([^"]+)" -> "([^"]+)" \[label=', text, re.MULTILINE)

    assert (bare.count("{"), '"' in bare) == (bare.count("}"), False)
    assert joined
    assert {each for pair in joined for each in pair} <= declared


def test_marks_in_a_text_stay_text() -> None:
    """Quotes, angles and backslashes of a council's words end no string and begin no markup."""
    found = drawn()
    root = ET.fromstring(draw(found, Form.SVG))  # noqa: S314 - our own text

    assert 'Drawn & "quoted" <here>' == root.findtext(f"{SVG}title")
    assert "ask #34;how#59; are #35;1 you#34; #38; #60;listen#62; #92; wait" in draw(found, Form.MERMAID)
    assert 'ask \\"how; are #1 you\\" & <listen> \\\\ wait' in draw(found, Form.DOT)
