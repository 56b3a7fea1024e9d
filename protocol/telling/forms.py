"""What a graph can be drawn as: apart from the drawing, for who only offers the choice."""

from __future__ import annotations

from enum import StrEnum


class Form(StrEnum):
    """What a graph can be drawn as."""

    SVG = "svg"
    MERMAID = "mermaid"
    DOT = "dot"
