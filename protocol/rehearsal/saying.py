"""A rehearsal as people read it: a table of lines, or plain data for programs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

from protocol.rehearsal.comparing import FEWEST_PEOPLE, Comparison, Figure, RungFigures, StepFigures
from protocol.rehearsal.learning import FEWEST_ANSWERS, Learned

CANNOT_KNOW = (
    "whether people hurry when a window is shorter, or slow down when it is longer: here nobody does",
    "what a survivor would have answered: the mix of outcomes is the same under both texts",
    "what happens outside the cases rehearsed: other protocols' work, illness, a storm",
    "events that no habit tells of: they never happen here",
    "whether anybody is safer: it counts handoffs, not harm",
)

CANNOT_LEARN = (
    "of a confidential agency how long its answers take, or what they are: only how soon it took a handoff up",
    "who does the work: who took a task over counts as the role that had it first, and no person is looked at",
)
"""What habits that were learned cannot know besides."""


def lines(found: Comparison, learned: Learned | None = None) -> Iterator[str]:
    """The report, line by line; ``learned``: where its habits are from, if a site's facts were asked."""
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
    if learned is not None:
        yield from _learned(learned)
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
    *most, last = cannot_know(learned)
    yield from (f"- {each};" for each in most)
    yield f"- {last}."


def cannot_know(learned: Learned | None) -> tuple[str, ...]:
    """What no rehearsal can know, and what habits that were learned cannot besides."""
    return (*CANNOT_LEARN, *CANNOT_KNOW) if learned is not None and learned.roles else CANNOT_KNOW


def _learned(learned: Learned) -> Iterator[str]:
    first, last = learned.months
    if learned.roles:
        yield f"habits of this site's own facts, {first} to {last}:"
    width = max((len(each.role) for each in learned.roles), default=0)
    for each in learned.roles:
        parts = [
            f"{what} from about {n} answers"
            for what, n in (("takes up", each.takes_up), ("answers", each.answers))
            if n
        ]
        parts += [f"by hour {', '.join(each.hours)}"] if each.hours else []
        parts += ["at weekends"] * each.weekends + ["as many at work as the rota says"] * each.staff
        yield f"  {each.role:<{width}}  {'; '.join(parts)}"
    if learned.declared:
        few = f"fewer than {FEWEST_PEOPLE} people or {FEWEST_ANSWERS} answers"
        yield f"habits as declared, for {few} are known: {', '.join(learned.declared)}"


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


def data(found: Comparison, learned: Learned | None = None) -> dict[str, object]:
    """The same for programs: rounded as people see it, small cells left out. ``habits``: None where they were given."""
    shown = asdict(found)
    said = None if learned is None else sources(learned)
    return {"rehearsal": "not a forecast", **_rounded(shown), "habits": said, "cannot know": list(cannot_know(learned))}


def sources(learned: Learned) -> dict[str, object]:
    """Where habits are from, role by role."""
    parts = asdict(learned)
    del parts["habits"]
    return _rounded(parts)


def _rounded(value: dict[str, object]) -> dict[str, object]:
    def plain(each: object) -> object:
        if isinstance(each, float):
            return round(each, 2)
        if isinstance(each, dict):
            return {key: plain(part) for key, part in each.items()}
        return [plain(part) for part in each] if isinstance(each, list | tuple) else each

    return {key: plain(each) for key, each in value.items()}
