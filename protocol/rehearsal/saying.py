"""A rehearsal as people read it: a table of lines, or plain data for programs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

from protocol.rehearsal.comparing import Comparison, Figure, RungFigures, StepFigures

CANNOT_KNOW = (
    "whether people hurry when a window is shorter, or slow down when it is longer: here nobody does",
    "what a survivor would have answered: the mix of outcomes is the same under both texts",
    "what happens outside the cases rehearsed: other protocols' work, illness, a storm",
    "events that no habit tells of: they never happen here",
    "whether anybody is safer: it counts handoffs, not harm",
)


def lines(found: Comparison) -> Iterator[str]:
    """The report, line by line."""
    old, new = found.cases
    yield (
        f"rehearsal, not forecast: {old:,} cases over {found.weeks} weeks, each followed {found.days} days, "
        f"seed {found.seed}; {found.assumed:.0%} of delays assumed"
    )
    if new != old:
        yield f"under the new text {new:,} cases"
    known = [each.calibrated for each in found.steps if each.calibrated is not None]
    if known:
        yield f"{sum(known)} of {len(known)} steps with figures to compare with are told as they were"
    else:
        yield "no figures of the past to compare with: differences are of the model, and no step is calibrated"
    yield ""
    yield from _steps(found)
    yield from _rungs(found)
    yield from _roles(found)
    for name, refused, cut in zip(("old", "new"), found.refused, found.cut, strict=True):
        if refused:
            said = ", ".join(f"{code} {count}" for code, count in sorted(refused.items()))
            yield f"the {name} text did not take: {said}"
        if cut:
            yield f"under the {name} text {cut:,} cases were still open at the end"
    yield "It cannot know:"
    yield from (f"- {each};" for each in CANNOT_KNOW[:-1])
    yield f"- {CANNOT_KNOW[-1]}."


def _steps(found: Comparison) -> Iterator[str]:
    width = max((len(each.step) for each in found.steps), default=0)
    yield "on time"
    for each in found.steps:
        if each.of == (0, 0):
            continue
        yield f"  {each.step:<{width}}  {_on_time(each)}"
    moved = [each for each in found.steps if len({*each.usual}) > 1 or len({*each.nine_of_ten}) > 1]
    yield "usual, and nine of ten, from handoff to answer" if moved else "handoffs take as long under both texts"
    for each in moved:
        before, after = (f"{_length(a)} / {_length(b)}" for a, b in zip(each.usual, each.nine_of_ten, strict=True))
        yield f"  {each.step:<{width}}  {before} -> {after}"


def _on_time(each: StepFigures) -> str:
    share = each.on_time
    if each.calibrated is False:
        return f"{_whole(share.old, '%')} under the old text; not calibrated: no difference is said"
    return f"{_whole(share.old, '%')} -> {_whole(share.new, '%')} of {each.of[1]:,}, {_differs(share, 'points')}"


def _rungs(found: Comparison) -> Iterator[str]:
    known = [each for each in found.rungs if each.per_hundred.old is not None or each.per_hundred.new is not None]
    shown = [each for each in known if each.per_hundred.differs or each.per_hundred.difference is None]
    width = max((len(_name(each)) for each in shown), default=0)
    yield "escalations per 100 cases"
    for each in shown:
        figure = each.per_hundred
        yield f"  {_name(each):<{width}}  {_whole(figure.old)} -> {_whole(figure.new)}, {_differs(figure, 'per 100')}"
    if len(known) > len(shown):
        yield f"  {len(known) - len(shown)} rungs: no difference seen"
    hidden = len(found.rungs) - len(known)
    if hidden:
        yield f"  {hidden} rungs: fewer than five"


def _roles(found: Comparison) -> Iterator[str]:
    width = max((len(each.role) for each in found.roles), default=0)
    yield "tasks a week, and the busiest hour"
    for each in found.roles:
        before, after = each.a_week
        busiest = "hours not shown: fewer than three people"
        if each.hours is not None:
            after_by_hour = each.hours[1]
            hour = max(range(len(after_by_hour)), key=after_by_hour.__getitem__)
            day = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")[hour // 24]
            busiest = f"{day} {hour % 24:02}:00"
        yield f"  {each.role:<{width}}  {before:.1f} -> {after:.1f}   {busiest}"


def _name(each: RungFigures) -> str:
    return f"{each.step}: {each.rung}"


def _whole(value: float | None, unit: str = "") -> str:
    return "-" if value is None else f"{value:.0f}{unit}"


def _differs(figure: Figure, unit: str) -> str:
    if figure.difference is None:
        return "only one text has enough of it"
    if not figure.differs or figure.low is None or figure.high is None:
        return "no difference seen"
    return f"{figure.difference:+.0f} {unit} ({figure.low:+.0f} to {figure.high:+.0f})"


def _length(seconds: int | None) -> str:
    if seconds is None:
        return "-"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 48 * 3600 else f"{seconds / 86400:.1f} d"


def data(found: Comparison) -> dict[str, object]:
    """The same for programs: rounded as people see it, small cells left out."""
    shown = asdict(found)
    return {"rehearsal": "not a forecast", **_rounded(shown), "cannot know": list(CANNOT_KNOW)}


def _rounded(value: dict[str, object]) -> dict[str, object]:
    def plain(each: object) -> object:
        if isinstance(each, float):
            return round(each, 2)
        if isinstance(each, dict):
            return {key: plain(part) for key, part in each.items()}
        return [plain(part) for part in each] if isinstance(each, list | tuple) else each

    return {key: plain(each) for key, each in value.items()}
