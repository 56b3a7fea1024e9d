"""The engine's types are closed: nothing that could hold a name, a number or a story."""

from __future__ import annotations

import ast
import dataclasses
import enum
import types
import typing
from pathlib import Path

import pytest
from pydantic import StringConstraints

from protocol import facts, messages, state

ROOT = Path(__file__).resolve().parents[2]
CLOSED = (bool, int, type(None))


def leaves(kind: object, seen: set[object]) -> typing.Iterator[object]:
    """Every leaf type reachable from a type; an annotated text counts by its pattern."""
    origin = typing.get_origin(kind)
    if origin is typing.Annotated:
        base, *notes = typing.get_args(kind)
        patterns = [each.pattern for each in notes if isinstance(each, StringConstraints)]
        if base is str:
            yield ("text", patterns[0] if patterns else None)
        else:
            yield from leaves(base, seen)
    elif origin is typing.Literal or kind is Ellipsis:
        return
    elif origin in (typing.Union, types.UnionType, tuple, dict, frozenset):
        for each in typing.get_args(kind):
            yield from leaves(each, seen)
    elif dataclasses.is_dataclass(kind) and isinstance(kind, type):
        if kind not in seen:
            seen.add(kind)
            for each in typing.get_type_hints(kind, include_extras=True).values():
                yield from leaves(each, seen)
    else:
        yield kind


@pytest.mark.parametrize("kind", [state.CaseState, messages.Input, facts.Fact, messages.Arm, messages.StartCase])
def test_no_text_leaf(kind: type) -> None:
    """State, inputs, facts and effects hold booleans, numbers, choices, names and opaque ids only."""
    for leaf in leaves(kind, set()):
        if isinstance(leaf, tuple):
            assert leaf[1] is not None, "a text without a pattern"
            continue
        assert leaf in CLOSED or (isinstance(leaf, type) and issubclass(leaf, enum.Enum)), leaf


def test_a_text_leaf_would_be_found() -> None:
    """The walk finds a plain text field where there is one."""

    @dataclasses.dataclass
    class Leaky:
        note: str

    assert list(leaves(Leaky, set())) == [str]


def test_the_core_imports_nothing_impure() -> None:
    """No module of the core imports a clock, chance, the environment, I/O, logging or a framework."""
    banned = {"os", "time", "random", "socket", "threading", "logging", "asyncio", "subprocess", "uuid", "secrets",
              "temporalio", "sqlalchemy", "fastapi", "structlog", "sys", "io", "pathlib"}  # fmt: skip
    for path in (ROOT / "protocol").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {each.split(".")[0] for each in names} & banned, path.name


def test_the_core_reads_no_clock() -> None:
    """No module of the core asks for the present time or today's date."""
    for path in (ROOT / "protocol").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute):
                assert node.attr not in ("now", "utcnow", "today") or _is_field(node), f"{path.name}:{node.lineno}"


def _is_field(node: ast.Attribute) -> bool:
    """``running.now`` and ``compiler.today`` are values handed in; ``datetime.now`` would be a clock."""
    return not (isinstance(node.value, ast.Name) and node.value.id in ("datetime", "date", "time"))
