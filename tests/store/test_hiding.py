"""What is settled to be told leaves nothing to work out; pages and files: tests/pages/test_figures.py."""

from __future__ import annotations

from random import Random

from store.hiding import Cell, Told, first_told, settled

LEAST = 5
YEAR = [f"2026-{month:02d}" for month in range(1, 13)]


def told_of(months: list[tuple[int, int]]) -> list[Cell]:
    """A year of months (how many, how many kept), told as each month comes to its end, with its quarter and year."""
    found: list[Cell] = []
    for number, (n, kept) in enumerate(months):
        new = [cell(YEAR[number], n, kept)]
        if number % 3 == 2:
            new.append(total(f"2026-Q{number // 3 + 1}", months[number - 2 : number + 1]))
        if number == 11:
            new.append(total("2026", months))
        found += settled(found, new, LEAST)
    return found


def cell(period: str, n: int, kept: int) -> Cell:
    """A period as it may be told by itself."""
    return Cell(period=period, n=n, kept=kept, told=first_told(n, kept, LEAST))


def total(period: str, months: list[tuple[int, int]]) -> Cell:
    """Several months together."""
    return cell(period, sum(n for n, _ in months), sum(kept for _, kept in months))


def others(found: list[Cell], quarter: int, most: int = 9) -> list[set[tuple[int, int]]]:
    """Every history of a quarter's months with which exactly this would have been told, by plain trial."""
    said = {each.period: each for each in found}
    names = [*YEAR[3 * quarter : 3 * quarter + 3], f"2026-Q{quarter + 1}"]
    choices = [
        [(n, kept) for n in range(most + 1) for kept in range(n + 1) if fits(said[name], n, kept)] for name in names[:3]
    ]
    quarter_said = said[names[3]]
    possible = []
    for number, mine in enumerate(choices):
        first, second = (each for place, each in enumerate(choices) if place != number)
        sums = {(a[0] + b[0], a[1] + b[1]) for a in first for b in second}
        possible.append({a for a in mine if any(fits(quarter_said, a[0] + b[0], a[1] + b[1]) for b in sums)})
    return possible


def fits(each: Cell, n: int, kept: int) -> bool:
    """Whether these figures agree with what was told of a period, for a reader who sees nothing else."""
    few = range(1, LEAST)
    return {
        Told.ALL: (n, kept) == (each.n, each.kept),
        Told.NEARLY_ALL: n == each.n and n - kept in few,
        Told.NEARLY_NONE: n == each.n and kept in few,
        Told.COUNT: n == each.n,
        Told.NOTHING: True,
    }[each.told]


def test_small_figures_and_small_rests_are_never_told() -> None:
    """Fewer than five are nothing; one to four late are nearly all; none late may be said."""
    assert [first_told(*each, LEAST) for each in ((4, 4), (9, 8), (9, 1), (9, 9), (9, 0), (10, 5))] == [
        Told.NOTHING, Told.NEARLY_ALL, Told.NEARLY_NONE, Told.ALL, Told.ALL, Told.ALL,
    ]  # fmt: skip


def test_what_follows_from_a_total_is_hidden_with_it() -> None:
    """Of two months that are told and one that is not, the quarter would tell the third: so the quarter is not told."""
    found = {each.period: each.told for each in told_of([(20, 20), (30, 30), (3, 3)])[:4]}
    assert found["2026-03"] is Told.NOTHING
    assert found["2026-Q1"] is Told.NOTHING


def test_what_was_told_is_never_taken_back() -> None:
    """Each month is told the same, whatever comes after it."""
    chance = Random(7)
    for _ in range(8):
        months = [some(chance) for _ in range(12)]
        whole = {each.period: each for each in told_of(months)}
        for number in (3, 7, 11):
            assert all(whole[each.period] == each for each in told_of(months[:number]))


def test_no_hidden_figure_can_be_worked_out_by_trial() -> None:
    """Every history of a quarter that agrees with what was told leaves each hidden month several numbers."""
    chance = Random(11)
    for _ in range(25):
        months = [(n := chance.randrange(8), chance.randint(0, n)) for _ in range(3)]
        found = told_of(months)
        for number, possible in enumerate(others(found, 0, most=12)):
            each = found[number]
            assert months[number] in possible
            if each.told is Told.NOTHING:
                assert len({n for n, _ in possible}) >= LEAST, (months, found)
            elif each.told is not Told.ALL:
                assert len({kept for _, kept in possible}) > 1, (months, found)


def test_a_year_of_chance_leaves_nothing_to_work_out() -> None:
    """All twelve months, four quarters and the year together: narrowing all of them at once finds nobody."""
    chance = Random(20)
    for _ in range(60):
        months = [some(chance) for _ in range(12)]
        found = told_of(months)
        for each in found:
            low, high = reach(found, each.period, months)
            if each.told is Told.NOTHING:
                assert high - low >= LEAST, (each, months)


def reach(found: list[Cell], period: str, months: list[tuple[int, int]]) -> tuple[int, int]:
    """How little and how much there can have been in a period, as sums of what is told above, below and beside it."""
    said = {each.period: None if each.told is Told.NOTHING else each.n for each in found}
    quarters = [f"2026-Q{number}" for number in range(1, 5)]

    def least(name: str) -> int:
        known = said.get(name)
        below = {"2026": quarters}.get(name) or (YEAR[3 * int(name[-1]) - 3 : 3 * int(name[-1])] if "Q" in name else [])
        return known if known is not None else sum(least(each) for each in below)

    def most(name: str, above: int | None, beside: list[str]) -> int:
        known = said.get(name)
        if known is not None:
            return known
        return 10**6 if above is None else above - sum(least(each) for each in beside if each != name)

    year = most("2026", None, [])
    if period == "2026":
        return least(period), year
    mine = period if "Q" in period else quarters[(int(period[-2:]) - 1) // 3]
    top = most(mine, None if year >= 10**6 else year, quarters)
    if period == mine:
        return least(period), top
    siblings = YEAR[3 * int(mine[-1]) - 3 : 3 * int(mine[-1])]
    return least(period), most(period, None if top >= 10**6 else top, siblings)


def some(chance: Random) -> tuple[int, int]:
    """A month: often with few, sometimes with many."""
    n = chance.choice((0, 2, 4, 6, 9, 30, 80))
    return n, chance.randint(max(0, n - 6), n)
