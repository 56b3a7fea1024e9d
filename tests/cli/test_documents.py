"""The documents say what the program does: reference pages, schema, mapping keys, codes and links."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from runtime.incidents import SENTENCES
from runtime.mapping import Backlog, Mapping, Moment, Value
from tests.cli.reference import PAGES, ROOT

PAGES_OF_PROSE = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("path", PAGES, ids=str)
def test_a_page_made_from_the_program_is_as_the_program_makes_it(path: Path) -> None:
    """Otherwise run: python -m tests.cli.reference."""
    assert PAGES[path]() == (ROOT / path).read_text()


@pytest.mark.parametrize("model", [Mapping, Moment, Value, Backlog])
def test_every_key_of_a_mapping_is_explained(model: type[Mapping]) -> None:
    """Each stands in docs/intake.md as it is written."""
    text = (ROOT / "docs" / "intake.md").read_text()

    assert [] == [key for name, field in model.model_fields.items() if f"`{(key := field.alias or name)}`" not in text]


def test_every_reason_to_refuse_a_row_is_explained() -> None:
    """Each code an intake gives of itself stands in docs/intake.md, and no other."""
    text = (ROOT / "docs" / "intake.md").read_text()

    assert set(SENTENCES) == set(re.findall(r"`([A-Z]+_[A-Z_]+|ENCODING)`", text))


@pytest.mark.parametrize("page", PAGES_OF_PROSE, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    """A link to a file of the project names one that is there."""
    assert [] == [to for to in LINK.findall(page.read_text()) if not (page.parent / to).exists()]


def test_every_code_the_operators_page_names_is_one_the_program_raises() -> None:
    """What somebody reads on a terminal can be found on the page, and the other way round."""
    page = (ROOT / "docs" / "operating.md").read_text()
    sources = "".join(
        each.read_text()
        for folder in ("runtime", "store", "api", "workflows")
        for each in (ROOT / folder).rglob("*.py")
    )

    named = re.findall(r"`([A-Z]+_[A-Z_]+)`", page[page.index("## When something is wrong") :])
    known = [each for each in named if not each.startswith("HANDOFF_")]

    assert [] == [each for each in known if f'"{each}"' not in sources]
