"""The pages about the language hold what the language is: every key, and examples that compile."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from protocol.compiling.compiler import compile_text
from protocol.errors import SpecError
from protocol.text.findings import tell
from protocol.text.reading import plain, read
from protocol.text.spec import STEPS_IN, Spec
from tests.protocol.pages import DOCS, Example, examples
from tests.protocol.texts import TODAY

LANGUAGE = examples("language.md")
HANDOFFS = examples("handoffs.md")
ROWS = (
    *range(1, 13), *range(15, 18), *range(20, 23), *range(24, 28), 29, 30, *range(34, 39), *range(40, 46),
    *range(47, 61), *range(62, 64), 65, 66, 68,
)  # fmt: skip
"""The rows of the research: its numbers have gaps."""
SHAPES = 18
HEADING = re.compile(r"^### (\d+)\. .+ \([A-Z]+\d?(?: [A-Z]+\d)*\)$", re.MULTILINE)


def compiles(example: Example) -> None:
    """Fail with its findings if an example is refused."""
    try:
        # A part has no more around it than its frame: what would end its case or fill its join stands elsewhere.
        compile_text(example.whole, today=TODAY, explored=example.explored)
    except SpecError as error:
        lines = example.whole.splitlines()
        pytest.fail("\n".join(tell(each, f"{example.page}:{example.line}", lines) for each in error.findings))


@pytest.mark.parametrize("example", LANGUAGE, ids=lambda each: f"line {each.line}")
def test_an_example_of_the_reference_compiles(example: Example) -> None:
    """A reader may copy it."""
    compiles(example)


@pytest.mark.parametrize("example", HANDOFFS, ids=lambda each: f"line {each.line}")
def test_a_handoff_compiles(example: Example) -> None:
    """Each is a duty that a council can have."""
    compiles(example)


def test_every_handoff_of_the_research_is_told_with_its_source() -> None:
    """Fifty-four rows, in their order, each under a heading with a block of its own."""
    page = (DOCS / "handoffs.md").read_text()
    _, *parts = re.split(r"^###", page, flags=re.MULTILINE)

    assert len(ROWS) == 54
    assert [int(each) for each in HEADING.findall(page)] == list(ROWS)
    assert all("```yaml part" in each for each in parts)


def test_every_shape_names_rows_that_show_it() -> None:
    """Eighteen shapes; a row that is named uses a key that the shape names."""
    page = (DOCS / "handoffs.md").read_text()
    found = re.findall(r"^\| (\d+) [^|]*\| ([^|]+) \| ([^|]+) \|$", page, re.MULTILINE)

    assert [int(number) for number, _, _ in found] == list(range(1, SHAPES + 1))
    for number, _, rows in found[:-1]:
        assert {int(each) for each in rows.split(", ")} <= set(ROWS), number


def test_every_key_has_an_example() -> None:
    """Each key of each model is used in an example of the reference."""
    used = {pair for each in LANGUAGE for pair in keys_used(Spec, plain(read(each.said)))}

    assert set() == {pair for model in models(Spec) for pair in keys_of(model)} - used


def models(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """The model and every model that its keys hold."""
    yield model
    for field in model.model_fields.values():
        for each in models_in(field.annotation):
            yield from models(each)


def models_in(annotation: object) -> set[type[BaseModel]]:
    """The models that an annotation names, however deep."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return {annotation}
    return {each for part in get_args(annotation) for each in models_in(part)}


def keys_of(model: type[BaseModel]) -> set[tuple[str, str]]:
    """The keys of a model as they are written."""
    return {(model.__name__, field.alias or name) for name, field in model.model_fields.items()}


def keys_used(model: type[BaseModel], said: Any) -> Iterator[tuple[str, str]]:
    """The keys that a piece of text uses, each with its model."""
    for key, value in (said or {}).items():
        name = "lanes" if key.startswith(STEPS_IN) else key
        field = next((each for own, each in model.model_fields.items() if (each.alias or own) == name), None)
        if field is None:
            continue
        yield model.__name__, name
        for inner in models_in(field.annotation):
            for each in tables_in(value):
                yield from keys_used(inner, each)


def tables_in(value: Any) -> Iterator[dict[str, Any]]:
    """The tables that a value holds, however deep."""
    for each in value.values() if isinstance(value, dict) else ():
        if isinstance(each, dict):
            yield each
            yield from tables_in(each)
