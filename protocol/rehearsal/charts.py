"""A rehearsal as one SVG: each step's share on time under both texts, and the interval of what differs. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from protocol.rehearsal.comparing import Comparison, Figure

LEFT, WIDE, ROW, TOP = 190, 420, 26, 64
STYLE = """\
svg{--paper:#fff;--ink:#14181c;--quiet:#48525b;--line:#6b7680;--old:#6b7680;--new:#0a4ba0;\
font:13px system-ui,sans-serif;background:var(--paper)}
@media(prefers-color-scheme:dark){svg{--paper:#0f1215;--ink:#dde1e5;--quiet:#a6b0b9;--line:#7c8791;--old:#a6b0b9;\
--new:#8fbcff}}
text{fill:var(--ink)}.quiet{fill:var(--quiet)}.grid{stroke:var(--line);stroke-width:.5}.old{fill:none;stroke:var(--old);\
stroke-width:2}.new{fill:var(--new)}.moves{stroke:var(--new);stroke-width:2}
"""
"""Old is a ring and new is a dot: the two differ without colour."""


def svg(found: Comparison, title: str) -> str:
    """A drawing that stands alone; its description says what the drawing says."""
    return "\n".join((*_svg(found, title), ""))


def _svg(found: Comparison, title: str) -> Iterator[str]:
    rows = [(each.step, each.on_time) for each in found.steps if each.on_time.old is not None or each.on_time.new]
    height, width = TOP + ROW * len(rows) + 40, LEFT + WIDE + 170
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        'role="img" aria-labelledby="title description">'
    )
    yield f'<title id="title">{escape(title)}</title>'
    yield f'<desc id="description">{escape(" ".join(_said(*each) for each in rows))}</desc>'
    yield f"<style>\n{STYLE}</style>"
    yield f'<text x="12" y="22" font-weight="600">{escape(title)}</text>'
    key = "On time, per cent. Ring: old text. Dot: new text. Rehearsal, not forecast."
    yield f'<text x="12" y="42" class="quiet">{key}</text>'
    for mark in range(0, 101, 25):
        x = LEFT + WIDE * mark / 100
        yield f'<line class="grid" x1="{x:g}" x2="{x:g}" y1="{TOP - 8}" y2="{height - 30}"/>'
        yield f'<text class="quiet" x="{x:g}" y="{height - 12}" text-anchor="middle">{mark}</text>'
    for number, (step, figure) in enumerate(rows):
        yield from _row(step, figure, TOP + ROW * number + 12)
    yield "</svg>"


def _row(step: str, figure: Figure, y: int) -> Iterator[str]:
    yield f'<g><title>{escape(_said(step, figure))}</title><text x="12" y="{y + 4}">{escape(step)}</text>'
    places = [None if each is None else LEFT + WIDE * each / 100 for each in (figure.old, figure.new)]
    if places[0] is not None and places[1] is not None:
        yield f'<line class="moves" x1="{places[0]:.1f}" x2="{places[1]:.1f}" y1="{y}" y2="{y}"/>'
    if places[1] is not None:
        yield f'<circle class="new" cx="{places[1]:.1f}" cy="{y}" r="5"/>'
    if places[0] is not None:
        yield f'<circle class="old" cx="{places[0]:.1f}" cy="{y}" r="7"/>'
    yield f'<text x="{LEFT + WIDE + 20}" y="{y + 4}">{escape(_change(figure))}</text></g>'


def _change(figure: Figure) -> str:
    if figure.difference is None:
        return "-"
    if not figure.differs or figure.low is None or figure.high is None:
        return "no difference seen"
    return f"{figure.difference:+.0f} ({figure.low:+.0f} to {figure.high:+.0f})"


def _said(step: str, figure: Figure) -> str:
    old, new = ("too few" if each is None else f"{each:.0f} %" for each in (figure.old, figure.new))
    return f"{step}: {old} under the old text, {new} under the new; {_change(figure)}."
