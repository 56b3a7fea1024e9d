"""A protocol's graph as SVG, Mermaid or DOT text: no network, no other program, the same text always. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from protocol.telling.forms import Form
from protocol.telling.graph import Edge, EdgeKind, Graph, Node, NodeKind
from protocol.telling.layered import HEADING, LINE, MARGIN, ROW, TITLE, WIDTH, Box, Layout, Line, layout

STYLE = """\
svg{--paper:#fff;--ink:#1b1f24;--quiet:#57606a;--line:#4a5568;--box:#fff;--edge:#8c959f;--band:#f3f5f7;\
--ends:#a4262c;--tells:#0b5cad;--row:#eef1f4;font:12px system-ui,sans-serif;background:var(--paper)}
@media(prefers-color-scheme:dark){svg{--paper:#14171a;--ink:#eceff2;--quiet:#a5b0bb;--line:#aab4bf;--box:#23282e;\
--edge:#6b7580;--band:#1b1f23;--ends:#ff8f87;--tells:#79b8ff;--row:#2d343b}}
text{fill:var(--ink)}.quiet{fill:var(--quiet)}.name{font-weight:600;font-size:13px}.head{font-weight:600;font-size:15px}
.band{fill:var(--band)}.box{fill:var(--box);stroke:var(--edge)}.row{fill:var(--row)}
.event .box,.moment .box{stroke-dasharray:3 3}.link .box{stroke-width:2.5}
.opens{stroke:var(--line)}.ends{stroke:var(--ends);stroke-dasharray:6 4}.tells{stroke:var(--tells);stroke-dasharray:2 3}
.line{fill:none;stroke-width:1.4}.line:hover{stroke-width:3}
#opens path{fill:var(--line)}#ends path{fill:var(--ends)}#tells path{fill:var(--tells)}
"""
"""Colours follow the reader's own setting, light or dark; kinds of lines differ in their dashes too."""

KINDS = {EdgeKind.OPENS: "opens", EdgeKind.ENDS: "cancels, or sets to zero", EdgeKind.TELLS: "is told to a linked case"}


def draw(graph: Graph, form: Form) -> str:
    """The graph as text in one of the forms."""
    return {Form.SVG: svg, Form.MERMAID: mermaid, Form.DOT: dot}[form](graph)


def svg(graph: Graph) -> str:
    """A drawing for a browser or a page, which stands alone; its title and description say what it shows."""
    return "\n".join((*_svg(graph, layout(graph)), ""))


def _svg(graph: Graph, placed: Layout) -> Iterator[str]:
    height = placed.height + HEADING
    size = f'width="{placed.width:g}" height="{height:g}" viewBox="0 0 {placed.width:g} {height:g}"'
    yield f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-labelledby="title description">'
    yield f'<title id="title">{escape(graph.title)}</title>'
    yield f'<desc id="description">{escape(_described(graph))}</desc>'
    yield f"<style>\n{STYLE}</style>"
    yield "<defs>"
    for kind in KINDS:
        yield (
            f'<marker id="{kind}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8"'
            ' markerUnits="userSpaceOnUse" orient="auto"><path d="M0,0 8,4 0,8z"/></marker>'
        )
    yield "</defs>"
    yield f'<text class="head" x="{MARGIN}" y="{MARGIN + 14}">{escape(graph.title)}</text>'
    for strip in placed.strips:
        yield f'<rect class="band" x="0" y="{strip.y:g}" width="{placed.width:g}" height="{strip.height - 4:g}"/>'
        yield f'<text class="head" x="{MARGIN}" y="{strip.y + 20:g}">{escape(strip.title)}</text>'
    yield from (_line(graph, each) for each in placed.lines)
    for box in placed.boxes:
        yield from _box(box)
    yield from _legend(placed.height + 14)
    yield "</svg>"


def _described(graph: Graph) -> str:
    steps = sum(each.kind is NodeKind.STEP for each in graph.nodes)
    bands = "; ".join(each.title for each in graph.bands)
    return (
        f"{steps} steps in bands from top to bottom: {bands}. Lines lead from what may come of a step to what it opens."
    )


def _line(graph: Graph, line: Line) -> str:
    said = f"{line.edge.source} {graph.label(line.edge)} {KINDS[line.edge.kind]}: {line.edge.target}"
    return (
        f'<path class="line {line.edge.kind}" marker-end="url(#{line.edge.kind})" d="{line.path}">'
        f"<title>{escape(' '.join(said.split()))}</title></path>"
    )


def _box(box: Box) -> Iterator[str]:
    node, x, y = box.node, box.x, box.y
    says = ". ".join((node.title, *node.lines, *(f"May come of it: {each.label}" for each in node.exits)))
    yield f'<g class="{node.kind}" id="{node.id}"><title>{escape(says)}</title>'
    yield f'<rect class="box" x="{x:g}" y="{y:g}" width="{WIDTH}" height="{box.height:g}" rx="5"/>'
    yield f'<text class="name" x="{x + 9:g}" y="{y + 18:g}">{escape(node.title)}</text>'
    for number, line in enumerate(box.lines):
        inset = 15 if line.startswith(" ") else 9
        top = y + TITLE + LINE * (number + 0.75)
        yield f'<text class="quiet" x="{x + inset:g}" y="{top:g}">{escape(line.strip())}</text>'
    for each in node.exits:
        middle = box.rows[each.id]
        yield f'<rect class="row" x="{x + 1:g}" y="{middle - ROW / 2 + 1:g}" width="{WIDTH - 2}" height="{ROW - 2}"/>'
        yield f'<text text-anchor="end" x="{x + WIDTH - 8:g}" y="{middle + 4:g}">{escape(each.label)}</text>'
    yield "</g>"


def _legend(y: float) -> Iterator[str]:
    x = MARGIN
    for kind, said in KINDS.items():
        yield f'<path class="line {kind}" marker-end="url(#{kind})" d="M{x},{y - 4:g}H{x + 40}"/>'
        yield f'<text class="quiet" x="{x + 48}" y="{y:g}">{said}</text>'
        x += 80 + 7 * len(said)


def mermaid(graph: Graph) -> str:
    """A Mermaid flowchart, for pages and repositories that draw them."""
    return "\n".join((*_mermaid(graph), ""))


ARROWS = {EdgeKind.OPENS: ("--", "-->"), EdgeKind.ENDS: ("-.", ".-x"), EdgeKind.TELLS: ("-.", ".->")}
SHAPES = {NodeKind.EVENT: ("([", "])"), NodeKind.MOMENT: ("([", "])"), NodeKind.LINK: ("[[", "]]")}


def _mermaid(graph: Graph) -> Iterator[str]:
    yield "flowchart LR"
    yield f"  accTitle: {' '.join(graph.title.split())}"
    for band in graph.bands:
        yield f'  subgraph lane_{_name(band.id)}["{_plain(band.title)}"]'
        for node in graph.nodes:
            if node.band == band.id:
                begins, ends = SHAPES.get(node.kind, ("[", "]"))
                label = "<br/>".join(_plain(each) for each in _lines(graph, node))
                yield f'    {_name(node.id)}{begins}"{label}"{ends}'
        yield "  end"
    for edge in graph.edges:
        begins, ends = ARROWS[edge.kind]
        label = _label(graph, edge)
        said = f'{begins} "{_plain(label)}" {ends}' if label else "-->"
        yield f"  {_name(edge.source)} {said} {_name(edge.target)}"


def dot(graph: Graph) -> str:
    """A graph in Graphviz's language."""
    return "\n".join((*_dot(graph), ""))


STYLES = {EdgeKind.OPENS: "solid", EdgeKind.ENDS: "dashed", EdgeKind.TELLS: "dotted"}


def _dot(graph: Graph) -> Iterator[str]:
    yield f"digraph {_quoted(graph.title)} {{"
    yield "  rankdir=LR; node [shape=box, style=rounded]; compound=true;"
    for band in graph.bands:
        yield f"  subgraph {_quoted('cluster_' + band.id)} {{"
        yield f"    label={_quoted(band.title)};"
        for node in graph.nodes:
            if node.band == band.id:
                label = "\\n".join(_quoted(each)[1:-1] for each in _lines(graph, node))
                yield f'    {_quoted(node.id)} [label="{label}"];'
        yield "  }"
    for edge in graph.edges:
        label, style = _quoted(_label(graph, edge)), STYLES[edge.kind]
        yield f"  {_quoted(edge.source)} -> {_quoted(edge.target)} [label={label}, style={style}];"
    yield "}"


def _label(graph: Graph, edge: Edge) -> str:
    """What stands on a line where boxes have no rows."""
    says = {EdgeKind.OPENS: "", EdgeKind.ENDS: "cancels", EdgeKind.TELLS: "told"}[edge.kind]
    return " ".join(each for each in (graph.label(edge), f"({says})" if says else "") if each)


def _lines(graph: Graph, node: Node) -> Iterator[str]:
    """A box in words; the rows from which no line leaves stand last."""
    yield node.title
    yield from node.lines
    leaving = {each.exit for each in graph.edges if each.source == node.id}
    still = [each.label for each in node.exits if each.id not in leaving]
    if still:
        yield f"or ends: {', '.join(still)}"


def _name(id_: str) -> str:
    """An id for Mermaid; no two names of a protocol differ in their hyphens only."""
    return id_.replace(":", "_").replace("-", "_")


def _plain(said: str) -> str:
    """Text for a quoted label of Mermaid: what would end it or be read as markup is written by its number."""
    return "".join(f"#{ord(each)};" if each in '"#;<>&`\\' else each for each in said)


def _quoted(said: str) -> str:
    """A quoted string of DOT."""
    slashed = said.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{slashed}"'
