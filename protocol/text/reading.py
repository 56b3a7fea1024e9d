"""A YAML text to a tree of plain texts, each knowing its line and column.

Only the shape YAML gives is used: every scalar is read as text, so ``no``, ``08:30`` and ``1.10`` mean what they
say. Anchors, aliases, tags, several documents and duplicate keys are refused, and the text is bounded (256 KB,
5,000 nodes, depth 32, 1,000 characters in one phrase), so reading takes milliseconds whatever is sent. Events come
from libyaml through PyYAML.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import yaml

from protocol.errors import Finding, Place, SpecError

MAX_BYTES = 256 * 1024
MAX_NODES = 5_000
MAX_DEPTH = 32
MAX_PHRASE = 1_000
"""Characters of one key, phrase or sentence: what reads phrases may then look at each pair of them."""


@dataclass(frozen=True, slots=True)
class Text:
    """A scalar: its text, and where it stands."""

    text: str
    place: Place


@dataclass(frozen=True, slots=True)
class Listing:
    """A sequence and where it begins."""

    items: tuple[Node, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Table:
    """A mapping, in text order, and where it begins."""

    items: tuple[tuple[Text, Node], ...]
    place: Place


Node: TypeAlias = Text | Listing | Table
Path: TypeAlias = tuple[str | int, ...]

Places: TypeAlias = Callable[[Path], Place]
"""Where in the text an entry stands."""


def refuse(code: str, says: str, place: Place, write: str = "") -> SpecError:
    """A refusal with one finding."""
    return SpecError((Finding(code=code, says=says, place=place, write=write),))


def read(text: str | bytes) -> Table:
    """The tree of a text whose top is a mapping.

    Raises:
        SpecError: the text is too large, is not YAML as restricted here, or its top is no mapping.
    """
    nodes = read_all(text)
    if len(nodes) != 1:
        says = "Here a second protocol begins; one text holds one."
        raise refuse("TEXT_DOCUMENTS", says, nodes[1].place, "Remove the --- line, or write two texts.")
    return nodes[0]


def read_all(text: str | bytes) -> tuple[Table, ...]:
    """Every document of a text, for files that hold several (scenarios).

    Raises:
        SpecError: as ``read``.
    """
    start = Place(line=1, column=1)
    source = _decode(text, start)
    try:
        found = _Reader(source).documents()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = start if mark is None else Place(line=mark.line + 1, column=mark.column + 1)
        problem = error.problem or "it cannot be read"
        raise refuse(
            "TEXT_SYNTAX", f"The lines do not fit together here: {problem}.", place, "Check indents, quotes and colons."
        ) from None
    except yaml.YAMLError:
        raise refuse(
            "TEXT_SYNTAX", "This holds a character YAML does not allow.", start, "Save it as plain UTF-8 text."
        ) from None
    if not found:
        raise refuse("TEXT_EMPTY", "The text is empty.", start, "Begin with: protocol: a-name")
    for node in found:
        if not isinstance(node, Table):
            raise refuse("TEXT_SHAPE", "The text must be keys and values.", node.place, "Begin with: protocol: a-name")
    return tuple(node for node in found if isinstance(node, Table))


def _decode(text: str | bytes, start: Place) -> str:
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    if len(data) > MAX_BYTES:
        raise refuse("TEXT_TOO_LARGE", f"The text has {len(data):,} bytes; {MAX_BYTES:,} are allowed.", start)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        place = Place(line=line, column=error.start - data.rfind(b"\n", 0, error.start))
        raise refuse("TEXT_ENCODING", "The text is not UTF-8.", place, "Save it as UTF-8.") from None


class _Reader:
    """Builds the tree from parser events, counting as it goes, so an oversized text stops early."""

    def __init__(self, source: str) -> None:
        self._events = yaml.parse(source, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        self._count = 0

    def documents(self) -> list[Node]:
        starts = (event for event in self._events if isinstance(event, yaml.DocumentStartEvent))
        return [self._node(next(self._events), 1) for _ in starts]

    def _node(self, event: yaml.Event, depth: int) -> Node:
        mark = event.start_mark
        place = Place(line=mark.line + 1, column=mark.column + 1) if mark else Place(line=1, column=1)
        self._bound(event, place, depth)
        if isinstance(event, yaml.ScalarEvent):
            return Text(event.value, place)
        if isinstance(event, yaml.SequenceStartEvent):
            return Listing(tuple(self._items(depth)), place)
        return Table(tuple(self._pairs(depth)), place)

    def _bound(self, event: yaml.Event, place: Place, depth: int) -> None:
        self._count += 1
        if self._count > MAX_NODES:
            raise refuse("TEXT_TOO_MANY_NODES", f"The text has more than {MAX_NODES:,} entries.", place)
        if depth > MAX_DEPTH:
            raise refuse("TEXT_TOO_DEEP", f"The text is nested deeper than {MAX_DEPTH}.", place)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise refuse("TEXT_ANCHOR", "Anchors (&) and aliases (*) are not used.", place, "Write the text out.")
        if getattr(event, "tag", None) not in (None, "!"):
            raise refuse("TEXT_TAG", "Tags (!) are not used.", place, "Remove the tag.")
        if isinstance(event, yaml.ScalarEvent) and len(event.value) > MAX_PHRASE:
            says = f"This phrase has {len(event.value):,} characters; {MAX_PHRASE:,} are allowed."
            raise refuse("TEXT_LONG", says, place, "Write it shorter, or as several entries of a list.")

    def _items(self, depth: int) -> list[Node]:
        found = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            found.append(self._node(event, depth + 1))
        return found

    def _pairs(self, depth: int) -> list[tuple[Text, Node]]:
        found: list[tuple[Text, Node]] = []
        seen: set[str] = set()
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._node(event, depth + 1)
            if not isinstance(key, Text):
                raise refuse("TEXT_KEY", "A key must be plain words.", key.place, "Write a word, a colon, a blank.")
            if key.text in seen:
                raise refuse("TEXT_DUPLICATE_KEY", f"{key.text} stands twice here.", key.place, "Keep one of them.")
            seen.add(key.text)
            found.append((key, self._node(next(self._events), depth + 1)))
        return found


def plain(node: Node) -> object:
    """The tree as dicts, lists and texts; an empty scalar is None (a name that stands alone)."""
    if isinstance(node, Text):
        return node.text or None
    if isinstance(node, Listing):
        return [plain(each) for each in node.items]
    return {key.text: plain(value) for key, value in node.items}


def place_of(node: Node, path: Path, *, at_key: bool = False) -> Place:
    """Where the entry at a path stands: its phrase if it is one and the key is not meant, else its key.

    The nearest entry above it when the path leads nowhere.
    """
    place, key = node.place, ""
    for part in path:
        if isinstance(node, Table):
            found = next(((k, v) for k, v in node.items if k.text == part), None)
            if found is None:
                continue
            place, node = found[0].place, found[1]
            key = f"{key}/{part}" if key else str(part)
            if isinstance(node, Text) and node.text and not at_key:
                place = node.place
        elif isinstance(node, Listing) and isinstance(part, int) and part < len(node.items):
            node = node.items[part]
            place = node.place
    return Place(line=place.line, column=place.column, key=key)
