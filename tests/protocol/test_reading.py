"""Reading is bounded, total and located."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.compiling.compiler import compile_text
from protocol.errors import SpecError
from protocol.text.reading import MAX_BYTES, read
from tests.protocol import fuzz
from tests.protocol.texts import SMALL, TODAY


def located(data: bytes) -> bool:
    """Whether a text is compiled, or refused with a code and a place in each finding."""
    try:
        return compile_text(data, today=TODAY, explored=False).protocol.id != ""
    except SpecError as error:
        return all(each.place.line >= 1 and each.place.column >= 1 and each.code for each in error.findings)


def code_of(text: str | bytes) -> str:
    with pytest.raises(SpecError) as caught:
        read(text)
    return caught.value.code


def test_a_text_that_is_too_large_is_refused() -> None:
    """A text above 256 KB is refused before it is parsed."""
    assert code_of("a: " + "b" * MAX_BYTES) == "TEXT_TOO_LARGE"


def test_a_text_with_too_many_entries_is_refused() -> None:
    """More than 5,000 entries are refused."""
    assert code_of("a: [" + "b, " * 5_000 + "]") == "TEXT_TOO_MANY_NODES"


def test_a_text_that_is_too_deep_is_refused() -> None:
    """Nesting deeper than 32 is refused."""
    assert code_of("a: " + "[" * 40 + "]" * 40) == "TEXT_TOO_DEEP"


def test_aliases_cannot_multiply() -> None:
    """An alias bomb is refused at its first anchor."""
    assert code_of("a: &a [x, x]\nb: [*a, *a]\n") == "TEXT_ANCHOR"


def test_another_encoding_is_refused_at_its_byte() -> None:
    """A byte that is not UTF-8 is refused at its line and column."""
    with pytest.raises(SpecError) as caught:
        read(b"protocol: x\ntitle: caf\xe9\n")

    assert (caught.value.code, caught.value.findings[0].place.line) == ("TEXT_ENCODING", 2)
    assert caught.value.findings[0].place.column == 11


def test_scalars_mean_what_they_say() -> None:
    """no, 08:30 and 1.10 stay the texts they are."""
    table = read("a: no\nb: 08:30\nc: 1.10\n")

    assert [getattr(value, "text", None) for _, value in table.items] == ["no", "08:30", "1.10"]


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused_with_a_place(data: bytes) -> None:
    """Arbitrary bytes are compiled or refused with located findings, never anything else."""
    assert located(data)


@given(st.integers(0, len(SMALL) - 1), st.integers(0, 20), st.text(max_size=8))
def test_any_damage_to_a_good_text_is_compiled_or_refused(at: int, cut: int, put: str) -> None:
    """A good text with a piece replaced by anything is compiled or refused with located findings."""
    assert located((SMALL[:at] + put + SMALL[at + cut :]).encode())


@settings(max_examples=120, deadline=None)
@given(st.randoms(use_true_random=False))
def test_a_damaged_text_is_compiled_or_refused_with_places(chance: Random) -> None:
    """Bundled texts with lines, words, values and signs moved, doubled or lost: never another error."""
    assert fuzz.tried(fuzz.damaged(chance)).faults == ()


@pytest.mark.parametrize("kind", dict.fromkeys(fuzz.HUGE), ids=lambda kind: kind.__name__.strip("_"))
def test_a_text_near_the_bounds_is_read_in_time(kind: Callable[[Random], str]) -> None:
    """However it is made, a text of 256 KB takes less than a second of this machine's time."""
    for seed in range(3):
        assert fuzz.tried(kind(Random(seed))[:MAX_BYTES]).faults == (), seed
